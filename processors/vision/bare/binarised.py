"""Whether a picture is a binarised one of a bare board: grey, and hardly anything between black and white."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import greatest

_DARK, _LIGHT, _TINT = 64, 191, 40
"""Levels of 255. Compression leaves rings of this height round sharp edges, and a little tint."""
_MIN_SHARE = 0.90
"""Of pixels that are dark or light, and of pixels without tint. DeepPCB's pictures and drawn ones of JPEG
quality 60 and more reach 0.999; photos of boards, drawn or real, 0.71 at most."""
_MIN_EACH = 0.01
"""Of copper and of what is none: a blank picture is no board."""


def binarised_share(picture: NDArray[Any]) -> tuple[float, float, float]:
    """Return the shares of dark, light and untinted pixels of a picture (H, W, 3)."""
    least = 255 - greatest(cv2.bitwise_not(picture))
    most = greatest(picture)
    dark, light = float(np.mean(most < _DARK)), float(np.mean(least > _LIGHT))
    return dark, light, float(np.mean(cv2.subtract(most, least) < _TINT))


def is_binarised(picture: NDArray[Any]) -> bool:
    """Whether the bare-board engine, and not the comparison in colour, is for this picture (H, W, 3)."""
    dark, light, grey = binarised_share(picture)
    return min(dark, light) >= _MIN_EACH and min(dark + light, grey) >= _MIN_SHARE
