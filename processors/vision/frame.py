"""Pixels of one picture in another: homographies between pictures of different sizes, and sampling through them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

_TINT, _TINTED_SHARE = 8, 0.001


def project(homography: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return points (N, 2) under a homography."""
    moved: NDArray[Any] = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), homography)
    return moved.reshape(-1, 2)


def scaling(shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[Any]:
    """Return what takes pixels of a picture of ``shape`` (H, W, ...) to those of its copy of ``size`` (W, H).

    Pixel centres, not corners, keep their place; each axis has its own factor, because a size is rounded: with one for
    both, the far border would be off by up to a pixel of the original.
    """
    fx, fy = size[0] / shape[1], size[1] / shape[0]
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]])


def density(homography: NDArray[Any], x: float, y: float) -> float:
    """Return how many pixels of the target one pixel of the source becomes at (x, y), along one side."""
    at = np.array([x, y, 1.0])
    w = float(homography[2] @ at)
    seen = (homography[:2] @ at) / w
    jacobian = (homography[:2, :2] - np.outer(seen, homography[2, :2])) / w
    return float(np.sqrt(abs(np.linalg.det(jacobian))))


def warp_into(photo: Picture, to_photo: NDArray[Any], size: tuple[int, int]) -> tuple[Picture, Picture]:
    """Sample a photo in a frame of ``size`` (W, H); a finer one is shrunk first, or its detail would alias.

    Returns:
        The picture in the frame, and a mask (H, W), 255 where the photo reaches.
    """
    shrink = max(1.0, density(to_photo, size[0] / 2, size[1] / 2))
    if shrink > 1.15:
        small = round(photo.shape[1] / shrink), round(photo.shape[0] / shrink)
        to_photo = scaling(photo.shape, small) @ to_photo
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpPerspective(photo, to_photo, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.full(photo.shape[:2], 255, np.uint8), to_photo, size, flags=flags)
    return seen, np.where(inside > 250, 255, 0).astype(np.uint8)


def same_colours(a: Picture, b: Picture) -> tuple[Picture, Picture]:
    """Return two pictures (H, W, 3), both grey if one of them is: a camera in black and white recolours no board."""
    if is_grey(a) == is_grey(b):
        return a, b
    first, second = (cv2.cvtColor(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for one in (a, b))
    return first, second


def is_grey(picture: Picture) -> bool:
    """Whether a picture (H, W, 3) holds no colours; compression alone gives none to a grey one."""
    blue, green, red = cv2.split(picture[::4, ::4])
    tint = cv2.max(cv2.absdiff(blue, green), cv2.absdiff(red, green))
    return float(np.mean(tint > _TINT)) < _TINTED_SHARE


def greatest(picture: Picture) -> Picture:
    """Return the greatest channel (H, W) of a picture (H, W, 3); far faster than a maximum over the last axis."""
    blue, green, red = cv2.split(picture)
    return cv2.max(cv2.max(blue, green), red)
