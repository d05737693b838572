import cv2
import numpy as np
import pytest

from connectors.images.decode import ImageRefused, decode
from connectors.images.thumbnail import thumbnail


def jpeg(width: int, height: int) -> bytes:
    picture = np.full((height, width, 3), 200, np.uint8)
    picture[:, : width // 2] = 20
    return bytes(cv2.imencode(".jpg", picture)[1])


@pytest.mark.parametrize(
    ("size", "small"), [((2000, 1000), (500, 250)), ((1000, 2000), (250, 500)), ((400, 330), (400, 330))]
)
def test_a_photo_is_made_small_in_its_own_shape_and_never_larger(size: tuple[int, int], small: tuple[int, int]) -> None:
    data, width, height = thumbnail(jpeg(*size), 500)
    picture = decode(data) if min(small) >= 320 else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (width, height) == small == (picture.shape[1], picture.shape[0])
    assert picture[height // 2, 5].mean() < 40 < 180 < picture[height // 2, width - 5].mean()


def test_a_turned_photo_is_upright() -> None:
    # Exif orientation 6: the stored rows are the columns of the scene.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    plain = jpeg(800, 400)
    turned = plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + plain[2:]
    assert thumbnail(turned, 400)[1:] == (200, 400)


def test_what_is_no_photo_is_refused() -> None:
    with pytest.raises(ImageRefused):
        thumbnail(b"no photo", 400)
