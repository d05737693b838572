"""The image-quality gate: can this photo be judged at all, and what should whoever took it do about it?

Blur is told by two measures, because each alone fails on some photos: the re-blur ratio (Crete et al., 2007: a sharp
picture changes much when blurred again, a blurred one hardly) and the ratio of the 99.5th percentiles of Laplacian and
gradient, which does not depend on contrast. Exposure and glare are told by percentiles and by the saturated share. A
board is told from an empty bench by how much of the picture is dense with corners, from a printed page by its colour.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.images import ImageProblem

Picture = NDArray[Any]

_SIDE_PX = 1600
_REBLUR_TAPS = 9
_SOUND_SHARP, _SOUND_STEEP, _SOUND_EVENNESS = 0.7, 0.35, 0.87
"""What a usual sound photo measures: medians of drawn boards and of photographs lie within a tenth of these."""
_STEEP = 12
_CLOSER = "Go closer or use a better camera: the shorter side is too short."
_MORE_LIGHT = "Add light, or photograph nearer to a lamp."
_LESS_LIGHT = "Use less light, or lower the exposure."
_NO_REFLECTION = "Tilt the board or move the lamp until the white reflection is gone."
_FOCUS = "Tap the board to focus, keep a hand's breadth away, and take it again."
_STILL = "Hold still or rest the camera on something, and take it again."
_NO_BOARD = "Photograph the board itself, so that it fills most of the picture."
_SIDES = {"left": (0, 1), "right": (0, -1), "front": (1, -1), "back": (1, 0)}
"""Where a lamp is wanted, by the axis and end of a strip (columns or rows) of the picture that is dark."""
_UNEVEN = 0.7
_DETAIL_SIDE_PX = 800
_CELL_PX = 25
_CORNER = 0.02
_PAPER_SATURATION = 25
_SATURATED = 250
_GLARE_SIDE_PX = 200


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Measured on drawn boards and on photographs at 1600 px; see the README for the figures."""

    min_side_px: int = 400
    min_sharp: float = 0.33
    min_evenness: float = 0.62
    min_steep: float = 0.185
    min_p95: float = 55.0
    max_saturated: float = 0.25
    bright_p5: float = 90.0
    max_glare: float = 0.05
    min_detail: float = 0.018
    max_print: float = 0.5


@dataclass(frozen=True, slots=True)
class Quality:
    """The verdict of the gate: problems (none means usable), and what was measured."""

    problems: tuple[ImageProblem, ...]
    metrics: dict[str, float]


def judge(picture: Picture, limits: GateLimits) -> Quality:
    """Judge a photo (H, W, 3), blue-green-red."""
    metrics = measure(picture)
    light = _light_problem(picture, metrics, limits)
    found = [light] if light is not None else []
    if metrics["side_px"] < limits.min_side_px:
        found.append(_said("too_small", _CLOSER, metrics["side_px"], limits.min_side_px))
    if light is None or light.code == "glare":
        found += _blur_problems(metrics, limits)
    if not found and metrics["detail"] < limits.min_detail:
        found.append(_said("no_board", _NO_BOARD, metrics["detail"], limits.min_detail))
    if not found and metrics["print"] > limits.max_print:
        found.append(_said("no_board", _NO_BOARD, metrics["print"], limits.max_print))
    return Quality(tuple(found), metrics)


def measure(picture: Picture) -> dict[str, float]:
    """Return the figures behind the verdict, each rounded to four places."""
    side = min(picture.shape[:2])
    scale = min(1.0, _SIDE_PX / max(picture.shape[:2]))
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    grey = grey if scale == 1.0 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    histogram = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().cumsum() / grey.size
    p5, p95 = (float(np.searchsorted(histogram, share)) for share in (0.05, 0.95))
    sharp, evenness = _reblur(grey)
    detail, printed = _detail(picture)
    found = {
        "side_px": float(side),
        "p5": p5,
        "p95": p95,
        "saturated": float(1 - histogram[_SATURATED - 1]),
        "glare": _glare(picture),
        "sharp": sharp,
        "evenness": evenness,
        "steep": _steepness(grey),
        "detail": detail,
        "print": printed,
    }
    return {name: round(value, 4) for name, value in found.items()}


def margins(metrics: dict[str, float], limits: GateLimits) -> dict[str, float]:
    """Return for each problem how far a photo is from it: below 0 it has it, near 1 it is a usual sound photo."""
    return {
        "too_small": metrics["side_px"] / limits.min_side_px - 1,
        "too_dark": metrics["p95"] / limits.min_p95 - 1,
        "too_bright": 1 - metrics["saturated"] / limits.max_saturated,
        "glare": 1 - metrics["glare"] / limits.max_glare,
        "blurred": min(
            (metrics[name] - limit) / (sound - limit)
            for name, limit, sound in (
                ("sharp", limits.min_sharp, _SOUND_SHARP), ("steep", limits.min_steep, _SOUND_STEEP),
                ("evenness", limits.min_evenness, _SOUND_EVENNESS),
            )
        ),
        "no_board": min(metrics["detail"] / limits.min_detail - 1, 1 - metrics["print"] / limits.max_print),
    }  # fmt: skip


def _reblur(grey: Picture) -> tuple[float, float]:
    """Return what a second blur takes from the neighbour differences, and how uneven that is over four directions.

    The first is the best direction's share, 0 to 1: near 0.7 for a sharp photo, near 0.25 for one out of focus. The
    second is the worst direction's share over the best one's: a moved camera smears along one direction only.
    """
    calm = cv2.GaussianBlur(grey, (0, 0), 0.8).astype(np.float32)
    line = np.full((1, _REBLUR_TAPS), 1 / _REBLUR_TAPS, np.float32)
    slant = np.eye(_REBLUR_TAPS, dtype=np.float32) / _REBLUR_TAPS
    shares = []
    for kernel, (dx, dy) in ((line, (1, 0)), (line.T, (0, 1)), (slant, (1, 1)), (slant[::-1], (-1, 1))):
        before = _neighbour_difference(calm, dx, dy)
        steep = before > _STEEP
        if np.count_nonzero(steep) < 200:
            # Nothing is steep along a smear: that direction is as blurred as can be.
            shares.append(0.0)
            continue
        after = _neighbour_difference(cv2.filter2D(calm, -1, kernel), dx, dy)
        shares.append(float(1 - after[steep].sum() / before[steep].sum()))
    return (max(shares), min(shares) / max(shares)) if max(shares) > 0 else (0.0, 0.0)


def _neighbour_difference(levels: NDArray[Any], dx: int, dy: int) -> NDArray[Any]:
    kernel = np.zeros((3, 3), np.float32)
    kernel[1, 1], kernel[1 + dy, 1 + dx] = -1, 1
    difference: NDArray[Any] = np.abs(cv2.filter2D(levels, -1, kernel))
    return difference


def _steepness(grey: Picture) -> float:
    """Return p99.5 |Laplacian| over p99.5 |gradient|: high where edges are one or two pixels wide."""
    calm = cv2.GaussianBlur(grey, (0, 0), 0.8)
    laplacian = np.abs(cv2.Laplacian(calm, cv2.CV_16S))
    dx, dy = cv2.Sobel(calm, cv2.CV_16S, 1, 0), cv2.Sobel(calm, cv2.CV_16S, 0, 1)
    gradient = (np.abs(dx) + np.abs(dy)) // 4
    slope = _percentile(gradient, 0.995)
    return _percentile(laplacian, 0.995) / slope if slope >= 2 else 0.0


def _percentile(values: NDArray[Any], share: float) -> float:
    counts = np.bincount(values.ravel().astype(np.uint16), minlength=2)
    return float(np.searchsorted(counts.cumsum(), share * values.size))


def _glare(picture: Picture) -> float:
    """Return the share of the picture under large saturated patches whose rim fades, as reflections of lamps do."""
    step = max(1, max(picture.shape[:2]) // _GLARE_SIDE_PX)
    faintest = cv2.blur(picture, (step, step))[::step, ::step].min(2)
    white: NDArray[Any] = (faintest >= _SATURATED).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(white)
    total = 0
    whole = float(white.size)
    for label in range(1, count):
        area = int(stats[label, cv2.CC_STAT_AREA])
        if area >= 0.004 * whole:
            patch = (labels == label).astype(np.uint8)
            rim = cv2.dilate(patch, np.ones((5, 5), np.uint8)) - patch
            soft = faintest[rim > 0]
            if soft.size and float(np.mean(soft > 170)) > 0.6:
                total += area
    return total / whole


def _detail(picture: Picture) -> tuple[float, float]:
    """Return the share of cells with corners, and how much of the densest area is paper white, if it has no colour.

    Cells have 25 px in a picture of 800 px; a corner's strength (Shi and Tomasi, 1994) is held against the picture's
    own light. Paper is one bright grey with little print on it: half of its pixels lie near its brightest.
    """
    scale = _DETAIL_SIDE_PX / max(picture.shape[:2])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    strength = cv2.sqrt(np.maximum(cv2.cornerMinEigenVal(cv2.GaussianBlur(grey, (0, 0), 0.8), 3, ksize=3), 0))
    peak = (strength == cv2.dilate(strength, np.ones((5, 5)))) & (strength > _CORNER * _percentile(grey, 0.98) / 128)
    rows, columns = size[1] // _CELL_PX, size[0] // _CELL_PX
    area = np.s_[: rows * _CELL_PX, : columns * _CELL_PX]
    counts = peak[area].reshape(rows, _CELL_PX, columns, _CELL_PX).sum((1, 3))
    dense = np.kron(counts >= 3, np.ones((_CELL_PX, _CELL_PX), bool))
    share = float(np.mean(counts >= 2))
    lightness = grey[area][dense]
    if not lightness.size or float(np.median(cv2.cvtColor(small, cv2.COLOR_BGR2HSV)[area][..., 1][dense])) > (
        _PAPER_SATURATION
    ):
        return share, 0.0
    return share, float(np.mean(lightness > 0.85 * np.percentile(lightness, 95)))


def _more_light(picture: Picture) -> str:
    """Say from where light is missing, when one border of the picture is much darker than the opposite one."""
    small = cv2.cvtColor(cv2.resize(picture, (60, 60), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    strips = {side: np.split(small, 3, axis=1 - axis)[end] for side, (axis, end) in _SIDES.items()}
    level = {side: float(np.percentile(strip, 75)) + 1 for side, strip in strips.items()}
    dark = min(level, key=lambda side: level[side])
    return f"Add light from the {dark}." if level[dark] < _UNEVEN * max(level.values()) else _MORE_LIGHT


def _light_problem(picture: Picture, metrics: dict[str, float], limits: GateLimits) -> ImageProblem | None:
    if metrics["p95"] < limits.min_p95:
        return _said("too_dark", _more_light(picture), metrics["p95"], limits.min_p95)
    if metrics["saturated"] > limits.max_saturated and metrics["p5"] > limits.bright_p5:
        return _said("too_bright", _LESS_LIGHT, metrics["saturated"], limits.max_saturated)
    if metrics["glare"] > limits.max_glare:
        return _said("glare", _NO_REFLECTION, metrics["glare"], limits.max_glare)
    return None


def _blur_problems(metrics: dict[str, float], limits: GateLimits) -> list[ImageProblem]:
    if metrics["sharp"] < limits.min_sharp:
        return [_said("blurred", _FOCUS, metrics["sharp"], limits.min_sharp)]
    if metrics["steep"] < limits.min_steep:
        return [_said("blurred", _FOCUS, metrics["steep"], limits.min_steep)]
    if metrics["evenness"] < limits.min_evenness:
        return [_said("blurred", _STILL, metrics["evenness"], limits.min_evenness)]
    return []


def _said(code: str, advice: str, measured: float, limit: float) -> ImageProblem:
    return ImageProblem(code=code, advice=advice, measured=measured, limit=limit)
