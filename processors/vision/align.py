"""Bringing photo and golden picture to one frame, one light and one sharpness, so that what is left is difference."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import density, greatest, scaling, warp_into
from processors.vision.light import CLIPPED, same_light

Picture = NDArray[Any]

_FINEST = 1.1
"""Frame pixels for one of the photo, at most."""
_SIGMAS_PX = (0.0, 0.45, 0.65, 0.85, 1.1, 1.5, 2.0, 2.7)


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Golden and photo (H, W, 3) float32 in the golden's light; ``valid`` (H, W) bool; ``to_photo`` frame to photo px.

    ``clipped`` (H, W) bool marks where the photo is saturated; ``noise`` is the median difference in levels.
    """

    golden: NDArray[Any]
    photo: NDArray[Any]
    valid: NDArray[Any]
    clipped: NDArray[Any]
    to_photo: NDArray[Any]
    scale: float
    noise: float
    blur_px: float


def align(photo: Picture, golden: Picture, mask: Picture, homography: NDArray[Any], side_px: int) -> Aligned:
    """Warp the photo into the golden's frame at ``side_px``, and undo its light and the difference in blur."""
    scale = min(1.0, side_px / max(golden.shape[:2]))
    # A frame finer than the photo would hold its blur against a sharp golden picture.
    detail = density(homography, golden.shape[1] / 2, golden.shape[0] / 2) / scale
    scale *= min(1.0, _FINEST * detail)
    size = round(golden.shape[1] * scale), round(golden.shape[0] * scale)
    reference = cv2.resize(golden, size, interpolation=cv2.INTER_AREA)
    to_photo = homography @ np.linalg.inv(scaling(golden.shape, size))
    seen, inside = warp_into(photo, to_photo, size)
    board = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    border = max(3, round(0.004 * side_px))
    whole = cv2.erode(cv2.bitwise_and(board, inside), np.ones((border, border), np.uint8), borderValue=0)
    valid = whole > 0
    lit = same_light(seen, reference, valid)
    calm, sharp, blur = _same_sharpness(lit, reference.astype(np.float32), valid)
    sample = np.abs(calm[1::4, 1::4] - sharp[1::4, 1::4]).max(2)[valid[1::4, 1::4]]
    noise = float(np.median(sample)) if sample.size else 0.0
    return Aligned(sharp, calm, valid, greatest(seen) >= CLIPPED, to_photo, scale, noise, blur)


def _same_sharpness(
    photo: NDArray[Any], golden: NDArray[Any], valid: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Blur the sharper of the two until their edges agree best. Positive: the golden was blurred by that sigma."""
    green_photo, green_golden = photo[..., 1], golden[..., 1]
    slope = cv2.morphologyEx(green_golden, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edges = valid & (slope > 40)
    if np.count_nonzero(edges) < 200:
        return photo, golden, 0.0
    ys, xs = np.nonzero(edges)
    ys, xs = ys[::5], xs[::5]

    def steepness(picture: NDArray[Any]) -> float:
        dx, dy = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
        return float(np.mean(cv2.magnitude(dx, dy)[ys, xs]))

    aim, own = steepness(green_photo), steepness(green_golden)
    softer, harder = (green_photo, green_golden) if aim < own else (green_golden, green_photo)
    target = steepness(softer)
    best = min(_SIGMAS_PX, key=lambda sigma: abs(steepness(_blur(harder, sigma)) - target))
    if aim < own:
        return photo, _blur(golden, best), best
    return _blur(photo, best), golden, -best


def _blur(picture: NDArray[Any], sigma_px: float) -> NDArray[Any]:
    return cv2.GaussianBlur(picture, (0, 0), sigma_px) if sigma_px else picture
