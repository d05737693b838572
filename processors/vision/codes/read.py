"""Codes in a picture: one look with zxing-cpp, then retries on brightened, enlarged, sharpened and straightened cuts.

Two-dimensional symbologies carry Reed-Solomon check words, so one reading is trusted. Linear ones have a single check
character at most (one wrong reading in ten passes that of EAN), so that two different looks must agree, and more where
they contradict each other.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from processors.vision.codes.cuts import Look, flat, looks
from schemas.labels import Symbology

_STRONG: dict[zxingcpp.BarcodeFormat, Symbology] = {
    zxingcpp.BarcodeFormat.QRCode: "qr",
    zxingcpp.BarcodeFormat.MicroQRCode: "micro_qr",
    zxingcpp.BarcodeFormat.DataMatrix: "data_matrix",
    zxingcpp.BarcodeFormat.Aztec: "aztec",
    zxingcpp.BarcodeFormat.PDF417: "pdf417",
}
_WEAK: dict[zxingcpp.BarcodeFormat, Symbology] = {
    zxingcpp.BarcodeFormat.Code128: "code_128",
    zxingcpp.BarcodeFormat.Code39: "code_39",
    zxingcpp.BarcodeFormat.EAN13: "ean_13",
    zxingcpp.BarcodeFormat.EAN8: "ean_8",
}
_NAMES = _STRONG | _WEAK
_LEAD = 2
"""A linear code is trusted when this many looks more read it than read another linear code in its place."""
_FORMATS = zxingcpp.BarcodeFormats(tuple(_NAMES))
_LINEAR = zxingcpp.BarcodeFormats(tuple(_WEAK))

Picture = NDArray[Any]
Key = tuple[Symbology, str]
"""Symbology and text."""
Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was read.

    Attributes:
        text: what it says, as text for people.
        symbology: ``qr``, ``micro_qr``, ``data_matrix``, ``aztec``, ``pdf417``, ``code_128``, ``code_39``, ``ean_13``
            (UPC-A too, with its leading 0) or ``ean_8``.
        corners_px: its corners in pixels of the picture, from the symbol's own top left, clockwise as it is read.
        looks: how many looks at the picture agree.
    """

    text: str
    symbology: Symbology
    corners_px: Corners
    looks: int


def read_codes(picture: Picture, most: int = 1, most_looks: int | None = None) -> tuple[Code, ...]:
    """Return the codes in a picture, (H, W) or (H, W, 3) uint8 blue-green-red, from its top down.

    Args:
        picture: the photo, upright or not.
        most: retries end when so many codes are trusted; all that the looks up to then agree on are returned.
        most_looks: at the latest they end after so many looks; None: when there is nothing left to try.
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    votes: Counter[Key] = Counter()
    places: dict[Key, Corners] = {}
    trusted: list[Key] = []
    for look in islice(_every(np.ascontiguousarray(grey)), most_looks):
        # One look may hold the same text twice (two equal labels); it still is one look.
        for key, corners in _seen(look).items():
            votes[key] += 1
            places.setdefault(key, corners)
        trusted = _trusted(votes, places)
        if len(trusted) >= most and not _disputed(votes, trusted):
            break
    found = [Code(text, symbology, places[symbology, text], votes[symbology, text]) for symbology, text in trusted]
    return tuple(sorted(found, key=lambda one: (min(y for _, y in one.corners_px), one.text)))


def _every(grey: Picture) -> Iterator[Look]:
    yield Look(grey, None, thorough=True)
    yield Look(flat(grey), None, thorough=True)
    yield from looks(grey)


def _seen(look: Look) -> dict[Key, Corners]:
    found = zxingcpp.read_barcodes(
        look.picture,
        formats=_LINEAR if look.linear else _FORMATS,
        try_rotate=not look.linear,
        try_downscale=look.thorough,
        try_invert=look.thorough,
    )
    return {(_NAMES[one.format], one.text): _corners(one, look) for one in found if one.format in _NAMES and one.text}


def _corners(one: zxingcpp.Barcode, look: Look) -> Corners:
    at = one.position
    points = np.array(
        [(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)], np.float64
    )  # fmt: skip
    if look.to_picture is not None:
        points = points @ look.to_picture[:, :2].T + look.to_picture[:, 2]
    a, b, c, d = ((round(float(x), 1), round(float(y), 1)) for x, y in points)
    return a, b, c, d


def _trusted(votes: Mapping[Key, int], places: Mapping[Key, Corners]) -> list[Key]:
    strong = [key for key in votes if key[0] in _STRONG.values()]
    weak = [key for key in votes if key[0] in _WEAK.values()]
    return strong + [
        key
        for key in weak
        if votes[key]
        >= _LEAD + max((votes[one] for one in weak if one != key and _meet(places[one], places[key])), default=0)
    ]


def _meet(a: Corners, b: Corners) -> bool:
    """Whether the boxes round two symbols overlap: then at most one of them is there."""
    (ax0, ay0), (bx0, by0) = (np.min(one, axis=0) for one in (a, b))
    (ax1, ay1), (bx1, by1) = (np.max(one, axis=0) for one in (a, b))
    return bool(ax0 < bx1 and bx0 < ax1 and ay0 < by1 and by0 < ay1)


def _disputed(votes: Mapping[Key, int], trusted: list[Key]) -> bool:
    """Whether a linear code was read that is not trusted yet."""
    return any(key[0] in _WEAK.values() and key not in trusted for key in votes)
