"""Small versions of photos, for paper and lists."""

import cv2

from connectors.images.decode import ImageRefused, decode

_QUALITY = 82


def thumbnail(data: bytes, side_px: int) -> tuple[bytes, int, int]:
    """Return a photo as JPEG, upright, at most ``side_px`` on its longer side, with its width and height in pixels.

    Raises:
        ImageRefused: the file is no photo that can be read.
    """
    picture = decode(data)
    height, width = picture.shape[:2]
    scale = side_px / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, small = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ImageRefused("unreadable", "the photo cannot be saved again; take another one")
    return small.tobytes(), picture.shape[1], picture.shape[0]
