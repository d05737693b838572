"""Where a template lies in a tested picture: a shift, then an affine map, then a smooth field of small shifts.

Everything is done on copper masks. A board that was cut, drilled and etched in separate steps is not rigid, so that no
single affine map fits it everywhere; the field takes up what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.kinds import Mask

_COARSE, _FINE = 4, 2
"""Down-scaling of the search for a shift and a first affine map, and of the second map and the field."""
_COARSE_REACH_PX = 48
_COARSE_BLOCKS = (128, 64, 12)
_FINE_BLOCKS = (96, 48, 4)
"""Side, step and reach of the blocks, in pixels of the tested picture."""
_FIELD_SIGMA_PX = 48.0
_MIN_TEXTURE = 0.02
"""A block needs this share of edge pixels, or its shift is a guess."""
_EDGE_LEVELS = 24
_TRUSTED_NCC = 0.5
_MIN_BLOCKS, _MIN_SPREAD_PX = 6, 40.0
_CELL = 8
"""Side of the cells that blocks are put together from, in pixels of the scaled picture."""
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
    coarse = _small(template, _COARSE), _small(tested, _COARSE)
    fine = _small(template, _FINE), _small(tested, _FINE)
    affine = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    affine[:, 2] = _coarse_shift(*coarse)
    affine, _ = _refined(affine, _blocks(*coarse, affine, _COARSE, _COARSE_BLOCKS))
    affine, rest = _refined(affine, _blocks(*fine, affine, _FINE, _FINE_BLOCKS))
    x, y = _map(affine, rest, tested.shape)
    grey = cv2.remap(template * np.uint8(255), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (x >= 0) & (y >= 0) & (x <= template.shape[1] - 1) & (y <= template.shape[0] - 1)
    found: Mask = (grey > 127).astype(np.uint8)
    apart = int(np.count_nonzero((found != tested) & inside)) / max(1, int(np.count_nonzero(inside)))
    return Located(found, tested, inside.astype(np.uint8), affine, apart)


def _small(mask: Mask, scale: int) -> NDArray[Any]:
    return cv2.resize(mask * np.uint8(255), None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)


def _blocks(
    template: NDArray[Any], tested: NDArray[Any], affine: NDArray[Any], scale: int, sizes: tuple[int, int, int]
) -> Blocks:
    """Return how blocks of the mapped template are shifted in the tested picture; only the pictures are scaled down."""
    small = affine.copy()
    # A pixel's middle lies at a whole number, at either scale.
    off = (scale - 1) / 2
    small[:, 2] = (affine[:, :2] @ (off, off) + affine[:, 2] - off) / scale
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shape = (tested.shape[1], tested.shape[0])
    warped = cv2.warpAffine(template, small, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    side, step, reach = (size // scale for size in sizes)
    found = block_shifts(warped, tested, side, step, reach)
    return Blocks(found.middles * scale + off, found.shifts * scale, found.weights)


def _map(affine: NDArray[Any], blocks: Blocks, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return for each tested pixel the x and y of its template pixel, (H, W) float32 each.

    Computed on a grid of cells and drawn out linearly, a cell to spare on each side: at the rim ``resize`` repeats.
    """
    height, width = -(-shape[0] // _CELL_PX) + 2, -(-shape[1] // _CELL_PX) + 2
    rows, columns = (np.mgrid[0:height, 0:width] - 1.0) * _CELL_PX + (_CELL_PX - 1) / 2
    field = _smooth_field(blocks, rows[:, 0], columns[0])
    x, y = columns - field[0], rows - field[1]
    crop = np.s_[_CELL_PX : _CELL_PX + shape[0], _CELL_PX : _CELL_PX + shape[1]]
    size = (width * _CELL_PX, height * _CELL_PX)
    maps = (row[0] * x + row[1] * y + row[2] for row in affine)
    x_map, y_map = (cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[crop] for one in maps)
    return x_map, y_map


def _coarse_shift(template: NDArray[Any], tested: NDArray[Any]) -> NDArray[Any]:
    """Return template minus tested position in pixels, by the least difference at the coarse scale."""
    reach = _COARSE_REACH_PX // _COARSE
    padded = cv2.copyMakeBorder(template, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=127)
    height, width = min(padded.shape[0], tested.shape[0]), min(padded.shape[1], tested.shape[1])
    scores = cv2.matchTemplate(padded, tested[:height, :width], cv2.TM_SQDIFF)
    _, _, place, _ = cv2.minMaxLoc(scores)
    return (np.array(place, np.float64) - reach) * _COARSE


def block_shifts(moving: NDArray[Any], fixed: NDArray[Any], side: int, step: int, reach: int) -> Blocks:
    """Return how blocks of ``moving`` are shifted in ``fixed``, both (H, W) uint8 of one shape.

    A shift is where the squared difference is least within ``reach`` pixels, to a part of a pixel by a parabola; its
    weight falls with what differs even there, as a share of the block's own variance. A block with edges along one
    direction only tells nothing along it. ``side`` and ``step`` are whole multiples of ``_CELL``.

    All blocks are compared at once, a shift at a time: sums over cells serve every block that holds the cell.
    """
    height, width = (length // _CELL * _CELL for length in fixed.shape)
    moving, fixed = moving[:height, :width], fixed[:height, :width]
    told_by = [(one > _EDGE_LEVELS) * np.uint8(255) for one in _steps(moving)]
    right, lower, level, square = _block_means(
        [*told_by, moving, cv2.multiply(moving, moving, scale=1 / 255)], side, step
    )
    edges = right / 255, lower / 255
    variance = np.maximum(square * 255 - level**2, 1.0)
    differing = _differences(moving, fixed, side, step, reach)
    across = 2 * reach + 1
    rows, columns = differing.shape[1:]
    best = differing.reshape(-1, rows * columns).argmin(0)
    dy, dx = np.divmod(best, across)
    cost = differing.reshape(across, across, rows * columns)
    block = np.arange(rows * columns)
    least = cost[dy, dx, block]
    before, after = np.maximum(dx - 1, 0), np.minimum(dx + 1, across - 1)
    above, below = np.maximum(dy - 1, 0), np.minimum(dy + 1, across - 1)
    shift_x = dx - reach + _vertex(cost[dy, before, block], least, cost[dy, after, block])
    shift_y = dy - reach + _vertex(cost[above, dx, block], least, cost[below, dx, block])
    trust = np.maximum(0.0, 1 - least * 255 / (2 * variance.ravel()))
    trust[trust < _TRUSTED_NCC] = 0
    weights = np.stack([(one.ravel() > _MIN_TEXTURE) * trust**2 for one in edges], 1)
    top, left = np.divmod(block, columns)
    middles = np.stack([left, top], 1) * float(step) + (side - 1) / 2
    told = weights.any(1)
    return Blocks(middles[told], np.stack([shift_x, shift_y], 1)[told], weights[told])


def _steps(picture: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how much each pixel differs from its right, and from its lower neighbour."""
    right = cv2.absdiff(picture, cv2.copyMakeBorder(picture[:, 1:], 0, 0, 0, 1, cv2.BORDER_REPLICATE))
    lower = cv2.absdiff(picture, cv2.copyMakeBorder(picture[1:], 0, 1, 0, 0, cv2.BORDER_REPLICATE))
    return right, lower


def _differences(moving: NDArray[Any], fixed: NDArray[Any], side: int, step: int, reach: int) -> NDArray[Any]:
    """Return the mean squared differences (shifts, rows, columns) in 255ths, a row of shifts for each shift in y."""
    height, width = moving.shape
    padded = cv2.copyMakeBorder(fixed, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    found = []
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            apart = cv2.absdiff(moving, padded[dy : dy + height, dx : dx + width])
            found.append(cv2.multiply(apart, apart, scale=1 / 255))
    return _block_means(found, side, step)


def _block_means(pictures: Sequence[NDArray[Any]], side: int, step: int) -> NDArray[Any]:
    """Return the means of the blocks (N, rows, columns) of N pictures, whose sides are whole multiples of ``_CELL``."""
    height, width = pictures[0].shape
    size = width // _CELL, height // _CELL
    cells = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in pictures])
    sums = np.zeros((len(cells), size[1] + 1, size[0] + 1), np.int32)
    np.cumsum(np.cumsum(cells, 1, dtype=np.int32), 2, out=sums[:, 1:, 1:])
    many, hop = side // _CELL, step // _CELL
    whole = sums[:, many:, many:] - sums[:, :-many, many:] - sums[:, many:, :-many] + sums[:, :-many, :-many]
    means: NDArray[Any] = whole[:, ::hop, ::hop] / float(many**2)
    return means


def _vertex(before: NDArray[Any], middle: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    """Return where the parabola through three equally spaced values is least, from the middle one."""
    bend = np.maximum(before - 2 * middle + after, 1e-6)
    off: NDArray[Any] = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    return off


def _refined(affine: NDArray[Any], blocks: Blocks) -> tuple[NDArray[Any], Blocks]:
    """Return ``affine`` after a robust fit of the blocks' shifts, and what the fit leaves of them.

    The fit has six numbers, or is a mere shift where the blocks are few.
    """
    moved, rest = np.eye(3), blocks.shifts.copy()
    for axis in (0, 1):
        told = blocks.weights[:, axis] > 0
        points, shifts, weights = blocks.middles[told], blocks.shifts[told, axis], blocks.weights[told, axis]
        if not len(points):
            continue
        full = len(points) >= _MIN_BLOCKS and float(points.std(0).min()) > _MIN_SPREAD_PX
        basis = np.column_stack([points, np.ones(len(points))]) if full else np.ones((len(points), 1))
        solved = _robust(basis, shifts, weights)
        moved[axis, 0 if full else 2 :] += solved
        rest[told, axis] -= basis @ solved
    # A template pixel at p shows in the tested picture at p + shift(p): go back through that before the old map.
    whole: NDArray[Any] = np.vstack([affine, [0, 0, 1]]) @ np.linalg.inv(moved)
    return whole[:2], Blocks(blocks.middles, rest, blocks.weights)


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
    """Spread block shifts over a grid, x and y (R, C) each: Gaussian weights, drawn to none where there are few."""
    # The Gaussian of a distance is that of x times that of y: two small factors instead of a value a point and block.
    by_row = np.exp(-((rows[:, None] - blocks.middles[:, 1]) ** 2) / (2 * _FIELD_SIGMA_PX**2))
    by_column = np.exp(-((columns[:, None] - blocks.middles[:, 0]) ** 2) / (2 * _FIELD_SIGMA_PX**2))
    spread = []
    for axis in (0, 1):
        weights = blocks.weights[:, axis]
        total = (by_row * weights) @ by_column.T
        spread.append((by_row * (weights * blocks.shifts[:, axis])) @ by_column.T / (total + _FIELD_INERTIA))
    return spread
