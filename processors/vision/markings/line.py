"""Where the printed line lies on a part's body, and the places where it may be cut into glyphs."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

HEIGHT_PX = 72
"""The body's shorter side is brought to this before anything is measured."""
_LEAST_TONE = 14.0
_END_FROM = 0.085
_END_BLUR_PX = 2
_ABOVE, _BELOW = (0.08, 0.17), (0.83, 0.92)
"""Rows over and under the print, as shares of the height."""
_LEAST_GLYPH = 0.26
_MOST_GLYPH = 0.86


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A printed line.

    Attributes:
        ink: (H, W) float32, 0 on the body and 1 where the print is strongest; as tall as the line.
        cuts: columns where a glyph may begin or end, ascending; the first is the line's left end, the last its right.
        contrast: print less body, in levels of 255.
    """

    ink: NDArray[Any]
    cuts: tuple[int, ...]
    contrast: float

    def turned(self) -> "Line":
        """Return the line upside down."""
        width = self.ink.shape[1]
        return Line(
            np.ascontiguousarray(self.ink[::-1, ::-1]), tuple(width - cut for cut in self.cuts[::-1]), self.contrast
        )


def find_lines(part: Picture) -> list[Line]:
    """Return what may be the line printed on a part, at most one lighter and one darker than its body, likeliest first.

    Args:
        part: the part with its ends, (H, W) or (H, W, 3) uint8; the text runs along its longer side.
    """
    grey = part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    scale = HEIGHT_PX / grey.shape[0]
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    levels = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=way).astype(np.float32)
    calm = cv2.GaussianBlur(levels, (0, 0), 0.8)
    found = [line for line in (_line(calm), _line(255 - calm)) if line is not None]
    return sorted(found, key=lambda one: -one.contrast * min(one.ink.shape[1] / one.ink.shape[0], 2.5))


def _line(levels: NDArray[Any]) -> Line | None:
    """Return the print that is lighter than the body."""
    height, width = levels.shape
    middle = levels[height // 8 : -height // 8, width // 4 : -width // 4]
    if middle.size == 0:
        return None
    limit, _ = cv2.threshold(np.clip(middle, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = (levels > limit).astype(np.uint8)
    mask = _without_ends(mask)
    box = _box(mask)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    inside, printed = levels[y0:y1, x0:x1], mask[y0:y1, x0:x1] > 0
    if printed.all() or not printed.any():
        return None
    body, print_level = float(np.percentile(inside[~printed], 30)), float(np.percentile(inside[printed], 80))
    if print_level - body < _LEAST_TONE:
        return None
    ink: NDArray[Any] = np.clip((inside - body) / (print_level - body), 0, 1).astype(np.float32)
    return Line(ink, _cuts(printed, ink), print_level - body)


def _without_ends(mask: NDArray[Any]) -> NDArray[Any]:
    """Return the mask less the soldered ends: what is light from near the border on, up to a straight line.

    The line is laid through the rows above and below the print, so that a glyph which blur has joined to an end stays.
    """
    height, width = mask.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    cleared = mask.copy()
    for side in (mask, mask[:, ::-1]):
        start = round(_END_FROM * width)
        above, below = (
            float(np.median([_run(side[row], start) for row in range(round(a * height), round(b * height) + 1)]))
            for a, b in (_ABOVE, _BELOW)
        )
        at = rows / height
        inner = above + (below - above) * (at - np.mean(_ABOVE)) / (np.mean(_BELOW) - np.mean(_ABOVE))
        gone = columns < inner + _END_BLUR_PX
        if above > 0 and below > 0:
            cleared[gone if side is mask else gone[:, ::-1]] = 0
    return cleared


def _run(row: NDArray[Any], start: int) -> int:
    """Return where a light run that holds ``start`` ends, at most a third of the row on; 0 without one."""
    if not row[start]:
        return 0
    dark = np.flatnonzero(row[start : len(row) // 3] == 0)
    return start + int(dark[0]) if dark.size else 0


def _box(mask: NDArray[Any]) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom round all pieces that may be glyphs."""
    height = mask.shape[0]
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    glyphs = []
    for x, y, w, h, area in stats[1:count].astype(int):
        tall = _LEAST_GLYPH * height <= h <= _MOST_GLYPH * height
        at_border = y == 0 or y + h == height
        if tall and not at_border and area > 0.05 * w * h and w < 4.5 * h:
            glyphs.append((x, y, x + w, y + h))
    if not glyphs:
        return None
    heights = np.array([bottom - top for _, top, _, bottom in glyphs])
    middle = np.median([(top + bottom) / 2 for _, top, _, bottom in glyphs])
    kept = [
        one
        for one, h in zip(glyphs, heights, strict=True)
        if h > 0.62 * heights.max() and abs((one[1] + one[3]) / 2 - middle) < 0.4 * heights.max()
    ]
    if not kept:
        return None
    lefts, tops, rights, bottoms = zip(*kept, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _cuts(mask: NDArray[Any], ink: NDArray[Any]) -> tuple[int, ...]:
    """Return the gaps between pieces, and the thinnest columns inside pieces that are too wide for one glyph."""
    height, width = mask.shape
    filled = np.asarray(mask.any(0))
    edges = np.flatnonzero(np.diff(filled.astype(np.int8)))
    gaps = [int(a + b + 2) // 2 for a, b in zip(edges[::2], edges[1::2], strict=False) if filled[0]]
    bounds = [0, *gaps, width]
    weight = ink.sum(0)
    cuts = set(bounds)
    for left, right in pairwise(bounds):
        if right - left > 0.85 * height:
            cuts |= _valleys(weight, left, right, height)
    return tuple(sorted(cuts))


def _valleys(weight: NDArray[Any], left: int, right: int, height: int) -> set[int]:
    reach = max(2, round(0.18 * height))
    inside = weight[left:right]
    found = set()
    for at in range(reach, len(inside) - reach):
        near = inside[at - reach : at + reach + 1]
        if inside[at] == near.min() and inside[at] < 0.75 * inside.max():
            found.add(left + at)
    return found
