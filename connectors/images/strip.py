"""Removing what a photo says beside its pixels: place, device, owner, thumbnails, appended videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.images.decode import DecodeLimits, decode_stored, inspect_header, upright
from connectors.images.header import ImageRefused, Piece, jpeg_pieces, png_pieces, webp_pieces

if TYPE_CHECKING:
    from connectors.images.decode import Picture

_REENCODE_QUALITY = 95
_APP0, _APP14, _APP15, _COM = 0xE0, 0xEE, 0xEF, 0xFE
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04
"""Colour profile, Exif and XMP in the VP8X flags."""


@dataclass(frozen=True, slots=True)
class BareImage:
    """An image file with nothing but a picture in it; the size is of the upright picture."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int


def strip(data: bytes, limits: DecodeLimits | None = None) -> BareImage:
    """Return the file without metadata. Pixels stay bit for bit, except that a turned picture is turned upright.

    A picture whose orientation tag is not 1 would lie on its side once the tag is gone, so that one is decoded,
    turned and saved again (JPEG and WebP at quality 95).

    Raises:
        ImageRefused: as ``inspect_header``; a turned file may also prove undecodable.
    """
    header = inspect_header(data, limits or DecodeLimits())
    if header.orientation != 1 or _animated(data, header.media_type):
        picture = upright(decode_stored(data), header.orientation)
        encoded = _encode(picture, header.media_type)
        return BareImage(encoded, header.media_type, picture.shape[1], picture.shape[0])
    bare = _BARE[header.media_type](data)
    return BareImage(bare, header.media_type, header.width_px, header.height_px)


def _animated(data: bytes, media_type: str) -> bool:
    return media_type == "image/webp" and any(piece.name == b"ANIM" for piece in webp_pieces(data))


def _encode(picture: Picture, media_type: str) -> bytes:
    import cv2

    suffix, options = {
        "image/jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _REENCODE_QUALITY]),
        "image/webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, _REENCODE_QUALITY]),
        "image/png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 3]),
    }[media_type]
    done, data = cv2.imencode(suffix, picture, options)
    if not done:
        raise ImageRefused("unreadable", f"the picture cannot be saved again as {media_type}; send another photo")
    return data.tobytes()


def _bare_jpeg(data: bytes) -> bytes:
    """Keep what decoders need: JFIF (APP0), Adobe's colour transform (APP14), tables, frames, scans, end."""
    kept = [data[piece.start : piece.end] for piece in jpeg_pieces(data) if _kept_in_jpeg(piece)]
    return b"\xff\xd8" + b"".join(kept)


def _kept_in_jpeg(piece: Piece) -> bool:
    marker = piece.name
    assert isinstance(marker, int)
    if marker == _APP0:
        # JFIF carries its thumbnail behind 14 bytes; JFXX is nothing but a thumbnail.
        return piece.payload[:5] == b"JFIF\0" and len(piece.payload) <= 14
    if marker == _APP14:
        return piece.payload[:5] == b"Adobe"
    return marker != _COM and not _APP0 < marker <= _APP15


def _bare_png(data: bytes) -> bytes:
    kept = [data[piece.start : piece.end] for piece in png_pieces(data) if piece.name in _PNG_KEPT]
    return data[:8] + b"".join(kept)


def _bare_webp(data: bytes) -> bytes:
    kept = bytearray()
    for piece in webp_pieces(data):
        if piece.name not in _WEBP_KEPT:
            continue
        chunk = bytearray(data[piece.start : piece.end])
        if piece.name == b"VP8X":
            chunk[8] &= ~_WEBP_METADATA_FLAGS & 0xFF
        kept += chunk
    return b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WEBP" + bytes(kept)


_BARE = {"image/jpeg": _bare_jpeg, "image/png": _bare_png, "image/webp": _bare_webp}
