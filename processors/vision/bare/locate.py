"""Where a template lies in a tested picture: a shift, then an affine map, then a smooth field of small shifts.

Everything is done on copper masks. A board that was cut, drilled and etched in separate steps is not rigid, so that no
single affine map fits it everywhere; the field takes up what is left.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.kinds import Mask

_COARSE = 4
_COARSE_REACH_PX = 48
_ROUNDS = ((128, 16, 4), (96, 6, 2))
"""Block side, reach and down-scaling of each round of the affine fit; pixels of the tested picture."""
_FIELD_BLOCK_PX, _FIELD_STEP_PX, _FIELD_REACH_PX = 96, 64, 4
_MIN_TEXTURE = 0.02
"""A block needs this share of edge pixels, or its shift is a guess."""
_EDGE_LEVELS = 24
_TRUSTED_NCC = 0.5
_MIN_BLOCKS, _MIN_SPREAD_PX = 6, 40.0
_CELL_PX = 16
_FIELD_INERTIA = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Shifts of blocks: their middles (N, 2) and shifts (N, 2) in pixels, and weights (N, 2) from 0 to 1 per axis."""

    middles: NDArray[Any]
    shifts: NDArray[Any]
    weights: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """The template in the tested picture's frame.

    Attributes:
        template: copper of the template, (H, W) uint8.
        tested: copper of the tested picture, (H, W) uint8.
        valid: 1 where the template has something to say; its own border leaves a rim of the tested picture unknown.
        affine: (2, 3), tested pixel to template pixel, before the field.
        disagreement: share of valid pixels that differ.
    """

    template: Mask
    tested: Mask
    valid: Mask
    affine: NDArray[Any]
    disagreement: float


def locate(template: Mask, tested: Mask) -> Located:
    """Bring ``template`` into the frame of ``tested``; both (H, W) uint8 copper masks, sizes may differ."""
    affine = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    affine[:, 2] = _coarse_shift(template, tested)
    soft_template = cv2.GaussianBlur(template * np.uint8(255), (0, 0), 1.0)
    soft_tested = cv2.GaussianBlur(tested * np.uint8(255), (0, 0), 1.0)
    for block, reach, scale in _ROUNDS:
        warped = _warp(soft_template, affine, tested.shape)
        affine = _refined(affine, block_shifts(warped, soft_tested, block, block * 3 // 4, reach, scale))
    return _with_field(template, tested, soft_template, soft_tested, affine)


def _with_field(
    template: Mask, tested: Mask, soft_template: NDArray[Any], soft_tested: NDArray[Any], affine: NDArray[Any]
) -> Located:
    warped = _warp(soft_template, affine, tested.shape)
    blocks = block_shifts(warped, soft_tested, _FIELD_BLOCK_PX, _FIELD_STEP_PX, _FIELD_REACH_PX, 2)
    x, y = _map(affine, blocks, tested.shape)
    grey = cv2.remap(template * np.uint8(255), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside: NDArray[Any] = (x >= 0) & (y >= 0) & (x <= template.shape[1] - 1) & (y <= template.shape[0] - 1)
    found = (grey > 127).astype(np.uint8)
    apart = int(np.count_nonzero((found != tested) & inside)) / max(1, int(np.count_nonzero(inside)))
    return Located(found, tested, inside.astype(np.uint8), affine, apart)


def _map(affine: NDArray[Any], blocks: Blocks, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return for each tested pixel the x and y of its template pixel, (H, W) float32 each.

    Computed on a grid of cells and drawn out linearly, a cell to spare on each side: at the rim ``resize`` repeats.
    """
    height, width = -(-shape[0] // _CELL_PX) + 2, -(-shape[1] // _CELL_PX) + 2
    rows, columns = (np.mgrid[0:height, 0:width] - 1.0) * _CELL_PX + (_CELL_PX - 1) / 2
    field = _smooth_field(blocks, rows, columns)
    x, y = columns - field[0], rows - field[1]
    crop = np.s_[_CELL_PX : _CELL_PX + shape[0], _CELL_PX : _CELL_PX + shape[1]]
    size = (width * _CELL_PX, height * _CELL_PX)
    maps = (row[0] * x + row[1] * y + row[2] for row in affine)
    x_map, y_map = (cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[crop] for one in maps)
    return x_map, y_map


def _coarse_shift(template: Mask, tested: Mask) -> NDArray[Any]:
    """Return template minus tested position in pixels, by correlation at a quarter of the scale."""
    small_template, small_tested = (
        cv2.resize(one * np.float32(1), None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
        for one in (template, tested)
    )
    reach = _COARSE_REACH_PX // _COARSE
    padded = cv2.copyMakeBorder(small_template, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0.5)
    height, width = min(padded.shape[0], small_tested.shape[0]), min(padded.shape[1], small_tested.shape[1])
    scores = cv2.matchTemplate(padded, small_tested[:height, :width], cv2.TM_SQDIFF)
    _, _, place, _ = cv2.minMaxLoc(scores)
    return (np.array(place, np.float64) - reach) * _COARSE


def _warp(picture: NDArray[Any], affine: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    size = (shape[1], shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: NDArray[Any] = cv2.warpAffine(picture, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped


def block_shifts(moving: NDArray[Any], fixed: NDArray[Any], block: int, step: int, reach: int, scale: int) -> Blocks:
    """Return how blocks of ``moving`` are shifted in ``fixed``, both (H, W) uint8.

    A shift is the peak of the normalised correlation within ``reach`` pixels, to a part of a pixel by a parabola.
    Blocks without edges are left out; one with edges along one direction only tells nothing along it.
    """
    if scale > 1:
        moving, fixed = (
            cv2.resize(one, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA) for one in (moving, fixed)
        )
    side, hop, far = block // scale, step // scale, max(1, reach // scale)
    height, width = fixed.shape
    found = []
    for top in _starts(height, side, hop, far):
        for left in _starts(width, side, hop, far):
            patch = moving[top : top + side, left : left + side]
            tells_x, tells_y = _edges(patch)
            if not tells_x and not tells_y:
                continue
            area = fixed[top - far : top + side + far, left - far : left + side + far]
            dx, dy, peak = _peak(cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED))
            middle = (left + side / 2) * scale - 0.5, (top + side / 2) * scale - 0.5
            found.append((*middle, (dx - far) * scale, (dy - far) * scale, tells_x * peak**2, tells_y * peak**2, peak))
    table = np.array(found, np.float64).reshape(-1, 7)
    table = table[table[:, 6] > _TRUSTED_NCC]
    return Blocks(table[:, :2], table[:, 2:4], table[:, 4:6])


def _starts(length: int, side: int, hop: int, far: int) -> range:
    return range(far, max(far + 1, length - side - far + 1), hop) if length >= side + 2 * far else range(0)


def _edges(patch: NDArray[Any]) -> tuple[bool, bool]:
    """Return whether the patch has enough edges across x, and across y."""
    across = np.count_nonzero(cv2.absdiff(patch[:, 1:], patch[:, :-1]) > _EDGE_LEVELS)
    down = np.count_nonzero(cv2.absdiff(patch[1:], patch[:-1]) > _EDGE_LEVELS)
    return bool(across > _MIN_TEXTURE * patch.size), bool(down > _MIN_TEXTURE * patch.size)


def _peak(scores: NDArray[Any]) -> tuple[float, float, float]:
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    dx = _vertex(scores[y, x - 1 : x + 2]) if 0 < x < scores.shape[1] - 1 else 0.0
    dy = _vertex(scores[y - 1 : y + 2, x]) if 0 < y < scores.shape[0] - 1 else 0.0
    return x + dx, y + dy, float(best)


def _vertex(three: NDArray[Any]) -> float:
    """Return where the parabola through three equally spaced values is greatest, from the middle one."""
    before, middle, after = (float(one) for one in three)
    bend = before - 2 * middle + after
    return 0.0 if bend > -1e-9 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _refined(affine: NDArray[Any], blocks: Blocks) -> NDArray[Any]:
    """Return ``affine`` after a robust fit of the blocks' shifts: six numbers, or a mere shift from few blocks."""
    moved = np.eye(3)
    for axis in (0, 1):
        told = blocks.weights[:, axis] > 0
        points, shifts, weights = blocks.middles[told], blocks.shifts[told, axis], blocks.weights[told, axis]
        if not len(points):
            continue
        full = len(points) >= _MIN_BLOCKS and float(points.std(0).min()) > _MIN_SPREAD_PX
        basis = np.column_stack([points, np.ones(len(points))]) if full else np.ones((len(points), 1))
        moved[axis, 0 if full else 2 :] += _robust(basis, shifts, weights)
    # A template pixel at p shows in the tested picture at p + shift(p): go back through that before the old map.
    whole: NDArray[Any] = np.vstack([affine, [0, 0, 1]]) @ np.linalg.inv(moved)
    return whole[:2]


def _robust(basis: NDArray[Any], values: NDArray[Any], trust: NDArray[Any]) -> NDArray[Any]:
    """Least squares with Huber's weights, four rounds; a value off by more than 1.5 medians counts less."""
    weights = trust
    solved: NDArray[Any] = np.zeros(basis.shape[1])
    for _ in range(4):
        root = np.sqrt(weights)
        solved = np.linalg.lstsq(basis * root[:, None], values * root, rcond=None)[0]
        off = np.abs(values - basis @ solved)
        weights = trust / np.maximum(1.0, off / max(0.3, 1.5 * float(np.median(off))))
    return solved


def _smooth_field(blocks: Blocks, rows: NDArray[Any], columns: NDArray[Any]) -> list[NDArray[Any]]:
    """Spread block shifts over the points of a grid: Gaussian weights of half a block, drawn to none where unsure."""
    middles = blocks.middles
    away = (columns[..., None] - middles[:, 0]) ** 2 + (rows[..., None] - middles[:, 1]) ** 2
    near = np.exp(-away / (2 * (0.5 * _FIELD_BLOCK_PX) ** 2))
    spread = []
    for axis in (0, 1):
        weights = near * blocks.weights[:, axis]
        spread.append(weights @ blocks.shifts[:, axis] / (weights.sum(-1) + _FIELD_INERTIA))
    return spread
