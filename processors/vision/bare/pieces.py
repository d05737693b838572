"""Connected pieces of a mask. OpenCV's own statistics take ten times as long as the labels that they are of."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def pieces(mask: NDArray[Any], connectivity: int = 8) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels (H, W) int32, 0 outside the mask, and the pixels of each label (N + 1), that of 0 among them."""
    _, labels = cv2.connectedComponents(mask, connectivity=connectivity)
    return labels, np.bincount(labels.ravel())
