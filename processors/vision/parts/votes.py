"""What the parts of a board say about where they lie in a picture: each is looked for near its place."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import project
from processors.vision.parts.places import Placed

_PAD_MM, _PAD, _BODY = 0.4, 1.0, 0.6
"""A pad's side, and how bright pads and bodies are drawn: solder is less like the mask than most bodies are."""
_SHIFT = 4
_ROOM_PX, _LEAST_PX = 5, 10
_LEAST_CONTRAST, _LEAST_LIKENESS = 0.05, 0.3


class Votes:
    """Parts and pads that can be drawn into any frame."""

    def __init__(self, parts: Sequence[Placed], pads_mm: NDArray[Any]) -> None:
        """Take bodies, and middles of pads (N, 2), which may be none."""
        self.parts = tuple(parts)
        self.bodies_mm = np.array([one.corners_mm() for one in parts]).reshape(-1, 4, 2)
        self.middles_mm = np.array([one.middle_mm for one in parts]).reshape(-1, 2)
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * _PAD_MM / 2
        self._pads_mm = pads_mm.reshape(-1, 1, 2) + square

    def draw(self, to_frame: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
        """Return bodies and pads (H, W) float32, 0 to 1, in a frame of ``size`` (W, H)."""
        drawn: NDArray[Any] = np.zeros((size[1], size[0]), np.float32)
        for shapes, level in ((self.bodies_mm, _BODY), (self._pads_mm, _PAD)):
            if len(shapes):
                seen = project(to_frame, shapes.reshape(-1, 2)).reshape(-1, 4, 2)
                for one in np.round(np.clip(seen, -1e5, 1e5) * (1 << _SHIFT)).astype(np.int32):
                    cv2.fillPoly(drawn, [one], level, cv2.LINE_AA, _SHIFT)
        return drawn


def vote(
    unlike: NDArray[Any], votes: Votes, to_frame: NDArray[Any], reach_px: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where parts are drawn (N, 2) and where the picture shows each (N, 2); those unlike anything stay away.

    Args:
        unlike: (H, W) float32, high where the picture shows no bare board.
        votes: the parts.
        to_frame: board millimetres to its pixels.
        reach_px: how far a part is looked for.
    """
    height, width = unlike.shape
    drawn = cv2.GaussianBlur(votes.draw(to_frame, (width, height)), (0, 0), 1.0)
    corners = project(to_frame, votes.bodies_mm.reshape(-1, 2)).reshape(-1, 4, 2)
    source, target = [], []
    for (x, y), body in zip(project(to_frame, votes.middles_mm), corners, strict=True):
        half = max(_LEAST_PX, float(np.ptp(body, axis=0).max()) / 2 + _ROOM_PX)
        if not (0 <= x < width and 0 <= y < height) or half > min(height, width):
            continue
        half = round(half)
        left, top = round(x) - half, round(y) - half
        if min(left, top) < reach_px or left + 2 * half + reach_px >= width or top + 2 * half + reach_px >= height:
            continue
        own = drawn[top : top + 2 * half, left : left + 2 * half]
        if own.std() < _LEAST_CONTRAST:
            continue
        room = unlike[top - reach_px : top + 2 * half + reach_px, left - reach_px : left + 2 * half + reach_px]
        found = cv2.matchTemplate(room, own, cv2.TM_CCOEFF_NORMED)
        _, likeness, _, (column, row) = cv2.minMaxLoc(found)
        if likeness >= _LEAST_LIKENESS:
            source.append((x, y))
            target.append((x + peak(found[row], column) - reach_px, y + peak(found[:, column], row) - reach_px))
    return np.array(source).reshape(-1, 2), np.array(target).reshape(-1, 2)


def peak(values: NDArray[Any], at: int) -> float:
    """Return where the parabola through a greatest value and its neighbours has its peak."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(one) for one in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)
