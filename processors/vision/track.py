"""A homography made exact: corners of the golden picture are tracked into the photo, to hundredths of a pixel.

The photo is warped into the golden picture's frame, so that what is left to track is small; each gets an even local
contrast, so that light does not pull at corners. Pyramidal Lucas-Kanade (Bouguet, 2001) there and back keeps the
corners that come home, MAGSAC those that move as one plane, and least squares over them gives the homography. Tops of
tall parts move on their own: they lose their say, and the places where they do tell that the camera stood elsewhere.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import project, scaling, warp_into

Picture = NDArray[Any]

_SIDE_PX = 1200
_ROUNDS = 2
_CORNERS = 500
_WINDOW_PX = 21
_CONTRAST_PX = 31
_HOME_PX = 0.5
"""A corner that is not back this near, tracked there and back, was lost."""
_PLANE_PX = 1.0
_STRAY_PX = 1.0
_STRAY_FACTOR = 8.0
"""Off the plane by this much, and so many times the usual error of tracking: it stands off the board, or was moved."""
_CELL_PX = 50
_FEWEST = 12


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """``homography`` takes golden pixels to photo pixels. ``stray`` is the share (0 to 1) of the corners tracked that
    moved otherwise than the board, ``stray_places`` in how many separate places there are several of them.
    """

    homography: NDArray[Any]
    stray: float
    stray_places: int


def track(photo: Picture, golden: Picture, mask: Picture, start: NDArray[Any]) -> Tracked | None:
    """Make a homography exact that is right to a few pixels; None when too few corners can be tracked.

    Args:
        photo: (H, W) grey.
        golden: (H, W) grey, of another size.
        mask: like ``golden``; only corners where it is not 0 are used.
        start: (3, 3), golden pixels to photo pixels.
    """
    scale = min(1.0, _SIDE_PX / max(golden.shape))
    size = round(golden.shape[1] * scale), round(golden.shape[0] * scale)
    frame = golden if scale == 1.0 else cv2.resize(golden, size, interpolation=cv2.INTER_AREA)
    board = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    to_frame = scaling(golden.shape, size)
    even = _even_contrast(frame)
    corners = cv2.goodFeaturesToTrack(even, _CORNERS, 0.003, max(size) / 60, mask=_inner(board), blockSize=5)
    if corners is None or len(corners) < _FEWEST:
        return None
    found: Tracked | None = None
    for _ in range(_ROUNDS):
        to_photo = (start if found is None else found.homography) @ np.linalg.inv(to_frame)
        seen, inside = warp_into(photo, to_photo, size)
        fitted = _fit(even, _even_contrast(seen), corners, _inner(cv2.bitwise_and(board, inside)))
        if fitted is None:
            return found
        plane, strays, count = fitted
        better = to_photo @ plane @ to_frame
        found = Tracked(better / better[2, 2], len(strays) / count, _places(strays, size))
    return found


def _fit(
    golden: Picture, seen: Picture, corners: NDArray[Any], valid: Picture
) -> tuple[NDArray[Any], NDArray[Any], int] | None:
    """Return the homography golden to seen, the corners (N, 2) that strayed from it, and how many were tracked."""
    size = (_WINDOW_PX, _WINDOW_PX)
    there, ok, _ = cv2.calcOpticalFlowPyrLK(golden, seen, corners, np.empty_like(corners), winSize=size, maxLevel=2)
    back, home, _ = cv2.calcOpticalFlowPyrLK(seen, golden, there, np.empty_like(corners), winSize=size, maxLevel=2)
    source, target = corners.reshape(-1, 2).astype(np.float64), there.reshape(-1, 2).astype(np.float64)
    returned = np.linalg.norm(back.reshape(-1, 2) - source, axis=1) < _HOME_PX
    column, row = np.rint(source).astype(int).T
    kept = returned & (ok.ravel() > 0) & (home.ravel() > 0) & (valid[row, column] > 0)
    source, target = source[kept], target[kept]
    if len(source) < _FEWEST:
        return None
    plane, inside = cv2.findHomography(source, target, cv2.USAC_MAGSAC, _PLANE_PX, maxIters=3000, confidence=0.999)
    if plane is None:
        return None
    off = np.linalg.norm(project(plane, source) - target, axis=1)
    near = off < max(0.3, 2.5 * float(np.median(off[inside.ravel() > 0])))
    if np.count_nonzero(near) < _FEWEST:
        return None
    exact, _ = cv2.findHomography(source[near], target[near], 0)
    if exact is None:
        return None
    off = np.linalg.norm(project(exact, source) - target, axis=1)
    return exact, source[off > max(_STRAY_PX, _STRAY_FACTOR * float(np.median(off[near])))], len(source)


def _places(strays: NDArray[Any], size: tuple[int, int]) -> int:
    """Count the groups of neighbouring cells of 50 px that hold two strays or more."""
    cells: NDArray[Any] = np.zeros((size[1] // _CELL_PX + 1, size[0] // _CELL_PX + 1), np.uint8)
    np.add.at(cells, tuple((strays.T[::-1] // _CELL_PX).astype(int)), 1)
    return cv2.connectedComponents((cells >= 2).astype(np.uint8), connectivity=8)[0] - 1


def _even_contrast(grey: Picture) -> Picture:
    levels = grey.astype(np.float32)
    away = levels - cv2.blur(levels, (_CONTRAST_PX, _CONTRAST_PX))
    spread = cv2.sqrt(np.maximum(cv2.blur(away * away, (_CONTRAST_PX, _CONTRAST_PX)), 0))  # a running sum may dip below
    even: Picture = np.clip(128 + 40 * away / (spread + 6), 0, 255).astype(np.uint8)
    return even


def _inner(mask: Picture) -> Picture:
    """A window that hangs over the rim of the board would track the bench."""
    reach = _WINDOW_PX // 2 + 2
    return cv2.erode(mask, np.ones((reach, reach), np.uint8), borderValue=0)
