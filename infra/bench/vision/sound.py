"""500 photos of sound boards against their golden pictures: how many would fail?

A third as from a jig, a third easy, a third medium; every second photo is a third smaller than the golden picture, as
phones and document cameras differ. The golden pictures have 1140 px.
"""

from typing import Any

import cv2
import numpy as np

from infra.bench.vision.cases import JPEG, Difficulty, Drawn, Say, boards, conditions_of, draw, draw_golden
from infra.demo.boards import to_jpeg
from infra.demo.boards_camera import conditions, shoot
from processors.vision.inspect import inspect

WIDTH_PX = 1140
_SMALLER = 2 / 3
_PHOTOS_A_BOARD = 20


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return false_fail_of_500 (photos with any finding), and sound{photos, findings, not_compared}."""
    count = 1 if quick else 25
    photos = 3 if quick else _PHOTOS_A_BOARD
    failed = findings = not_compared = 0
    for number, (board, rng) in enumerate(boards(seed, 4, count)):
        golden = to_jpeg(draw_golden(board, WIDTH_PX), 92)
        drawn = draw(board, WIDTH_PX)
        for turn in range(photos):
            result = inspect([_photo(drawn, turn, rng)], golden).photos[0]
            failed += bool(result.findings)
            findings += len(result.findings)
            not_compared += not result.compared
        say(f"sound boards: {(number + 1) * photos} of {count * photos} photos, {failed} failed")
    total = count * photos
    return {
        "false_fail_of_500": round(failed * 500 / total),
        "sound": {"photos": total, "failed": failed, "findings": findings, "not_compared": not_compared},
    }


def _photo(drawn: Drawn, turn: int, rng: np.random.Generator) -> bytes:
    levels: tuple[Difficulty | None, ...] = (None, "easy", "medium")
    level = levels[turn % 3]
    seen = conditions("jig", rng) if level is None else conditions_of(level, rng)
    picture, _ = shoot(drawn.picture, drawn.alpha, seen, rng)
    if turn % 2:
        size = round(picture.shape[1] * _SMALLER), round(picture.shape[0] * _SMALLER)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return to_jpeg(picture, JPEG[level or "easy"])
