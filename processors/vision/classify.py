"""What a difference most likely is, by measured colour, shape and neighbourhood in photo and golden picture.

Each kind is a rule over the measures with a score from 0 to 1; the best one names the blob, and ``difference`` stands
when none fits. The rules were set by looking at drawn boards; colours are those of things, not of one board: solder is
bright and grey, rust is orange, laminate is pale yellow, and what shows under a lost part is the board's own mask.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.align import Aligned
from processors.vision.compare import Blob
from schemas.inspections import DefectKind

_GOLDEN_MODES = 3
_MODE_STEP = 12
_MODE_REACH = 15.0
_FRAME_PX = 1500.0
"""Sizes below are for a frame of 1500 px; they scale with it."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one blob. Colours are CIE Lab in OpenCV's 8-bit scale; shares are of the blob's pixels."""

    area_px: float
    length_px: float
    thickness_px: float
    photo_lab: tuple[float, float, float]
    golden_lab: tuple[float, float, float]
    lightness_change: float
    photo_solder: float
    golden_solder: float
    photo_mask: float
    golden_mask: float
    photo_rust: float
    photo_dark: float
    photo_laminate: float
    solder_neighbours: int
    likeness: float
    """Correlation of lightness between photo and golden inside the blob: high where the board shines through."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Both pictures in Lab and HSV, prepared once for all blobs, and the board's own colours (K, 3) in Lab."""

    photo_lab: NDArray[Any]
    golden_lab: NDArray[Any]
    photo_hsv: NDArray[Any]
    golden_hsv: NDArray[Any]
    mask_colours: NDArray[Any]
    unit_px: float


def prepare(aligned: Aligned) -> Scene:
    """Convert colours and find the commonest ones of the golden board: its solder mask, bare and over copper."""
    photo, golden = aligned.photo.astype(np.uint8), aligned.golden.astype(np.uint8)
    photo_lab, golden_lab = (cv2.cvtColor(one, cv2.COLOR_BGR2LAB) for one in (photo, golden))
    modes = board_colours(golden_lab[aligned.valid][::11])
    photo_hsv, golden_hsv = (cv2.cvtColor(one, cv2.COLOR_BGR2HSV) for one in (photo, golden))
    unit = max(photo.shape[:2]) / _FRAME_PX
    return Scene(photo_lab, golden_lab, photo_hsv, golden_hsv, modes, unit)


def board_colours(seen: NDArray[Any]) -> NDArray[Any]:
    """Return the commonest colours (K, 3) of pixels (N, 3) in 8-bit Lab: the solder mask, bare and over copper."""
    seen = seen.astype(np.int32)
    cells = (seen // _MODE_STEP) @ np.array([1024, 32, 1])
    counts = np.bincount(cells)
    commonest = np.argsort(-counts)[:_GOLDEN_MODES]
    kept = [cell for cell in commonest if counts[cell] > 0.06 * len(seen)] or list(commonest[:1])
    return np.array([np.median(seen[cells == cell], axis=0) for cell in kept], np.float32)


def measure(scene: Scene, blob: Blob) -> Measures:
    """Measure one blob."""
    left, top, width, height = blob.box
    inside = np.s_[top : top + height, left : left + width]
    mask = blob.mask
    photo, golden = scene.photo_lab[inside][mask].astype(np.float32), scene.golden_lab[inside][mask].astype(np.float32)
    photo_hsv, golden_hsv = scene.photo_hsv[inside][mask], scene.golden_hsv[inside][mask]
    length, thickness = _shape(mask)
    return Measures(
        area_px=blob.area_px / scene.unit_px**2,
        length_px=length / scene.unit_px,
        thickness_px=thickness / scene.unit_px,
        photo_lab=_median(photo),
        golden_lab=_median(golden),
        lightness_change=float(np.median(photo[:, 0] - golden[:, 0])),
        photo_solder=_solder(photo_hsv),
        golden_solder=_solder(golden_hsv),
        photo_mask=_board_coloured(photo, scene.mask_colours),
        golden_mask=_board_coloured(golden, scene.mask_colours),
        photo_rust=_share(photo_hsv, hue=(3, 18), saturation=90, value=55),
        photo_dark=float(np.mean(photo_hsv[:, 2] < 62)),
        photo_laminate=_share(photo_hsv, hue=(12, 32), saturation=38, value=55),
        solder_neighbours=_solder_neighbours(scene, blob),
        likeness=_likeness(photo[:, 0], golden[:, 0]),
    )


def classify(found: Measures) -> tuple[DefectKind, float]:
    """Return the kind that fits best and how well (0 to 1)."""
    scores: dict[DefectKind, float] = {
        "scratch": _scratch(found),
        "bridge": _bridge(found),
        "open": _open(found),
        "missing_part": _missing_part(found),
        "corrosion": _corrosion(found),
        "burn": _burn(found),
        "residue": _residue(found),
    }
    kind = max(scores, key=lambda one: scores[one])
    return (kind, scores[kind]) if scores[kind] >= 0.35 else ("difference", 0.35)


def _elongation(m: Measures) -> float:
    return m.length_px / max(m.thickness_px, 1.0)


def _scratch(m: Measures) -> float:
    if m.length_px < 28 or m.thickness_px > 9:
        return 0.0
    return _ramp(_elongation(m), 5, 8) * _ramp(m.length_px, 28, 45)


def _bridge(m: Measures) -> float:
    gained = m.photo_solder - m.golden_solder
    joined = 1.0 if m.solder_neighbours >= 2 else 0.75 if m.solder_neighbours == 1 else 0.2
    compact = _ramp(-m.area_px, -1100, -600) * _ramp(-_elongation(m), -8, -5)
    return _ramp(gained, 0.1, 0.5) * compact * joined * _ramp(m.lightness_change, 5, 25)


def _open(m: Measures) -> float:
    compact = _ramp(-m.area_px, -620, -360) * _ramp(-m.length_px, -48, -34)
    off_board = _ramp(m.golden_mask, 0.15, 0.4)
    bared = max(_ramp(m.photo_laminate, 0.2, 0.55), 0.4 * _ramp(-m.photo_solder, -0.3, -0.1))
    return compact * off_board * bared * 0.95


def _missing_part(m: Measures) -> float:
    """A body is gone: what is seen now is mask and pads, and what was there was not mask."""
    uncovered = _ramp(m.photo_mask - m.golden_mask, 0.12, 0.5)
    empty = _ramp(m.photo_mask + 0.6 * m.photo_solder, 0.25, 0.6)
    return uncovered * empty


def _corrosion(m: Measures) -> float:
    return _ramp(m.photo_rust, 0.18, 0.45) * _ramp(m.area_px, 150, 500)


def _burn(m: Measures) -> float:
    black = _ramp(m.photo_dark, 0.3, 0.65) * _ramp(-m.lightness_change, 5, 18)
    # Singed, not charred: darker all over while every line of the board is still there.
    singed = _ramp(-m.lightness_change, 15, 35) * _ramp(m.likeness, 0.5, 0.85)
    return max(black, singed) * _ramp(m.area_px, 150, 500)


def _residue(m: Measures) -> float:
    """A film: large, lighter or greener than the board, not rust; the board may shine through."""
    _, a, b = m.photo_lab
    pale = _ramp(-abs(a - 128) - abs(b - 128), -34, -18) * _ramp(m.lightness_change, 8, 25)
    green = _ramp(128 - a, 6, 14) * _ramp(m.lightness_change, 0, 10)
    film = _ramp(m.area_px, 300, 800) * _ramp(-_elongation(m), -12, -7)
    return max(pale, green) * film * (0.8 + 0.2 * _ramp(m.likeness, 0, 0.5))


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _median(values: NDArray[Any]) -> tuple[float, float, float]:
    lightness, a, b = (float(one) for one in np.median(values, axis=0))
    return lightness, a, b


def _solder(hsv: NDArray[Any]) -> float:
    return float(np.mean((hsv[:, 1] < 50) & (hsv[:, 2] > 130)))


def _share(hsv: NDArray[Any], hue: tuple[int, int], saturation: int, value: int) -> float:
    fits = (hsv[:, 0] >= hue[0]) & (hsv[:, 0] <= hue[1]) & (hsv[:, 1] >= saturation) & (hsv[:, 2] >= value)
    return float(np.mean(fits))


def _board_coloured(lab: NDArray[Any], colours: NDArray[Any]) -> float:
    away = np.linalg.norm(lab[:, None, :] - colours[None], axis=2).min(1)
    return float(np.mean(away < _MODE_REACH))


def _likeness(photo: NDArray[Any], golden: NDArray[Any]) -> float:
    a, b = photo - photo.mean(), golden - golden.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 1 else 0.0


def _shape(mask: NDArray[Any]) -> tuple[float, float]:
    """Return length and mean thickness of a mask, in pixels; the length runs along its greatest spread."""
    ys, xs = np.nonzero(mask)
    (_, (width, height), _) = cv2.minAreaRect(np.stack([xs, ys], 1).astype(np.float32))
    length = max(width, height) + 1
    return float(length), float(len(xs) / length)


def _solder_neighbours(scene: Scene, blob: Blob) -> int:
    """Count separate areas of solder in the golden picture that the blob touches."""
    reach = max(2, round(3 * scene.unit_px))
    left, top, width, height = blob.box
    y0, x0 = max(0, top - 4 * reach), max(0, left - 4 * reach)
    window = np.s_[y0 : top + height + 4 * reach, x0 : left + width + 4 * reach]
    hsv = scene.golden_hsv[window]
    solder: NDArray[Any] = ((hsv[..., 1] < 60) & (hsv[..., 2] > 125)).astype(np.uint8)
    grown: NDArray[Any] = np.zeros(solder.shape, np.uint8)
    grown[top - y0 : top - y0 + height, left - x0 : left - x0 + width] = blob.mask
    grown = cv2.dilate(grown, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solder, connectivity=4)
    touched = set(np.unique(labels[grown > 0]).tolist())
    enough = 10 * scene.unit_px**2
    return sum(1 for label in range(1, count) if label in touched and stats[label, cv2.CC_STAT_AREA] >= enough)
