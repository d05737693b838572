"""Safe decoding of photos: nothing is decoded before its header was read and found bearable.

OpenCV is loaded with the first picture: most processes only pass photos on, and it takes a third of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.images.header import ImageHeader, ImageRefused, read_header

__all__ = ["DecodeLimits", "ImageRefused", "decode", "inspect_header", "upright"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[Any]

_TURNS: dict[int, tuple[int, bool]] = {
    # Orientation: degrees clockwise, then whether to mirror left and right (Exif 2.32 section 4.6.4).
    1: (0, False),
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (90, True),
    6: (90, False),
    7: (270, True),
    8: (270, False),
}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What is accepted. 50 megapixels decode to 150 MB; phones make 12 to 50."""

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side_px: int = 320


_DEFAULT = DecodeLimits()


def inspect_header(data: bytes, limits: DecodeLimits = _DEFAULT) -> ImageHeader:
    """Read the header and hold it against the limits.

    Raises:
        ImageRefused: ``unsupported_type``, ``unreadable``, ``too_large`` or ``too_small``; says what to send.
    """
    if len(data) > limits.max_bytes:
        raise ImageRefused("too_large", f"{len(data)} bytes; send at most {limits.max_bytes}")
    header = read_header(data)
    pixels = header.width_px * header.height_px
    size = f"{header.width_px} x {header.height_px} px"
    if pixels == 0:
        raise ImageRefused("unreadable", f"{size}: an empty picture; send the photo again")
    if pixels > limits.max_pixels:
        raise ImageRefused("too_large", f"{size}; send at most {limits.max_pixels / 1e6:.0f} megapixels")
    if min(header.width_px, header.height_px) < limits.min_side_px:
        raise ImageRefused("too_small", f"{size}; send at least {limits.min_side_px} px on the shorter side")
    return header


def decode(data: bytes, limits: DecodeLimits = _DEFAULT) -> Picture:
    """Return the photo upright as (H, W, 3) uint8, blue-green-red.

    Raises:
        ImageRefused: as ``inspect_header``, or ``unreadable`` when the pixels cannot be decoded.
    """
    header = inspect_header(data, limits)
    return upright(decode_stored(data), header.orientation)


def decode_stored(data: bytes) -> Picture:
    """Return the pixels as stored, without heed of orientation. Call ``inspect_header`` first.

    Raises:
        ImageRefused: ``unreadable``.
    """
    import cv2
    import numpy as np

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture: Picture | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageRefused("unreadable", "its pixels cannot be decoded; send the photo again") from error
    if picture is None:
        raise ImageRefused("unreadable", "its pixels cannot be decoded; send the photo again")
    return picture


def upright(picture: Picture, orientation: int) -> Picture:
    """Turn and mirror a stored picture as its Exif orientation (1 to 8) says."""
    import cv2

    degrees, mirror = _TURNS[orientation]
    turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
    if degrees:
        picture = cv2.rotate(picture, turns[degrees])
    return cv2.flip(picture, 1) if mirror else picture
