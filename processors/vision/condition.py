"""How soiled a board is: residue, corrosion and burns in percent of the board and of each of nine zones.

With a golden picture an area is what differs from it and has the colour of soil. Without one, white print, tin and dark
parts look alike, so that only ragged areas in those colours are reported, and never as more than a suspicion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.align import Aligned
from processors.vision.board_mask import board_mask
from processors.vision.classify import board_colours, classify, measure, prepare
from processors.vision.compare import Blob
from processors.vision.frame import greatest
from processors.vision.severity import severity_of
from schemas.inspections import Area, BoardCondition, SoilKind, Zone

Picture = NDArray[Any]

SOILS: tuple[SoilKind, ...] = get_args(SoilKind)
ZONES: tuple[Zone, ...] = get_args(Zone)[1:]
"""Thirds of the board's extent, row by row; the first of all is the whole board."""

_SMOOTH_PX = 1.4
_LOW, _REACH = 9.0, 9
"""Levels off the golden picture that still belong to an area, and how many frame pixels beyond the finding's core."""
_MIN_AREA_PX = 60
_SUSPECT_SIDE_PX = 1000
_SUSPECT_MIN_SHARE = 0.0012
_DARK_BOARD = 60
"""On a board darker than this (median value) a burn is not told from its mask."""
_LEAST_SHARE = 0.00005
"""Of a zone; less is not told."""


_NOT_MASK = 22.0
"""Least distance in 8-bit Lab from the board's own colours of what may be green salts."""


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Within what an area is no part: most share of its smallest rectangle and of its convex hull, least and most
    levels a pixel across its outline. Stains of drawn boards (seeds 9302 and 9305) fill 0.52 to 0.77 of the rectangle;
    white ones have 19 to 34 levels, tin and print 43 and more; shadows and light on the mask have 10 and less.

    ``uneven`` is the least standard deviation of the value within, in levels. A burn is darkest in its middle, black
    plastic is of one tone: on seeds 9311 and 9312 burns have 5.7 to 10, bodies of chips and feet of cans 1.5 to 5.6,
    two in shadow 7.
    """

    full: float
    solid: float
    soft: float
    hard: float
    uneven: float = 0.0


_LIMITS = {
    "white": _Ragged(0.8, 0.95, 0, 36), "green": _Ragged(0.8, 0.96, 13, 60),
    "corrosion": _Ragged(0.82, 0.95, 0, 255), "burn": _Ragged(0.72, 0.88, 12, 24, uneven=5.7),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Soil:
    """Masks (H, W) bool by kind in one frame, and of the board in it."""

    masks: dict[SoilKind, NDArray[Any]]
    board: NDArray[Any]


def soil_of(aligned: Aligned, blobs: Sequence[Blob]) -> Soil:
    """Return where the photo shows soil that the golden picture does not, in the golden picture's frame.

    Args:
        aligned: photo and golden picture in one light and sharpness.
        blobs: their differences; what lies apart within one of them is named apart.
    """
    change = cv2.GaussianBlur(aligned.photo - aligned.golden, (0, 0), _SMOOTH_PX)
    low = ((greatest(np.abs(change)) > _LOW) & aligned.valid).astype(np.uint8)
    masks = {kind: np.zeros(low.shape, bool) for kind in SOILS}
    scene = prepare(aligned)
    for blob in blobs:
        for part in _parts(low, blob):
            kind, _ = classify(measure(scene, part))
            if kind in SOILS:
                left, top, width, height = part.box
                masks[kind][top : top + height, left : left + width] |= part.mask
    return Soil(masks, aligned.valid)


def _parts(low: NDArray[Any], blob: Blob) -> list[Blob]:
    """Return the connected areas of a blob, grown to where the difference ends, with their holes filled."""
    left, top, width, height = blob.box
    x0, y0 = max(0, left - _REACH), max(0, top - _REACH)
    x1, y1 = min(low.shape[1], left + width + _REACH), min(low.shape[0], top + height + _REACH)
    core = np.zeros((y1 - y0, x1 - x0), np.uint8)
    core[top - y0 : top - y0 + height, left - x0 : left - x0 + width] = blob.mask
    near = cv2.dilate(core, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _REACH + 1, 2 * _REACH + 1)))
    area = cv2.morphologyEx(low[y0:y1, x0:x1] & near, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    area = cv2.morphologyEx(area, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline in outlines:
        if cv2.contourArea(outline) < _MIN_AREA_PX:
            continue
        x, y, w, h = cv2.boundingRect(outline)
        mask = cv2.drawContours(np.zeros((h, w), np.uint8), [outline], -1, 1, -1, offset=(-x, -y)) > 0
        if np.any(mask & (core[y : y + h, x : x + w] > 0)):
            found.append(Blob((x + x0, y + y0, w, h), mask, int(np.count_nonzero(mask)), 0.0, 0.0))
    return found


def suspects_of(photo: Picture) -> Soil:
    """Return areas of a photo (H, W, 3) that look like soil, in a frame of 1000 px at most; none of them is sure."""
    scale = min(1.0, _SUSPECT_SIDE_PX / max(photo.shape[:2]))
    size = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    board = board_mask(small) > 0
    calm = cv2.GaussianBlur(small, (0, 0), 1.5)
    slope = cv2.morphologyEx(cv2.cvtColor(calm, cv2.COLOR_BGR2GRAY), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    hue, saturation, value = cv2.split(cv2.cvtColor(calm, cv2.COLOR_BGR2HSV))
    if not np.any(board):
        return Soil({}, board)
    lab = cv2.cvtColor(calm, cv2.COLOR_BGR2LAB)
    own = [np.linalg.norm(lab - colour, axis=2) for colour in board_colours(lab[board][::11])]
    looks = {
        "white": (saturation < 75) & (value > 110),
        "green": (hue >= 68) & (hue <= 98) & (saturation > 50) & (value > 90) & (np.min(own, axis=0) > _NOT_MASK),
        "corrosion": (hue >= 3) & (hue <= 17) & (saturation >= 100) & (value >= 50) & (value <= 215),
        "burn": value < (48 if np.median(value[board]) >= _DARK_BOARD else 0),
    }
    inner = cv2.erode(board.astype(np.uint8), np.ones((15, 15), np.uint8), borderValue=0)
    least = _SUSPECT_MIN_SHARE * int(np.count_nonzero(board))
    found = {name: _ragged(look & (inner > 0), slope, value, least, _LIMITS[name]) for name, look in looks.items()}
    residue = found["white"] | found["green"]
    return Soil({"residue": residue, "corrosion": found["corrosion"], "burn": found["burn"]}, board)


def _ragged(look: NDArray[Any], slope: Picture, value: Picture, least_px: float, limits: _Ragged) -> NDArray[Any]:
    """Return the areas of a mask (H, W) that are no part by their outline and by how even they are within.

    ``slope`` (H, W) is in levels a pixel, ``value`` (H, W) in levels.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    mask = cv2.morphologyEx(look.astype(np.uint8), cv2.MORPH_OPEN, disc)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    kept = np.zeros(mask.shape, np.uint8)
    for outline in outlines:
        area = cv2.contourArea(outline)
        if area < max(1.0, least_px):
            continue
        _, (width, height), _ = cv2.minAreaRect(outline)
        xs, ys = outline[:, 0, 0], outline[:, 0, 1]
        if (
            area < limits.full * width * height
            and area < limits.solid * cv2.contourArea(cv2.convexHull(outline))
            and limits.soft <= float(np.median(slope[ys, xs])) < limits.hard
        ):
            if limits.uneven and _unevenness(value, mask, outline) < limits.uneven:
                continue
            cv2.drawContours(kept, [outline], -1, 1, -1)
    return (kept > 0) & (mask > 0)


def _unevenness(value: Picture, mask: NDArray[Any], outline: NDArray[Any]) -> float:
    """Return the standard deviation of the value (H, W) where the mask is set inside an outline, in levels."""
    left, top, width, height = cv2.boundingRect(outline)
    inside = cv2.drawContours(np.zeros((height, width), np.uint8), [outline], -1, 1, -1, offset=(-left, -top))
    box = np.s_[top : top + height, left : left + width]
    return float(value[box][(inside & mask[box]) > 0].std())


def condition_of(photo: int, soil: Soil, *, with_golden: bool) -> BoardCondition:
    """Return the shares of the board and its zones; ``photo`` is the photo's place among those of its ticket."""
    areas = []
    for kind, found in soil.masks.items():
        mask = found & soil.board
        for zone, inside in (("board", soil.board), *_zones(soil.board)):
            share = np.count_nonzero(mask & inside) / max(1, int(np.count_nonzero(inside)))
            if share >= _LEAST_SHARE:
                severity = severity_of(kind, share)
                areas.append(Area(kind=kind, zone=zone, percent=round(100 * share, 2), severity=severity))
    verdict: Literal["clean", "suspect", "fail"] = "clean"
    if areas:
        whole = [one for one in areas if one.zone == "board"]
        sure = with_golden and any(one.severity != "low" for one in whole)
        verdict = "fail" if sure else "suspect"
    return BoardCondition(photo=photo, with_golden=with_golden, verdict=verdict, areas=tuple(areas))


def _zones(board: NDArray[Any]) -> list[tuple[Zone, NDArray[Any]]]:
    """Return each third of the board's extent with its pixels of the board."""
    rows, columns = np.flatnonzero(board.any(1)), np.flatnonzero(board.any(0))
    if not rows.size:
        return []
    ys = np.linspace(rows[0], rows[-1] + 1, 4).astype(int)
    xs = np.linspace(columns[0], columns[-1] + 1, 4).astype(int)
    found = []
    for number, zone in enumerate(ZONES):
        row, column = divmod(number, 3)
        inside = np.zeros_like(board)
        place = np.s_[ys[row] : ys[row + 1], xs[column] : xs[column + 1]]
        inside[place] = board[place]
        found.append((zone, inside))
    return found
