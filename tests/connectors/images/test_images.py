"""Refusing, decoding and stripping image files."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.images.decode import DecodeLimits, ImageRefused, decode, inspect_header, upright
from connectors.images.strip import strip


def picture(width: int = 480, height: int = 360) -> np.ndarray:
    ys, xs = np.mgrid[0:height, 0:width]
    shade = np.stack([xs * 255 // width, ys * 255 // height, (xs + ys) % 255], -1)
    shade[: height // 4, : width // 4] = (0, 0, 255)  # the upper left corner is red
    return shade.astype(np.uint8)


def encoded(suffix: str, drawn: np.ndarray | None = None) -> bytes:
    done, data = cv2.imencode(suffix, picture() if drawn is None else drawn)
    assert done
    return data.tobytes()


def exif(orientation: int) -> bytes:
    entries = struct.pack("<HHIHxx", 0x0112, 3, 1, orientation) + struct.pack("<HHII", 0x010F, 2, 16, 38)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0) + b"SECRETCAMERA 51N"


def jpeg_with_exif(orientation: int) -> bytes:
    plain = encoded(".jpg")
    body = b"Exif\0\0" + exif(orientation)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 9) + b"GPS 51.5N"
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + comment + plain[2:] + b"MOTIONVIDEO"


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with_metadata(orientation: int) -> bytes:
    plain = encoded(".png")
    return plain[:33] + chunk(b"eXIf", exif(orientation)) + chunk(b"tEXt", b"Author\0SECRET") + plain[33:]


def webp_with_metadata(orientation: int) -> bytes:
    inner = encoded(".webp")[12:]
    flags = b"\x08\0\0\0" + (479).to_bytes(3, "little") + (359).to_bytes(3, "little")
    body = exif(orientation)
    body += b"\0" * (len(body) & 1)
    chunks = b"VP8X" + struct.pack("<I", 10) + flags + inner + b"EXIF" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


@pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "jpeg"), (".png", "png"), (".webp", "webp")])
def test_reads_size_and_type_when_the_file_is_sound(suffix: str, kind: str) -> None:
    header = inspect_header(encoded(suffix))
    assert (header.media_type, header.width_px, header.height_px) == (f"image/{kind}", 480, 360)
    assert decode(encoded(suffix)).shape == (360, 480, 3)


def test_refuses_a_bomb_before_decoding_when_the_header_declares_too_many_pixels() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(ImageRefused) as refused:
        decode(bomb)
    assert refused.value.code == "too_large"
    assert "60000 x 60000" in refused.value.detail


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unsupported_type"),
        (b"%PDF-1.7 not a photo", "unsupported_type"),
        (b"GIF89a" + b"\0" * 40, "unsupported_type"),
        (encoded(".jpg", picture(319, 800)), "too_small"),
        (encoded(".jpg")[:-4000], "unreadable"),
        (encoded(".png")[:-40], "unreadable"),
        (encoded(".webp")[:-40], "unreadable"),
        (b"\xff\xd8\xff", "unreadable"),
    ],
)
def test_refuses_with_a_code_when_a_file_cannot_be_judged(data: bytes, code: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        decode(data)
    assert refused.value.code == code


def test_refuses_too_large_when_the_file_has_too_many_bytes() -> None:
    with pytest.raises(ImageRefused) as refused:
        decode(encoded(".png"), DecodeLimits(max_bytes=100))
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("build", [jpeg_with_exif, png_with_metadata, webp_with_metadata])
def test_loses_metadata_and_stays_upright_when_stripped(build, orientation: int) -> None:
    original = build(orientation)
    bare = strip(original)
    for secret in (b"SECRET", b"GPS", b"Exif", b"EXIF", b"MOTIONVIDEO"):
        assert secret not in bare.data
    before, after = decode(original), decode(bare.data)
    assert before.shape == after.shape == (bare.height_px, bare.width_px, 3)
    assert np.abs(before.astype(int) - after).mean() < 3
    assert inspect_header(bare.data).orientation == 1


@pytest.mark.parametrize("build", [jpeg_with_exif, png_with_metadata, webp_with_metadata])
def test_keeps_every_pixel_when_the_photo_is_not_turned(build) -> None:
    assert np.array_equal(decode(build(1)), decode(strip(build(1)).data))


def test_puts_the_red_corner_where_exif_says_when_turned() -> None:
    corners = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    for orientation, (row, column) in corners.items():
        turned = upright(picture(), orientation)
        assert turned[row, column].tolist() == [0, 0, 255], orientation
        assert turned.shape[:2] == ((360, 480) if orientation < 5 else (480, 360))


SMALL = {suffix: encoded(suffix, picture(330, 325)) for suffix in (".jpg", ".png", ".webp")}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([".jpg", ".png", ".webp"]), st.data())
def test_refuses_or_decodes_when_bytes_are_changed_at_random(suffix: str, data: st.DataObject) -> None:
    broken = bytearray(SMALL[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(len(broken) - 1, 700)))] = data.draw(st.integers(0, 255))
    try:
        code = None if strip(bytes(broken)).data else "empty"
    except ImageRefused as refused:
        code = refused.code
    assert code in {None, "unsupported_type", "unreadable", "too_large", "too_small"}
