"""Residue, corrosion and burns painted on drawn boards: how much of their area is found, and how much on clean ones?"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.bench.vision.cases import LEVELS, Difficulty, Drawn, Say, boards, draw, draw_golden, take
from infra.demo.boards_defects import DefectKind
from processors.vision.align import align
from processors.vision.board_mask import board_mask
from processors.vision.compare import find_blobs
from processors.vision.condition import Soil, soil_of, suspects_of
from processors.vision.config import Policy
from processors.vision.register import register

WIDTH_PX = 1500
_SOILED: tuple[DefectKind, ...] = ("residue", "corrosion", "burn", "residue")


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return residue{iou, false_area, levels, kinds_right, severity_error, without_golden}.

    ``iou`` is the median over photos of easy and medium of the intersection of found and painted areas over their
    union, in the golden picture's frame; ``false_area`` the mean percentage of a clean board called soiled, at these
    levels. ``severity_error`` is the mean distance of the percentages of soil, in points. ``without_golden`` counts
    how many painted areas are suspected and the percentage of clean boards that is.
    """
    count = 1 if quick else 12
    found: dict[str, list[tuple[float, float, float]]] = {level: [] for level in LEVELS}
    named: list[bool] = []
    suspected: list[bool] = []
    cried: list[float] = []
    for number, (board, rng) in enumerate(boards(seed, 7, count)):
        golden = draw_golden(board, WIDTH_PX)
        mask = board_mask(golden)
        soiled, clean = draw(board, WIDTH_PX, rng, _SOILED), draw(board, WIDTH_PX)
        for level in LEVELS:
            shot, spotless = take(soiled, level, rng), take(clean, level, rng)
            seen, none = _soil(shot.picture, golden, mask), _soil(spotless.picture, golden, mask)
            truth, right = _truth(soiled, seen)
            got = _any(seen)
            share = 100 / max(1, int(np.count_nonzero(seen.board)))
            apart = abs(int(np.count_nonzero(got)) - int(np.count_nonzero(truth))) * share
            iou = int(np.count_nonzero(got & truth)) / max(1, int(np.count_nonzero(got | truth)))
            found[level].append((iou, _percent(none), apart))
            named += right
            if level != "hard":
                suspected += _suspected(soiled, shot.picture, shot.homography)
                cried.append(_percent(suspects_of(spotless.picture)))
        say(f"residue: {number + 1} of {count} boards")
    return {"residue": _summary(found, named) | {"without_golden": _without(suspected, cried)}}


def _summary(found: dict[str, list[tuple[float, float, float]]], named: list[bool]) -> dict[str, Any]:
    levels: dict[Difficulty, dict[str, float]] = {
        level: {
            "iou": round(float(np.median([one[0] for one in found[level]])), 3),
            "iou_p10": round(float(np.percentile([one[0] for one in found[level]], 10)), 3),
            "false_area": round(float(np.mean([one[1] for one in found[level]])), 4),
        }
        for level in LEVELS
    }
    scored = found["easy"] + found["medium"]
    return {
        "iou": round(float(np.median([one[0] for one in scored])), 3),
        "false_area": round(float(np.mean([one[1] for one in scored])), 4),
        "levels": levels,
        "kinds_right": round(float(np.mean(named)), 3),
        "severity_error": round(float(np.mean([one[2] for one in scored])), 3),
    }


def _without(suspected: list[bool], cried: list[float]) -> dict[str, float]:
    return {
        "suspected": round(float(np.mean(suspected)), 3),
        "false_area": round(float(np.mean(cried)), 3),
        "clean_boards_suspected": round(float(np.mean([one > 0 for one in cried])), 3),
    }


def _soil(picture: NDArray[Any], golden: NDArray[Any], mask: NDArray[Any]) -> Soil:
    limits = Policy().compare
    found = register(picture, golden, mask)
    if found is None:
        # Nothing is seen on a photo that cannot be placed: no area, and none of what is painted.
        return Soil({}, np.ones(golden.shape[:2], bool))
    aligned = align(picture, golden, mask, found.homography, limits.side_px)
    return soil_of(aligned, find_blobs(aligned, limits))


def _any(soil: Soil) -> NDArray[Any]:
    found = np.zeros_like(soil.board)
    for mask in soil.masks.values():
        found |= mask & soil.board
    return found


def _percent(soil: Soil) -> float:
    return 100 * float(np.count_nonzero(_any(soil))) / max(1, int(np.count_nonzero(soil.board)))


def _truth(soiled: Drawn, seen: Soil) -> tuple[NDArray[Any], list[bool]]:
    """Return what is painted (H, W) in the golden's frame, and of each area whether most of what was found has its
    kind; an area that was not found is not."""
    height, width = seen.board.shape
    truth, right = np.zeros_like(seen.board), []
    for kind, painted in soiled.painted:
        area = (cv2.resize(painted, (width, height), interpolation=cv2.INTER_NEAREST) > 0) & seen.board
        truth |= area
        sizes = {name: int(np.count_nonzero(mask & area)) for name, mask in seen.masks.items()}
        best = max(sizes, key=lambda name: sizes[name], default=None)
        right.append(best == kind and sizes[best] > 0)
    return truth, right


def _suspected(soiled: Drawn, picture: NDArray[Any], warp: NDArray[Any]) -> list[bool]:
    seen = _any(suspects_of(picture))
    hits = []
    for _, painted in soiled.painted:
        there = cv2.warpPerspective(painted, warp, picture.shape[1::-1])
        area = cv2.resize(there, seen.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        hits.append(bool(np.count_nonzero(seen & area) > 0.2 * np.count_nonzero(area)))
    return hits
