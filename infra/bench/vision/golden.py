"""Defects against a golden picture, through the whole engine: from the bytes of two files to findings.

A defect is found when its middle lies in a finding's box; a finding is false when its middle lies in no defect's box
grown by 1.5 % of the picture. The defects of a photo that was sent back count as missed.
"""

from typing import Any

from infra.bench.vision.cases import JPEG, KINDS, LEVELS, Say, Shot, boards, draw, draw_golden, take
from infra.demo.boards import to_jpeg
from processors.vision.inspect import PhotoResult, inspect
from schemas.inspections import Box

WIDTH_PX = 2300
_GROWN = 0.015


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return golden{easy,medium,hard}{recall,false_per_image,named,sent_back,photos,defects,missed}."""
    count = 2 if quick else 18
    width = 1100 if quick else WIDTH_PX
    tallies = {level: Tally() for level in LEVELS}
    for number, (board, rng) in enumerate(boards(seed, 3, count)):
        golden = to_jpeg(draw_golden(board, width), 92)
        drawn = draw(board, width, rng, KINDS)
        for level in LEVELS:
            shot = take(drawn, level, rng)
            result = inspect([to_jpeg(shot.picture, JPEG[level])], golden).photos[0]
            tallies[level].add(shot, result)
        say(f"golden: board {number + 1} of {count}")
    return {"golden": {level: tally.summary() for level, tally in tallies.items()}}


class Tally:
    """Counts what was found, missed and made up."""

    def __init__(self) -> None:
        self.photos = self.sent_back = self.defects = self.found = self.named = self.false = 0
        self.missed: dict[str, int] = {}

    def add(self, shot: Shot, result: PhotoResult) -> None:
        """Hold one photo's findings against its truth."""
        self.photos += 1
        self.sent_back += not result.compared
        grown = _GROWN * shot.picture.shape[1]
        for kind, box in shot.truths:
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            hits = [one.kind for one in result.findings if _holds(_edges(one.box), x, y, 4)]
            self.defects += 1
            self.found += bool(hits)
            self.named += kind in hits
            if not hits:
                self.missed[kind] = self.missed.get(kind, 0) + 1
        for one in result.findings:
            x, y = one.box.x_px + one.box.width_px / 2, one.box.y_px + one.box.height_px / 2
            self.false += not any(_holds(box, x, y, grown) for _, box in shot.truths)

    def summary(self) -> dict[str, Any]:
        """Return the figures of a level."""
        return {
            "recall": round(self.found / max(1, self.defects), 4),
            "false_per_image": round(self.false / max(1, self.photos), 4),
            "named": round(self.named / max(1, self.found), 4),
            "sent_back": self.sent_back,
            "photos": self.photos,
            "defects": self.defects,
            "missed": self.missed,
        }


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px


def _holds(box: tuple[float, float, float, float], x: float, y: float, grown: float) -> bool:
    return box[0] - grown < x < box[2] + grown and box[1] - grown < y < box[3] + grown
