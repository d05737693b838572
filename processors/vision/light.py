"""Undoing the light of a photo: what is left beside the golden picture is the board, not the lamp.

Three steps: exposure, gamma and a smooth field of light; then what is left of the tones, each by itself, because a few
bright parts hardly count in the first; then what the sensor cut off, about which nothing can be said.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import greatest

Picture = NDArray[Any]

CLIPPED = 250
"""At this level and above a sensor has had enough."""
_OFFSET = 8.0
"""Added before the logarithm: below it, sensor noise is all there is."""
_BLOCK_PX = 24
_STEPS = 8
_FLAT = 24
_TONE = 12
_TONE_PX = 250
_TONE_PLACES = 4
_PLACES = 16
_PLACE_PX = 20
_MOST = 22.0
"""Levels that a tone is corrected by at most: a lost part is farther from what was there."""
_SMOOTH = 4.0
_NEARLY_CLIPPED = 245


def same_light(seen: Picture, reference: Picture, valid: NDArray[Any]) -> NDArray[Any]:
    """Return a photo (H, W, 3) as it would be in the light of the reference (H, W, 3), float32 levels 0 to 255.

    ``valid`` (H, W) bool marks the board.
    """
    lit = _undo_tones(_undo_field(seen, reference, valid), reference, valid)
    cut = cv2.dilate((seen >= _NEARLY_CLIPPED).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    # The sensor saw at least this much; where the reference is brighter still, the two agree.
    return np.where(cut & (lit < reference), reference, lit).astype(np.float32)


def _undo_tones(lit: NDArray[Any], reference: Picture, valid: NDArray[Any]) -> NDArray[Any]:
    """Undo per channel what is left of the tones: the median error of flat areas of each level of the reference.

    A level counts when it is seen in several places of the board, so that one changed part does not set its own tone.
    """
    slope = greatest(cv2.morphologyEx(reference, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)))
    flat = (valid & (slope < _FLAT))[::2, ::2]
    rows, columns = np.nonzero(flat)
    place = rows * _PLACES // flat.shape[0] * _PLACES + columns * _PLACES // flat.shape[1]
    even = np.empty_like(lit)
    for channel in range(3):
        own = lit[..., channel]
        levels, aim = own[::2, ::2][flat], reference[::2, ::2, channel][flat].astype(np.float32)
        tones = (aim / _TONE).astype(np.int64)
        known: list[tuple[float, float]] = []
        for tone in range(256 // _TONE + 1):
            inside = np.flatnonzero(tones == tone)
            places = np.bincount(place[inside], minlength=1) >= _PLACE_PX
            if len(inside) >= _TONE_PX and np.count_nonzero(places) >= _TONE_PLACES:
                off = float(np.median(levels[inside] - aim[inside]))
                known.append((float(np.median(levels[inside])), min(_MOST, max(-_MOST, off))))
        even[..., channel] = own - _curve(known, own)
    clipped: NDArray[Any] = np.clip(even, 0, 255)
    return clipped


def _curve(known: list[tuple[float, float]], levels: NDArray[Any]) -> NDArray[Any]:
    """Return what to take from each of ``levels`` (H, W), from errors known at some of them."""
    if len(known) < 2:
        return np.zeros_like(levels)
    at, off = zip(*sorted(known), strict=True)
    table = np.interp(np.arange(256), at, off).astype(np.float32).reshape(1, -1)
    curve: NDArray[Any] = cv2.LUT(levels.astype(np.uint8), cv2.GaussianBlur(table, (0, 0), _SMOOTH))
    return curve


def _undo_field(seen: Picture, reference: Picture, valid: NDArray[Any]) -> NDArray[Any]:
    """Undo exposure, gamma and a smooth field of light, fitted per channel to the logs of block medians.

    ``log photo = a log golden + b(x, y)`` with ``b`` of second order, by iteratively reweighted least squares: blocks
    that a defect has changed lose their weight, so a large stain is not taken for light.
    """
    table = np.log(np.arange(256, dtype=np.float32) + np.float32(_OFFSET))
    height, width = valid.shape
    rows, columns = height // _BLOCK_PX, width // _BLOCK_PX
    usable = _blocks(valid, rows, columns).mean(1) > 0.95
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x = (xs.ravel() + 0.5) * _BLOCK_PX / width - 0.5
    y = (ys.ravel() + 0.5) * _BLOCK_PX / height - 0.5
    full_y: NDArray[Any] = (np.arange(height) / height - 0.5).astype(np.float32)
    full_x: NDArray[Any] = (np.arange(width) / width - 0.5).astype(np.float32)
    lit = np.empty(seen.shape, np.float32)
    for channel in range(3):
        a = table[np.median(_blocks(reference[..., channel], rows, columns), 1).astype(np.uint8)]
        b = table[np.median(_blocks(seen[..., channel], rows, columns), 1).astype(np.uint8)]
        usable_here = usable & (b < table[CLIPPED])
        if np.count_nonzero(usable_here) < 24:
            lit[..., channel] = seen[..., channel]
            continue
        terms = np.stack([a, np.ones_like(a), x, y, x * x, x * y, y * y], 1)
        gain, *field = _robust_fit(terms[usable_here], b[usable_here])
        gain = min(max(gain, 0.5), 2.0)
        across = field[1] * full_x + field[3] * full_x**2
        down = field[0] + field[2] * full_y + field[5] * full_y**2
        light = down[:, None] + across[None, :] + np.float32(field[4]) * full_y[:, None] * full_x[None, :]
        lit[..., channel] = cv2.exp(((cv2.LUT(seen[..., channel], table) - light) / gain).astype(np.float32)) - _OFFSET
    return np.clip(lit, 0, 255)


def _blocks(plane: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return every third pixel of each block, (rows * columns, samples)."""
    cut = plane[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    side = _BLOCK_PX // 3
    taken = cut.reshape(rows, side, 3, columns, side, 3)[:, :, 1, :, :, 1]
    return taken.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)


def _robust_fit(terms: NDArray[Any], values: NDArray[Any]) -> list[float]:
    weights = np.ones(len(values))
    # A faint pull towards unit contrast and no gradient keeps a board of one tone solvable.
    pull = np.diag([3.0, 0, 0.3, 0.3, 0.3, 0.3, 0.3])
    aim = np.array([1.0, 0, 0, 0, 0, 0, 0])
    answer = aim
    for _ in range(_STEPS):
        weighted = terms * weights[:, None]
        answer = np.linalg.solve(weighted.T @ terms + pull + 1e-9 * np.eye(7), weighted.T @ values + pull @ aim)
        off = np.abs(values - terms @ answer)
        spread = max(1.48 * float(np.median(off)), 0.01)
        weights = 1 / (1 + (off / (2 * spread)) ** 2)
    return [float(one) for one in answer]
