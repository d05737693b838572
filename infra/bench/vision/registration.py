"""Where the golden picture lies in a photo: root mean square error in pixels of a photo of 4 megapixels, and time."""

import time
from typing import Any

import numpy as np

from infra.bench.vision.cases import LEVELS, OCCLUDERS, Say, boards, draw, draw_golden, grid, off_px, take
from processors.vision.board_mask import board_mask
from processors.vision.register import register

WIDTH_PX = 2300
LARGE_PX = 4000
_LOST_PX = 999.0
"""Stands for a photo in which the board was not found."""


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return registration{easy,medium,hard}{p50_px,p95_px,not_found,photos}, and registration_12mp_s (CPU)."""
    count = 2 if quick else 16
    width = 1100 if quick else WIDTH_PX
    found: dict[str, list[float]] = {level: [] for level in LEVELS}
    for number, (board, rng) in enumerate(boards(seed, 1, count)):
        golden = draw_golden(board, width)
        mask, points = board_mask(golden), grid(board, golden)
        drawn = draw(board, width)
        for level in LEVELS:
            shot = take(drawn, level, rng, OCCLUDERS[level])
            place = register(shot.picture, golden, mask)
            found[level].append(_LOST_PX if place is None else off_px(place.homography, shot.homography, points))
        say(f"registration: board {number + 1} of {count}")
    result: dict[str, Any] = {"registration": {level: _summary(found[level]) for level in LEVELS}}
    result["registration_12mp_s"] = _time(seed, 1600 if quick else LARGE_PX, 1 if quick else 3)
    return result


def _summary(errors: list[float]) -> dict[str, Any]:
    p50, p95 = (round(float(one), 3) for one in np.percentile(errors, (50, 95)))
    return {"p50_px": p50, "p95_px": p95, "not_found": errors.count(_LOST_PX), "photos": len(errors)}


def _time(seed: int, width: int, repeat: int) -> float:
    """Return the median CPU time of one registration, the golden picture's features included."""
    board, rng = next(boards(seed, 2, 1))
    golden = draw_golden(board, width)
    shot, mask = take(draw(board, width), "medium", rng), board_mask(golden)
    spent = []
    for _ in range(repeat):
        started = time.process_time()
        register(shot.picture, golden, mask)
        spent.append(time.process_time() - started)
    return round(float(np.median(spent)), 3)
