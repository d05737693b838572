"""Pictures that no shop can take."""

import zlib

import cv2
import numpy as np

_IHDR_END = 33
"""A PNG's signature and its header chunk."""


def tiny() -> bytes:
    """Return a JPEG of 60 x 60 pixels."""
    return _encoded(".jpg", side_px=60)


def bomb() -> bytes:
    """Return a small PNG whose header promises 60,000 x 60,000 pixels."""
    real = _encoded(".png", side_px=400)
    side = (60_000).to_bytes(4, "big")
    header = b"IHDR" + side + side + real[24:29]
    return real[:12] + header + zlib.crc32(header).to_bytes(4, "big") + real[_IHDR_END:]


def _encoded(suffix: str, side_px: int) -> bytes:
    done, data = cv2.imencode(suffix, np.full((side_px, side_px, 3), 90, np.uint8))
    assert done
    return data.tobytes()
