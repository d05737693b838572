"""May a photo be held against the golden picture at all? Better another photo than parallax reported as defects."""

from processors.vision.config import PoseLimits
from processors.vision.register import Registration


def is_same_side(found: Registration, limits: PoseLimits) -> bool:
    """Whether the photo shows the golden picture's side of this board, near enough to compare pixels."""
    near = found.zncc >= limits.min_zncc and found.spread >= limits.min_spread
    return near and found.inliers >= limits.min_inliers


def is_moved(found: Registration, limits: PoseLimits) -> bool:
    """Whether it is the same side seen from elsewhere: many features agree while the pixels do not."""
    return found.inliers >= limits.moved_min_inliers and found.spread >= limits.moved_min_spread


def stands_out(found: Registration, limits: PoseLimits) -> bool:
    """Whether parts in several places appear beside their own, as tall ones do for a camera that stands elsewhere.

    One or two places may be parts that sit wrong; then their differences are findings.
    """
    return found.stray_places > limits.max_stray_places


def pose_margin(found: Registration | None, limits: PoseLimits) -> float:
    """Return how far a photo's pose is from being refused: below 0 it is, 1 is the best there is."""
    if found is None:
        return -1.0
    close = (found.zncc - limits.min_zncc) / (1 - limits.min_zncc)
    return close - found.stray_places / (limits.max_stray_places + 0.5)
