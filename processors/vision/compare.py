"""What differs between an aligned photo and its golden picture: a difference map, then blobs."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.align import Aligned
from processors.vision.frame import greatest

_CORE_SHARE = 0.12


@dataclass(frozen=True, slots=True)
class CompareLimits:
    """Thresholds of the difference, in levels of 255 in the golden's light, and sizes in pixels of the frame."""

    side_px: int = 1400
    fine_high: float = 34.0
    fine_low: float = 20.0
    wide_high: float = 20.0
    wide_low: float = 12.0
    wide_sigma_px: float = 5.0
    edge_slack: float = 0.30
    noise_factor: float = 2.5
    min_area_px: int = 16
    join_px: int = 9


@dataclass(frozen=True, slots=True, eq=False)
class Allowance:
    """What sound boards differ by: fine and wide difference (H, W) uint8 in levels over the golden picture, of any
    size, and what is added to every threshold.
    """

    fine: NDArray[Any]
    wide: NDArray[Any]
    lift: float


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One connected difference: its mask inside ``box`` (left, top, width, height) of the frame, and its strength."""

    box: tuple[int, int, int, int]
    mask: NDArray[Any]
    area_px: int
    peak: float
    mean: float


def difference(aligned: Aligned, limits: CompareLimits) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the fine and the wide difference (H, W), in levels.

    Fine: the least greatest-channel difference over shifts of one pixel, less a share of the local contrast, which is
    what a quarter of a pixel of misplacement costs. Wide: the greatest channel of the smoothed signed difference, which
    finds thin films that no single pixel shows.
    """
    golden = cv2.GaussianBlur(aligned.golden, (0, 0), 0.7).astype(np.uint8)
    photo = cv2.GaussianBlur(aligned.photo, (0, 0), 0.7).astype(np.uint8)
    padded = cv2.copyMakeBorder(golden, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    height, width = photo.shape[:2]
    least = np.full((height, width), 255, np.uint8)
    for dy in range(3):
        for dx in range(3):
            shifted = padded[dy : dy + height, dx : dx + width]
            least = cv2.min(least, greatest(cv2.absdiff(photo, shifted)))
    contrast = greatest(cv2.morphologyEx(golden, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))).astype(np.float32)
    fine = cv2.subtract(least.astype(np.float32), contrast * np.float32(limits.edge_slack))
    fine[aligned.clipped & (greatest(golden) > 215)] = 0
    fine[~aligned.valid] = 0
    return fine, _wide(aligned, limits.wide_sigma_px)


def find_blobs(aligned: Aligned, limits: CompareLimits, allowed: Allowance | None = None) -> list[Blob]:
    """Return the differences that are strong somewhere and large enough, strongest first."""
    fine, wide = difference(aligned, limits)
    lift = limits.noise_factor * max(0.0, aligned.noise - 3.0)
    if allowed is not None:
        size = fine.shape[::-1]
        fine = fine - cv2.resize(allowed.fine, size, interpolation=cv2.INTER_LINEAR)
        wide = wide - cv2.resize(allowed.wide, size, interpolation=cv2.INTER_LINEAR)
        lift += allowed.lift
    return blobs_of(fine, wide, lift, limits)


def blobs_of(fine: NDArray[Any], wide: NDArray[Any], lift: float, limits: CompareLimits) -> list[Blob]:
    """Return the blobs of two difference maps (H, W) in levels, with thresholds raised by ``lift``; a third of it for
    the wide one."""
    low = (fine > limits.fine_low + lift) | (wide > limits.wide_low + lift / 3)
    high = (fine > limits.fine_high + lift) | (wide > limits.wide_high + lift / 3)
    low_mask = cv2.morphologyEx(low.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    joined = cv2.dilate(low_mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (limits.join_px, limits.join_px)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    blobs: list[Blob] = []
    for label in range(1, count):
        left, top, width, height, _ = (int(v) for v in stats[label])
        inside = np.s_[top : top + height, left : left + width]
        mask = (labels[inside] == label) & (low_mask[inside] > 0)
        strong = int(np.count_nonzero(mask & high[inside]))
        area = int(np.count_nonzero(mask))
        if area < limits.min_area_px or strong < max(4, limits.min_area_px // 3):
            continue
        core = mask & (fine[inside] > limits.fine_low + lift)
        # Smoothing spreads the wide difference over its surroundings; the fine one, where there is any, is exact.
        if np.count_nonzero(core) >= max(6, _CORE_SHARE * area):
            mask, area = core, int(np.count_nonzero(core))
        strength = np.maximum(fine[inside], wide[inside])[mask]
        blobs.append(_tight(left, top, mask, area, strength))
    return sorted(blobs, key=lambda blob: -blob.mean * blob.area_px)


def _tight(left: int, top: int, mask: NDArray[Any], area: int, strength: NDArray[Any]) -> Blob:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    box = (left + int(x0), top + int(y0), int(x1 - x0), int(y1 - y0))
    peak = float(np.percentile(strength, 95))
    return Blob(box, mask[y0:y1, x0:x1], area, peak, float(strength.mean()))


def _wide(aligned: Aligned, sigma_px: float) -> NDArray[Any]:
    """Smooth at half scale, and only over valid pixels, so that the rim of the board does not leak in."""
    half = aligned.valid.shape[1] // 2, aligned.valid.shape[0] // 2
    signed = cv2.resize(aligned.photo - aligned.golden, half, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(aligned.valid.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(signed * weight[..., None], (0, 0), sigma_px / 2)
    mass = cv2.GaussianBlur(weight, (0, 0), sigma_px / 2)
    strength = greatest(np.abs(smooth)) / np.maximum(mass, 0.2)
    wide: NDArray[Any] = cv2.resize(
        strength.astype(np.float32), aligned.valid.shape[::-1], interpolation=cv2.INTER_LINEAR
    )
    wide[~aligned.valid] = 0
    return wide
