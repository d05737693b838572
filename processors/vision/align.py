"""Bringing photo and golden picture to one frame, one light and one sharpness, so that what is left is difference."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.frame import density, scaling, warp_into

Picture = NDArray[Any]

_OFFSET = 8.0
"""Added before the logarithm: below it, sensor noise is all there is."""
_BLOCK_PX = 24
_STEPS = 8
_CLIPPED = 250
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
    lit = _same_light(seen, reference, valid)
    calm, sharp, blur = _same_sharpness(lit, reference.astype(np.float32), valid)
    sample = np.abs(calm[1::4, 1::4] - sharp[1::4, 1::4]).max(2)[valid[1::4, 1::4]]
    noise = float(np.median(sample)) if sample.size else 0.0
    return Aligned(sharp, calm, valid, greatest(seen) >= _CLIPPED, to_photo, scale, noise, blur)


def greatest(picture: Picture) -> Picture:
    """Return the greatest channel (H, W) of a picture (H, W, 3); far faster than a maximum over the last axis."""
    blue, green, red = cv2.split(picture)
    return cv2.max(cv2.max(blue, green), red)


def _same_light(seen: Picture, reference: Picture, valid: NDArray[Any]) -> NDArray[Any]:
    """Undo exposure, gamma and a smooth field of light, fitted per channel to the logs of block medians.

    ``log photo = a log golden + b(x, y)`` with ``b`` of second order, by iteratively reweighted least squares: blocks
    that a defect has changed lose their weight, so a large stain is not taken for light.
    """
    table = np.log(np.arange(256, dtype=np.float32) + np.float32(_OFFSET))
    height, width = valid.shape
    rows, columns = height // _BLOCK_PX, width // _BLOCK_PX
    usable = _blocks(valid, rows, columns).mean(1) > 0.95
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x = (xs.ravel() + 0.5) * _BLOCK_PX / width - 0.5
    y = (ys.ravel() + 0.5) * _BLOCK_PX / height - 0.5
    full_y: NDArray[Any] = (np.arange(height) / height - 0.5).astype(np.float32)
    full_x: NDArray[Any] = (np.arange(width) / width - 0.5).astype(np.float32)
    lit = np.empty(seen.shape, np.float32)
    for channel in range(3):
        a = table[np.median(_blocks(reference[..., channel], rows, columns), 1).astype(np.uint8)]
        b = table[np.median(_blocks(seen[..., channel], rows, columns), 1).astype(np.uint8)]
        usable_here = usable & (b < table[_CLIPPED])
        if np.count_nonzero(usable_here) < 24:
            lit[..., channel] = seen[..., channel]
            continue
        terms = np.stack([a, np.ones_like(a), x, y, x * x, x * y, y * y], 1)
        gain, *field = _robust_fit(terms[usable_here], b[usable_here])
        gain = min(max(gain, 0.5), 2.0)
        across = field[1] * full_x + field[3] * full_x**2
        down = field[0] + field[2] * full_y + field[5] * full_y**2
        light = down[:, None] + across[None, :] + np.float32(field[4]) * full_y[:, None] * full_x[None, :]
        lit[..., channel] = cv2.exp(((cv2.LUT(seen[..., channel], table) - light) / gain).astype(np.float32)) - _OFFSET
    return np.clip(lit, 0, 255)


def _blocks(plane: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return every third pixel of each block, (rows * columns, samples)."""
    cut = plane[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    side = _BLOCK_PX // 3
    taken = cut.reshape(rows, side, 3, columns, side, 3)[:, :, 1, :, :, 1]
    return taken.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)


def _robust_fit(terms: NDArray[Any], values: NDArray[Any]) -> list[float]:
    weights = np.ones(len(values))
    # A faint pull towards unit contrast and no gradient keeps a board of one tone solvable.
    pull = np.diag([3.0, 0, 0.3, 0.3, 0.3, 0.3, 0.3])
    aim = np.array([1.0, 0, 0, 0, 0, 0, 0])
    answer = aim
    for _ in range(_STEPS):
        weighted = terms * weights[:, None]
        answer = np.linalg.solve(weighted.T @ terms + pull + 1e-9 * np.eye(7), weighted.T @ values + pull @ aim)
        off = np.abs(values - terms @ answer)
        spread = max(1.48 * float(np.median(off)), 0.01)
        weights = 1 / (1 + (off / (2 * spread)) ** 2)
    return [float(one) for one in answer]


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
