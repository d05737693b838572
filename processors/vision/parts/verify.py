"""One part, held against the golden picture's: mounted, not mounted, shifted, turned, another one, or unclear.

The photo lies in the golden picture's frame already. A part is looked for near its place as it is, and turned, by
normalised cross-correlation over all colours; a place where only the board's own colours are left is empty.
"""

from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.inspections import PartVerdict

Picture = NDArray[Any]

_REACH_MM, _LEAST_REACH_PX = 1.2, 6
_RING = 0.1
_MIRRORS, _QUARTERS, _SKEWS = (180,), (90, 270), (-45, -30, -18, 18, 30, 45)
_NEARLY_SQUARE = 1.25
_SHIFT_MM, _SHIFT_PX = 0.25, 2.5
"""A part is called shifted from there on: the greater of the two."""
_FOUND, _TURNED, _BETTER, _ALIKE = 0.7, 0.6, 0.08, 0.6
_CHANGED = 0.2
"""A body of which less differs is the same part: its ends and pads alone make another one look much alike."""
_SYMMETRIC = 0.93
"""A part that is so like itself when it is turned does not show which way round it stands."""
_BARE, _BARED = 0.3, 0.2
_MASK_REACH = 18.0
"""What still is the board's own colour, in levels of 8-bit Lab."""
_CORE = 0.7
_LEAST_PX = 4.0


@dataclass(frozen=True, slots=True)
class Body:
    """A part's body in the frame: middle, width and height in pixels, angle of its x axis (degrees, clockwise as the
    picture shows it), and the frame's pixels per millimetre.
    """

    x: float
    y: float
    width: float
    height: float
    angle_deg: float
    px_per_mm: float


@dataclass(frozen=True, slots=True)
class Look:
    """What a part looks like. ``shift_mm`` and ``turned_deg`` (counter-clockwise) of one that stands otherwise."""

    verdict: PartVerdict
    confidence: float
    shift_mm: float | None = None
    turned_deg: int | None = None
    note: str = ""


def body_in(corners_px: NDArray[Any], size_mm: tuple[float, float]) -> Body:
    """Return a body from its corners (4, 2) in the frame, in their order on the part."""
    across, down = corners_px[1] - corners_px[0], corners_px[3] - corners_px[0]
    width, height = float(np.linalg.norm(across)), float(np.linalg.norm(down))
    x, y = (float(one) for one in corners_px.mean(0))
    scale = float(np.sqrt(max(width * height, 1e-9) / (size_mm[0] * size_mm[1])))
    return Body(x, y, width, height, degrees(atan2(across[1], across[0])), scale)


def crop(picture: Picture, body: Body, grown_px: float = 0.0, turn_deg: float = 0.0) -> Picture:
    """Return a body upright (H, W, ...), with a rim, as if the part had been turned clockwise by some degrees."""
    size = max(3, round(body.width + 2 * grown_px)), max(3, round(body.height + 2 * grown_px))
    angle = radians(body.angle_deg + turn_deg)
    across, down = np.array((cos(angle), sin(angle))), np.array((-sin(angle), cos(angle)))
    origin = np.array((body.x, body.y)) - across * (size[0] - 1) / 2 - down * (size[1] - 1) / 2
    matrix = np.column_stack([across, down, origin])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def look(
    golden: Picture, photo: Picture, body: Body, mask_colours: NDArray[Any], changed: float, fitted: bool = True
) -> Look:
    """Say what became of a part.

    Args:
        golden: (H, W, 3) uint8, the golden picture in the frame.
        photo: (H, W, 3) uint8, the photo in the same frame and light.
        body: where the part belongs.
        mask_colours: (K, 3), the board's own colours in 8-bit Lab.
        changed: share of the body, 0 to 1, where the comparison saw a difference.
        fitted: whether a part belongs there at all.
    """
    if min(body.width, body.height) < _LEAST_PX:
        return Look("unclear", 0.3, note="too small in this photo; photograph it from nearer")
    empty_golden, empty_photo = (_bare_share(one, body, mask_colours) for one in (golden, photo))
    if not fitted:
        if empty_golden >= _BARE and empty_photo <= empty_golden - _BARED:
            return Look("not_wanted", _sure(0.5 + empty_golden - empty_photo), note="the board file wants no part here")
        return Look("unclear", 0.3, note="the board file wants no part here")
    ring = max(2.0, _RING * min(body.width, body.height))
    # Not so far that a neighbour of the same kind is taken for it.
    reach_mm = min(_REACH_MM, 0.25 + 0.75 * min(body.width, body.height) / body.px_per_mm)
    reach = round(max(_LEAST_REACH_PX, reach_mm * body.px_per_mm))
    own = crop(golden, body, ring)
    stays, here, shift = _match(own, photo, body, ring, reach, 0)
    shift_mm = hypot(*shift) / body.px_per_mm
    limit_px = max(_SHIFT_MM * body.px_per_mm, _SHIFT_PX)
    turned, likeness = _turned(own, golden, photo, body, ring, reach)
    if turned is not None and likeness >= max(_TURNED, here + _BETTER):
        return Look("rotated", _sure(likeness), turned_deg=turned % 360, note=_turn_note(turned))
    if here >= _FOUND and hypot(*shift) >= limit_px and here > stays + _BETTER:
        return Look("shifted", _sure(here), shift_mm=round(shift_mm, 2), note=f"{shift_mm:.1f} mm beside its place")
    if empty_photo >= _BARE and empty_photo - empty_golden >= _BARED:
        return Look("not_mounted", _sure(0.5 + empty_photo - empty_golden), note="its place is empty")
    if changed >= _CHANGED:
        return Look("wrong_part", _sure(0.5 + changed / 2), note="it looks unlike the golden picture's part")
    if stays >= _ALIKE:
        return Look("mounted", _sure(stays))
    return Look("unclear", 0.3, note="it differs a little from the golden picture's part; look at it")


def _match(
    own: Picture, photo: Picture, body: Body, ring: float, reach: int, turn_deg: float
) -> tuple[float, float, tuple[float, float]]:
    """Return likeness in place (a pixel of slack), the greatest likeness near it, and by how much that one is off."""
    found = cv2.matchTemplate(crop(photo, body, ring + reach, turn_deg), own, cv2.TM_CCOEFF_NORMED)
    found = np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)
    y, x = found.shape[0] // 2, found.shape[1] // 2
    stays = float(found[y - 1 : y + 2, x - 1 : x + 2].max())
    _, best, _, (column, row) = cv2.minMaxLoc(found)
    return stays, float(best), (float(column - x), float(row - y))


def _turned(
    own: Picture, golden: Picture, photo: Picture, body: Body, ring: float, reach: int
) -> tuple[int | None, float]:
    """Return the turn (counter-clockwise) in which the part is found best, and its likeness."""
    square = max(body.width, body.height) / min(body.width, body.height) < _NEARLY_SQUARE
    turns = [*_MIRRORS, *(_QUARTERS if square else ()), *_SKEWS]
    best: tuple[int | None, float] = (None, -1.0)
    for turn in turns:
        if turn % 90 == 0 and _match(own, golden, body, ring, 2, -turn)[0] > _SYMMETRIC:
            continue
        likeness = _match(own, photo, body, ring, reach, -turn)[1]
        if likeness > best[1]:
            best = turn, likeness
    return best


def _turn_note(turned: int) -> str:
    return "it stands the wrong way round" if turned == 180 else f"turned by about {turned} degrees"


def _bare_share(picture: Picture, body: Body, mask_colours: NDArray[Any]) -> float:
    """Return which share of the body's middle has the board's own colours."""
    inner = -(1 - _CORE) / 2 * min(body.width, body.height)
    lab = cv2.cvtColor(crop(picture, body, inner), cv2.COLOR_BGR2LAB).astype(np.float32)
    away = np.linalg.norm(lab[:, :, None] - mask_colours[None, None], axis=3).min(2)
    return float(np.mean(away < _MASK_REACH))


def _sure(value: float) -> float:
    return round(min(0.95, max(0.3, value)), 3)
