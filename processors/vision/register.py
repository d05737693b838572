"""Where the golden picture lies in a photo: features, a robust homography, made exact by tracking corners.

ORB (Rublee et al., 2011) on pictures of 1600 px, ratio test (Lowe, 2004), USAC with MAGSAC++ weights (Barath et al.,
2020), then :mod:`processors.vision.track`, kept only when the correlation on the board rises and the board does not
wander off.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import project, scaling, warp_into
from processors.vision.track import track

__all__ = ["Features", "Registration", "correlation", "features", "match", "project", "register"]

Picture = NDArray[Any]

_FEATURES = 3000
_FEATURE_SIDE_PX = 1600
_CORRELATED_SIDE_PX = 800
_RATIO = 0.8
_REPROJECTION_PX = 2.0
_MAX_REFINEMENT = 0.0075
"""How far corners of the golden picture may move, as a share of the photo's longer side: 6 px of 800."""
_CELLS = (10, 8)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Keypoints (N, 2) in pixels of the picture at full size, and their ORB descriptors (N, 32)."""

    points_px: NDArray[Any]
    descriptors: NDArray[Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """``homography`` takes golden pixels to photo pixels. ``moved_px`` is how far refinement moved the board.

    ``stray`` is the share of tracked corners that moved otherwise than the board, as tall parts seen from elsewhere do,
    ``stray_places`` the number of places where they did.
    ``spread`` is the share of the golden's textured cells (10 x 8) that hold inliers: a shared title or edge alone,
    as on the other side of a board, covers few.
    """

    homography: NDArray[Any]
    inliers: int
    inlier_ratio: float
    spread: float
    zncc: float
    moved_px: float
    stray: float = 0.0
    stray_places: int = 0


def features(picture: Picture, mask: Picture | None = None) -> Features:
    """Return ORB features of a picture (H, W, 3), only inside ``mask`` (H, W) when given."""
    scale = min(1.0, _FEATURE_SIDE_PX / max(picture.shape[:2]))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if scale < 1:
        size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    small_mask = None if mask is None else cv2.resize(mask, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    orb = cv2.ORB_create(nfeatures=_FEATURES, fastThreshold=10)  # type: ignore[attr-defined]  # missing in its stubs
    keypoints, descriptors = orb.detectAndCompute(grey, small_mask)
    points = np.array([point.pt for point in keypoints], np.float64).reshape(-1, 2)
    whole = np.linalg.inv(scaling(picture.shape, (grey.shape[1], grey.shape[0])))
    return Features(project(whole, points) if len(points) else points, descriptors)


def match(photo: Features, golden: Features) -> tuple[NDArray[Any] | None, int, float, float]:
    """Return the homography golden to photo (None without one), its inliers, their share of matches, their spread."""
    if photo.descriptors is None or golden.descriptors is None or min(len(photo.points_px), len(golden.points_px)) < 8:
        return None, 0, 0.0, 0.0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(golden.descriptors, photo.descriptors, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < 8:
        return None, 0, 0.0, 0.0
    source = golden.points_px[[one.queryIdx for one in good]]
    target = photo.points_px[[one.trainIdx for one in good]]
    found, inside = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, _REPROJECTION_PX, maxIters=5000, confidence=0.999
    )
    if found is None or not _plausible(found, golden.points_px):
        return None, 0, 0.0, 0.0
    inliers = int(np.count_nonzero(inside))
    spread = _spread(source[inside.ravel() > 0], golden.points_px)
    return found, inliers, inliers / len(good), spread


def register(photo: Picture, golden: Picture, mask: Picture, known: Features | None = None) -> Registration | None:
    """Find the golden picture (H, W, 3) in a photo, or None; ``mask`` (H, W) marks the board in it."""
    start, inliers, ratio, spread = match(features(photo), known or features(golden, mask))
    if start is None:
        return None
    seen, own = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.cvtColor(golden, cv2.COLOR_BGR2GRAY)
    before = correlation(seen, own, mask, start)
    tracked = track(seen, own, mask, start)
    if tracked is not None:
        after = correlation(seen, own, mask, tracked.homography)
        moved = _greatest_move(start, tracked.homography, golden.shape)
        if after > before and moved < _MAX_REFINEMENT * max(photo.shape):
            return Registration(
                tracked.homography, inliers, ratio, spread, after, moved, tracked.stray, tracked.stray_places
            )
        return Registration(start, inliers, ratio, spread, before, 0.0, tracked.stray, tracked.stray_places)
    return Registration(start, inliers, ratio, spread, before, 0.0)


def correlation(photo: Picture, golden: Picture, mask: Picture, homography: NDArray[Any]) -> float:
    """Return the zero-mean normalised cross-correlation on the board, of high-passed grey pictures of 800 px."""
    scale = min(1.0, _CORRELATED_SIDE_PX / max(golden.shape))
    size = round(golden.shape[1] * scale), round(golden.shape[0] * scale)
    to_photo = homography @ np.linalg.inv(scaling(golden.shape, size))
    seen, reached = warp_into(photo, to_photo, size)
    inside = (cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > 0) & (reached > 0)
    if np.count_nonzero(inside) < 100:
        return 0.0
    a, b = _high_pass(cv2.resize(golden, size, interpolation=cv2.INTER_AREA))[inside], _high_pass(seen)[inside]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def _greatest_move(a: NDArray[Any], b: NDArray[Any], shape: tuple[int, ...]) -> float:
    corners = _corners(shape)
    return float(np.linalg.norm(project(a, corners) - project(b, corners), axis=1).max())


def _high_pass(grey: Picture) -> NDArray[Any]:
    levels = grey.astype(np.float32)
    passed: NDArray[Any] = cv2.GaussianBlur(levels, (0, 0), 0.8) - cv2.blur(levels, (41, 41))
    return passed


def _corners(shape: tuple[int, ...]) -> NDArray[Any]:
    height, width = shape[:2]
    return np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)


def _spread(inliers: NDArray[Any], textured: NDArray[Any]) -> float:
    low: NDArray[Any] = textured.min(0)
    extent: NDArray[Any] = textured.max(0) + 1 - low

    def counts(points: NDArray[Any]) -> NDArray[Any]:
        cells = ((points - low) / extent * _CELLS).astype(np.int64)
        return np.bincount(cells[:, 1] * _CELLS[0] + cells[:, 0], minlength=_CELLS[0] * _CELLS[1])

    board = counts(textured) >= 8
    held = int(np.count_nonzero(board & (counts(inliers) >= 2)))
    return held / max(1, int(np.count_nonzero(board)))


def _plausible(homography: NDArray[Any], points: NDArray[Any]) -> bool:
    """A photo shows a board from above: not mirrored, not folded, not scaled beyond a factor of six."""
    left, top = points.min(0)
    right, bottom = points.max(0)
    box = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    seen = project(homography, box)
    if not np.all(np.isfinite(seen)) or not cv2.isContourConvex(seen.astype(np.float32)):
        return False
    area = float(cv2.contourArea(seen.astype(np.float32), oriented=True))
    own = float(cv2.contourArea(box.astype(np.float32), oriented=True))
    return 1 / 36 < area / own < 36
