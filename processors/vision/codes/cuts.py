"""What is tried when a plain look at a picture reads no code: parts of it, enlarged, deblurred, straightened."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

_COARSE_PX = 400
_REGIONS = 3
_REGION_SHARE = 0.002
_ACTIVE = 0.3
_MARGIN = 0.18
_WORK_PX = 1500
_TURNS_DEG = (0.0, -45.0)
_SIGMAS_PX = (0.8, 1.3, 1.9, 2.6)
"""Standard deviations of the blurs that are undone, in pixels of the picture."""
_NOISE = 0.006
"""Power of the noise over that of the picture, in Wiener's filter; larger is calmer and softer."""
_STRIPS = 5
_LINE_SCALE = 4.0
_LINE_SIGMAS_PX = (0.0, 0.9, 1.5, 2.2)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A picture (H, W) uint8 to read from, with the affine map (2, 3) of its pixels to those of the whole picture."""

    picture: Picture
    to_picture: NDArray[Any] | None
    thorough: bool = False
    linear: bool = False


def looks(grey: Picture) -> Iterator[Look]:
    """Yield cuts of a grey picture (H, W), the cheapest first."""
    regions = _regions(grey)
    cuts = [_cut(grey, region, scale) for region in regions for scale in (2.0, 3.0)]
    for cut, there, _ in cuts:
        yield Look(_sharpened(flat(cut)), there)
    lines = [(region, _turn(grey, region)) for region in regions]
    for region, turn in lines:
        yield from _line_looks(grey, region, turn)
    for sigma in _SIGMAS_PX:
        for cut, there, scale in cuts[::2]:
            yield Look(_deblurred(cut, sigma * scale), there)
    for region in regions:
        for turn in _TURNS_DEG:
            cut, there, scale = _turned(grey, region, turn + 22.5, 2.0)
            yield Look(_deblurred(cut, 0.8 * scale), there)


def flat(grey: Picture) -> Picture:
    """Return a picture with its light evened out: each pixel against the light and dark levels of its surroundings."""
    side = max(15, round(max(grey.shape) / 12)) | 1
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    kernel = np.ones((max(3, side // 4), max(3, side // 4)), np.uint8)
    size = grey.shape[1], grey.shape[0]
    light, dark = (
        cv2.resize(cv2.blur(one, kernel.shape).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        for one in (cv2.dilate(small, kernel), cv2.erode(small, kernel))
    )
    even = (grey.astype(np.float32) - dark) / np.maximum(light - dark, 24) * 255
    return _levels(even)


def _regions(grey: Picture) -> list[tuple[int, int, int, int]]:
    """Return where much is going on, as left, top, right, bottom; the largest first."""
    scale = min(1.0, _COARSE_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    dx, dy = (cv2.Sobel(small, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    busy = cv2.blur(cv2.magnitude(dx, dy), (13, 13))
    count, _, stats, _ = cv2.connectedComponentsWithStats((busy > _ACTIVE * busy.max()).astype(np.uint8))
    found = sorted((stats[i] for i in range(1, count)), key=lambda one: -int(one[cv2.CC_STAT_AREA]))
    boxes = []
    for left, top, width, height, area in found[:_REGIONS]:
        if area < _REGION_SHARE * small.size:
            continue
        pad = _MARGIN * max(width, height)
        x0, y0 = max(0, round((left - pad) / scale)), max(0, round((top - pad) / scale))
        x1 = min(grey.shape[1], round((left + width + pad) / scale))
        y1 = min(grey.shape[0], round((top + height + pad) / scale))
        boxes.append((x0, y0, x1, y1))
    return boxes


def _cut(grey: Picture, region: tuple[int, int, int, int], scale: float) -> tuple[Picture, NDArray[Any], float]:
    x0, y0, x1, y1 = region
    scale = min(scale, _WORK_PX / max(x1 - x0, y1 - y0)) if max(x1 - x0, y1 - y0) * scale > _WORK_PX else scale
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    cut = cv2.resize(grey[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=way)
    return cut, np.array([[1 / scale, 0, x0], [0, 1 / scale, y0]]), scale


def _turned(
    grey: Picture, region: tuple[int, int, int, int], turn_deg: float, scale: float
) -> tuple[Picture, NDArray[Any], float]:
    """Cut a region out and turn it clockwise; the cut holds the whole of it."""
    x0, y0, x1, y1 = region
    turn = np.deg2rad(turn_deg)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    width, height = x1 - x0, y1 - y0
    across, down = abs(cos) * width + abs(sin) * height, abs(sin) * width + abs(cos) * height
    scale = min(scale, 1.4 * _WORK_PX / max(across, down))
    size = round(across * scale), round(down * scale)
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    back = np.array([[cos, -sin], [sin, cos]]) / scale
    there = np.column_stack([back, centre - back @ (np.array(size) / 2)])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(grey, there, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cut, there, scale


def _turn(grey: Picture, region: tuple[int, int, int, int]) -> float:
    """Return the direction across the bars in degrees, from the structure tensor weighted by how lined a place is."""
    x0, y0, x1, y1 = region
    cut = cv2.GaussianBlur(grey[y0:y1, x0:x1], (0, 0), 0.8)
    dx, dy = (cv2.Sobel(cut, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.blur(one, (21, 21)) for one in (dx * dx, dy * dy, dx * dy))
    lined = np.hypot(xx - yy, 2 * xy)
    weight = lined * (lined / (xx + yy + 1)) ** 4
    double = np.arctan2((weight * 2 * xy).sum(), (weight * (xx - yy)).sum())
    return float(np.rad2deg(double) / 2)


def _line_looks(grey: Picture, region: tuple[int, int, int, int], turn_deg: float) -> Iterator[Look]:
    """Average strips along the bars: what is left is one line with little noise, whose blur can be undone."""
    cut, there, scale = _turned(grey, region, turn_deg, _LINE_SCALE)
    bars = _bars(cut, scale)
    if bars is None:
        return
    top, bottom = bars
    edges = np.linspace(top, bottom, _STRIPS + 1).astype(int)
    for sigma in _LINE_SIGMAS_PX:
        for y0, y1 in pairwise(int(edge) for edge in edges):
            line = cut[y0:y1].mean(0)
            picture = np.repeat(_line_deblurred(line, sigma * scale)[None], 40, 0)
            placed = there.copy()
            placed[:, 2] += there[:, 1] * y0
            placed[:, 1] *= (y1 - y0) / 40
            yield Look(picture, placed, linear=True)


def _bars(cut: Picture, scale: float) -> tuple[int, int] | None:
    """Return the rows (from, to) of a straightened cut that cross upright bars."""
    across = np.abs(cv2.Sobel(cut, cv2.CV_32F, 1, 0, scale=1 / 8))
    along = np.abs(cv2.Sobel(cut, cv2.CV_32F, 0, 1, scale=1 / 8))
    strength = across.mean(1) - along.mean(1)
    strength = np.convolve(strength, np.ones(9) / 9, "same")
    rows = np.flatnonzero(strength > 0.5 * strength.max())
    if strength.max() <= 0 or len(rows) < 4 * scale:
        return None
    trim = (rows[-1] - rows[0]) // 10
    return int(rows[0] + trim), int(rows[-1] - trim + 1)


def _sharpened(cut: Picture) -> Picture:
    soft = cv2.GaussianBlur(cut, (0, 0), 2.0)
    return cv2.addWeighted(cut, 2.2, soft, -1.2, 0)


def _deblurred(cut: Picture, sigma_px: float) -> Picture:
    """Undo a Gaussian blur by Wiener's filter; the border is mirrored, or it would ring into the picture."""
    pad = round(4 * sigma_px)
    framed: NDArray[Any] = cv2.copyMakeBorder(cut, pad, pad, pad, pad, cv2.BORDER_REFLECT_101).astype(np.float32)
    height, width = framed.shape
    tall, wide = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    framed = cv2.copyMakeBorder(framed, 0, tall - height, 0, wide - width, cv2.BORDER_REFLECT_101)
    fy, fx = np.fft.fftfreq(tall)[:, None], np.fft.rfftfreq(wide)[None]
    passed = np.exp(-2 * (np.pi * sigma_px) ** 2 * (fy**2 + fx**2)).astype(np.float32)
    spectrum = np.fft.rfft2(framed - framed.mean()) * (passed / (passed**2 + _NOISE))
    clear = np.fft.irfft2(spectrum, s=framed.shape)[pad : pad + cut.shape[0], pad : pad + cut.shape[1]]
    return _stretched(clear)


def _line_deblurred(line: NDArray[Any], sigma_px: float) -> Picture:
    if sigma_px == 0:
        return _stretched(line)
    pad = round(4 * sigma_px)
    framed = np.pad(line, pad, mode="reflect")
    passed = np.exp(-2 * (np.pi * sigma_px * np.fft.rfftfreq(len(framed))) ** 2)
    spectrum = np.fft.rfft(framed - framed.mean()) * (passed / (passed**2 + _NOISE / 4))
    return _stretched(np.fft.irfft(spectrum, n=len(framed))[pad : pad + len(line)])


def _stretched(values: NDArray[Any]) -> Picture:
    low, high = (float(one) for one in np.percentile(values, (1, 99)))
    return _levels((values - low) / max(high - low, 1e-6) * 255)


def _levels(values: NDArray[Any]) -> Picture:
    levels: Picture = np.clip(values, 0, 255).astype(np.uint8)
    return levels
