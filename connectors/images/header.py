"""What an image file says of itself before any pixel is decoded: type, size, orientation.

Formats: JPEG (ITU-T T.81 annex B), Exif 2.32 orientation (tag 0x0112), PNG third edition, WebP (RFC 9649).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.errors import Permanent

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_ORIENTATION_TAG = 0x0112


class ImageRefused(Permanent):
    """An image file that will not be opened. ``code`` is for machines, ``detail`` for the person who sent it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type["ImageRefused"], tuple[str, str]]:
        return ImageRefused, (self.code, self.detail)


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Media type, stored size in pixels, and Exif orientation (1 to 8, 1 is upright)."""

    media_type: str
    width_px: int
    height_px: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file: JPEG marker code, or chunk name, with where it begins, where its payload is, where it ends."""

    name: int | bytes
    start: int
    payload: bytes
    end: int


def read_header(data: bytes) -> ImageHeader:
    """Read the header of a JPEG, PNG or WebP file by its content, whatever it was called.

    Raises:
        ImageRefused: ``unsupported_type``, or ``unreadable`` when the file is cut short or damaged.
    """
    try:
        if data[:3] == b"\xff\xd8\xff":
            return _jpeg(data)
        if data[:8] == _PNG_SIGNATURE:
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise ImageRefused("unreadable", "the file is cut short; send the photo again") from error
    raise ImageRefused("unsupported_type", f"it begins with {data[:8].hex(' ')}; send a JPEG, PNG or WebP photo")


def jpeg_pieces(data: bytes) -> Iterator[Piece]:
    """Yield the segments of a JPEG file up to its end marker; a scan's coded data belongs to its SOS segment.

    Raises:
        ImageRefused: ``unreadable``, when a segment is damaged or the end marker is missing.
    """
    at = 2
    while True:
        if at + 2 > len(data) or data[at] != 0xFF:
            raise ImageRefused("unreadable", f"the JPEG is damaged at byte {at}; send the photo again")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            yield Piece(marker, at, b"", at + 2)
            return
        if marker in _STANDALONE:
            yield Piece(marker, at, b"", at + 2)
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise ImageRefused("unreadable", f"the JPEG is cut short at byte {at}; send the photo again")
        payload = data[at + 4 : end]
        if marker == _SOS:
            end = _scan_end(data, end)
        yield Piece(marker, at, payload, end)
        at = end


def png_pieces(data: bytes) -> Iterator[Piece]:
    """Yield the chunks of a PNG file up to IEND.

    Raises:
        ImageRefused: ``unreadable``, when a chunk runs over the end of the file.
    """
    at = len(_PNG_SIGNATURE)
    name = b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise ImageRefused("unreadable", f"the PNG is cut short in chunk {name!r}; send the photo again")
        yield Piece(name, at, data[at + 8 : end - 4], end)
        at = end


def webp_pieces(data: bytes) -> Iterator[Piece]:
    """Yield the chunks of a WebP file.

    Raises:
        ImageRefused: ``unreadable``, when the file is shorter than it says.
    """
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise ImageRefused("unreadable", f"the WebP has {len(data)} of {size + 8} bytes; send the photo again")
    at = 12
    while at + 8 <= size + 8:
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        if at + 8 + length > len(data):
            raise ImageRefused("unreadable", f"the WebP is cut short in chunk {name!r}; send the photo again")
        yield Piece(name, at, data[at + 8 : at + 8 + length], end)
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Return where the coded data of a scan ends: at a marker that is neither stuffing nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise ImageRefused("unreadable", "the JPEG ends within its picture; send the photo again")
        if data[at + 1] != 0 and data[at + 1] not in _STANDALONE and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2


def _jpeg(data: bytes) -> ImageHeader:
    orientation, scans = 1, 0
    size: tuple[int, int] | None = None
    for piece in jpeg_pieces(data):
        if piece.name in _START_OF_FRAME and size is None:
            height, width = struct.unpack_from(">xHH", piece.payload)
            size = (width, height)
        elif piece.name == _APP1 and piece.payload[:6] == b"Exif\0\0":
            orientation = _orientation(piece.payload[6:])
        elif piece.name == _SOS:
            scans += 1
    if size is None or not scans:
        raise ImageRefused("unreadable", "the JPEG holds no picture; send the photo again")
    return ImageHeader("image/jpeg", *size, orientation)


def _png(data: bytes) -> ImageHeader:
    orientation = 1
    size: tuple[int, int] | None = None
    for piece in png_pieces(data):
        if piece.name == b"IHDR":
            width, height = struct.unpack_from(">II", piece.payload)
            size = (width, height)
        elif piece.name == b"eXIf":
            orientation = _orientation(piece.payload)
    if size is None:
        raise ImageRefused("unreadable", "the PNG has no header chunk; send the photo again")
    return ImageHeader("image/png", *size, orientation)


def _webp(data: bytes) -> ImageHeader:
    orientation = 1
    size: tuple[int, int] | None = None
    for piece in webp_pieces(data):
        found = _webp_size(piece)
        size = size or found
        if piece.name == b"EXIF":
            body = piece.payload
            orientation = _orientation(body[6:] if body[:6] == b"Exif\0\0" else body)
    if size is None:
        raise ImageRefused("unreadable", "the WebP holds no picture; send the photo again")
    return ImageHeader("image/webp", *size, orientation)


def _webp_size(piece: Piece) -> tuple[int, int] | None:
    body = piece.payload
    match piece.name:
        case b"VP8X":
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", body, 1)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            return None


def _orientation(tiff: bytes) -> int:
    """Return the orientation in an Exif block; a damaged block says nothing, so 1."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for index in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
