"""Where the golden picture lies in a photo: features, a robust homography, refined on the pixels.

ORB (Rublee et al., 2011) on pictures of 1600 px, ratio test (Lowe, 2004), USAC with MAGSAC++ weights (Barath et al.,
2020), then enhanced correlation maximisation (Evangelidis and Psarakis, 2008) over the board alone, kept only when the
correlation rises and the board does not wander off: with tall parts or a busy bench ECC drifts by tens of pixels.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

_FEATURES = 3000
_FEATURE_SIDE_PX = 1600
_REFINE_SIDE_PX = 800
_RATIO = 0.8
_REPROJECTION_PX = 2.0
_MAX_REFINEMENT_PX = 6.0
_ECC_STEPS = 20
_CELLS = (10, 8)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Keypoints (N, 2) in pixels of the picture at full size, and their ORB descriptors (N, 32)."""

    points_px: NDArray[Any]
    descriptors: NDArray[Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """``homography`` takes golden pixels to photo pixels. ``moved_px`` is how far refinement moved the board.

    ``spread`` is the share of the golden's textured cells (10 x 8) that hold inliers: a shared title or edge alone,
    as on the other side of a board, covers few.
    """

    homography: NDArray[Any]
    inliers: int
    inlier_ratio: float
    spread: float
    zncc: float
    moved_px: float


def features(picture: Picture, mask: Picture | None = None) -> Features:
    """Return ORB features of a picture (H, W, 3), only inside ``mask`` (H, W) when given."""
    scale = min(1.0, _FEATURE_SIDE_PX / max(picture.shape[:2]))
    grey = _shrink(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), scale)
    small_mask = None if mask is None else cv2.resize(mask, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    orb = cv2.ORB_create(nfeatures=_FEATURES, fastThreshold=10)  # type: ignore[attr-defined]  # missing in its stubs
    keypoints, descriptors = orb.detectAndCompute(grey, small_mask)
    points = np.array([point.pt for point in keypoints], np.float64).reshape(-1, 2)
    # Pixel centres, not corners, keep their place under scaling.
    return Features((points + 0.5) / scale - 0.5, descriptors)


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


def refine(photo: Picture, golden: Picture, mask: Picture, start: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Refine a homography on high-passed grey pictures of 800 px.

    Returns:
        The better homography, its zero-mean normalised cross-correlation on the board, and how far (px of the photo)
        the board moved; the given one, with 0, when refinement did not help.
    """
    golden_scale = min(1.0, _REFINE_SIDE_PX / max(golden.shape[:2]))
    photo_scale = min(1.0, _REFINE_SIDE_PX / max(photo.shape[:2]))
    template = _high_pass(_shrink(cv2.cvtColor(golden, cv2.COLOR_BGR2GRAY), golden_scale))
    target = _high_pass(_shrink(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), photo_scale))
    small_mask = cv2.resize(mask, template.shape[::-1], interpolation=cv2.INTER_NEAREST)
    down, up = _scaling(photo_scale), np.linalg.inv(_scaling(golden_scale))
    warp = (down @ start @ up).astype(np.float32)
    warp /= warp[2, 2]
    before = _zncc(template, target, small_mask, warp)
    try:
        _, refined = cv2.findTransformECCWithMask(
            template, target, small_mask, np.full(target.shape, 255, np.uint8), warp.copy(), cv2.MOTION_HOMOGRAPHY,
            (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_STEPS, 1e-5), 3,
        )  # fmt: skip
    except cv2.error:  # it throws when the correlation does not converge
        return start, before, 0.0
    after = _zncc(template, target, small_mask, refined)
    better = np.linalg.inv(down) @ refined.astype(np.float64) @ np.linalg.inv(up)
    better /= better[2, 2]
    moved = _greatest_move(start, better, golden.shape)
    if after <= before or moved > _MAX_REFINEMENT_PX / photo_scale:
        return start, before, 0.0
    return better, after, moved


def register(photo: Picture, golden: Picture, mask: Picture, known: Features | None = None) -> Registration | None:
    """Find the golden picture (H, W, 3) in a photo, or None; ``mask`` (H, W) marks the board in it."""
    found, inliers, ratio, spread = match(features(photo), known or features(golden, mask))
    if found is None:
        return None
    better, zncc, moved = refine(photo, golden, mask, found)
    return Registration(better, inliers, ratio, spread, zncc, moved)


def project(homography: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return points (N, 2) under a homography."""
    moved: NDArray[Any] = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), homography)
    return moved.reshape(-1, 2)


def _shrink(grey: Picture, scale: float) -> Picture:
    if scale == 1.0:
        return grey
    size = round(grey.shape[1] * scale), round(grey.shape[0] * scale)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _scaling(scale: float) -> NDArray[Any]:
    shift = (scale - 1) / 2
    return np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1.0]])


def _high_pass(grey: Picture) -> NDArray[Any]:
    levels = grey.astype(np.float32)
    passed: NDArray[Any] = cv2.GaussianBlur(levels, (0, 0), 0.8) - cv2.blur(levels, (41, 41))
    return passed


def _zncc(template: Picture, target: Picture, mask: Picture, warp: NDArray[Any]) -> float:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = template.shape[::-1]
    seen = cv2.warpPerspective(target, warp, size, flags=flags)
    valid = cv2.warpPerspective(np.full(target.shape, 255, np.uint8), warp, size, flags=flags)
    inside = (mask > 0) & (valid > 250)
    if np.count_nonzero(inside) < 100:
        return 0.0
    a, b = template[inside], seen[inside]
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def _corners(shape: tuple[int, ...]) -> NDArray[Any]:
    height, width = shape[:2]
    return np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)


def _greatest_move(a: NDArray[Any], b: NDArray[Any], shape: tuple[int, ...]) -> float:
    corners = _corners(shape)
    return float(np.linalg.norm(project(a, corners) - project(b, corners), axis=1).max())


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
