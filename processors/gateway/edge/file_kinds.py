"""What a file is, by its first bytes and never by its name or what its sender says it is. Pure."""

from typing import Final, Literal

UploadKind = Literal["photo_before", "photo_after", "document", "audio"]
"""Signatures are files too, but nobody sends one: signing makes it."""
PHOTOS: Final = frozenset({"photo_before", "photo_after"})

_PDF: Final = b"%PDF-"
_MP4_BRANDS: Final = frozenset(
    {b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso5", b"iso6", b"3gp4", b"dash"}
)
SUFFIXES: Final = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "application/pdf": ".pdf", "audio/wav": ".wav",
    "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/flac": ".flac", "audio/mpeg": ".mp3", "audio/webm": ".webm",
    "audio/aac": ".aac",
}  # fmt: skip
"""How a saved file ends; what the system's own table says differs from machine to machine."""


class UnknownContent(ValueError):
    """The bytes are not of a type that this kind of file may have."""


def media_type_of(kind: UploadKind, data: bytes) -> str:
    """Return the media type of a document or a recording.

    Signatures of formats as in the WHATWG MIME Sniffing standard, section 6.2, and RFC 9639 (FLAC).

    Raises:
        UnknownContent: says what can be sent.
    """
    found = _document(data) if kind == "document" else _audio(data)
    if found is None:
        wanted = "a PDF" if kind == "document" else "a recording as WAV, MP3, AAC, M4A, Ogg, FLAC or WebM"
        raise UnknownContent(f"the bytes are not those of {wanted}; send one, or choose another kind")
    return found


def _document(data: bytes) -> str | None:
    return "application/pdf" if data.startswith(_PDF) else None


def _audio(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[4:8] == b"ftyp" and data[8:12] in _MP4_BRANDS:
        return "audio/mp4"
    for start, media_type in (
        (b"OggS\0", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"\x1a\x45\xdf\xa3", "audio/webm"),
    ):
        if data.startswith(start):
            return media_type
    return _framed(data)


def _framed(data: bytes) -> str | None:
    """Return the type of a bare MPEG stream: eleven or twelve set bits, then the layer (ISO 11172-3, 13818-7)."""
    if len(data) < 4 or data[0] != 0xFF:
        return None
    if data[1] & 0xF6 == 0xF0:  # ADTS: twelve bits, layer 0
        return "audio/aac"
    layer, rate = data[1] >> 1 & 3, data[2] >> 4
    return "audio/mpeg" if data[1] & 0xE0 == 0xE0 and layer == 1 and rate not in (0, 15) else None
