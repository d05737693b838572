"""Pictures of labels with one code on them, under conditions that make it hard to read. Drawn from a seed."""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import segno
import zxingcpp
from numpy.typing import NDArray

Picture = NDArray[Any]
Symbology = Literal["qr", "data_matrix", "code_128", "ean_13"]
Condition = Literal[
    "clean", "turned", "perspective", "blur_04", "blur_06", "modules_2px", "modules_14px", "faint", "glare", "hard"
]

SYMBOLOGIES: tuple[Symbology, ...] = ("qr", "data_matrix", "code_128", "ean_13")
CONDITIONS: tuple[Condition, ...] = (
    "clean", "turned", "perspective", "blur_04", "blur_06", "modules_2px", "modules_14px", "faint", "glare", "hard",
)  # fmt: skip
_SIZE = 800, 600
_FINE = 3
"""The scene is drawn this much finer than the picture, and averaged down as a sensor does."""
_MODULE_PX: dict[Symbology, float] = {"qr": 5.0, "data_matrix": 6.0, "code_128": 2.9, "ean_13": 4.0}
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class LabelPicture:
    """A picture (600, 800) uint8 and what its code says."""

    picture: Picture
    text: str
    symbology: Symbology
    condition: Condition


@dataclass(frozen=True, slots=True)
class _Seen:
    module_px: float
    turn_deg: float
    tilt: float
    blur_modules: float
    contrast: float
    glare: float
    noise: float


def label_picture(symbology: Symbology, condition: Condition, rng: np.random.Generator) -> LabelPicture:
    """Draw one label with a text of its own, seen under a condition."""
    text = _text(symbology, rng)
    seen = _seen(symbology, condition, rng)
    modules = _modules(symbology, text)
    picture = _expose(_lay(modules, seen, rng), seen, rng)
    return LabelPicture(picture, text, symbology, condition)


def _text(symbology: Symbology, rng: np.random.Generator) -> str:
    if symbology == "ean_13":
        digits = [int(one) for one in rng.integers(0, 10, 12)]
        total = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
        return "".join(map(str, digits)) + str(-total % 10)
    length = {"qr": 18, "data_matrix": 12, "code_128": 9}[symbology]
    return "NZ" + "".join(rng.choice(list(_LETTERS), length))


def _modules(symbology: Symbology, text: str) -> Picture:
    """Return the symbol with its quiet zone, one pixel a module (linear ones: rows make the bars' height)."""
    if symbology == "qr":
        matrix = np.array([list(row) for row in segno.make_qr(text, error="m").matrix], np.uint8)
        return np.pad(np.where(matrix > 0, 0, 255).astype(np.uint8), 4, constant_values=255)
    formats = {
        "data_matrix": zxingcpp.BarcodeFormat.DataMatrix,
        "code_128": zxingcpp.BarcodeFormat.Code128,
        "ean_13": zxingcpp.BarcodeFormat.EAN13,
    }
    made = zxingcpp.create_barcode(text, formats[symbology])
    drawn = np.array(zxingcpp.write_barcode_to_image(made, scale=1, add_quiet_zones=False))
    if symbology == "data_matrix":
        return np.pad(drawn, 3, constant_values=255)
    bars = np.repeat(drawn[drawn.shape[0] // 4][None], 34, 0)
    return np.pad(bars, ((4, 4), (10, 10)), constant_values=255)


def _seen(symbology: Symbology, condition: Condition, rng: np.random.Generator) -> _Seen:
    hard = condition == "hard"
    module = _MODULE_PX[symbology]
    if condition in {"modules_2px", "modules_14px"}:
        module = 2.0 if condition == "modules_2px" else 1.4
    elif hard:
        module *= 0.75
    return _Seen(
        module_px=module,
        turn_deg=float(rng.uniform(-180, 180)) if condition == "turned" or hard else float(rng.uniform(-5, 5)),
        tilt={"perspective": 0.18, "hard": 0.10}.get(condition, 0.01) * float(rng.choice([-1, 1])),
        blur_modules={"blur_04": 0.4, "blur_06": 0.6, "hard": 0.35}.get(condition, 0.0),
        contrast={"faint": 0.25, "hard": 0.5}.get(condition, 0.85),
        glare={"glare": 1.0, "hard": 0.4}.get(condition, 0.0),
        noise=5.0 if hard else 2.0,
    )


def _lay(modules: Picture, seen: _Seen, rng: np.random.Generator) -> Picture:
    """Return the label on a bench, three times as fine as the picture."""
    width, height = _SIZE[0] * _FINE, _SIZE[1] * _FINE
    coarse = rng.normal(110, 14, (7, 9)).astype(np.float32)
    bench = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = modules.shape
    module = seen.module_px * _FINE
    turn = np.deg2rad(seen.turn_deg)
    cos, sin = np.cos(turn) * module, np.sin(turn) * module
    shift = rng.uniform(-8, 8, 2) * _FINE
    centre = np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1.0]])
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    reach = max(rows, columns) * module
    tilt = np.array([[1, 0, 0], [0, 1, 0], [seen.tilt / reach, -0.6 * seen.tilt / reach, 1.0]])
    back = np.array([[1, 0, width / 2 + shift[0]], [0, 1, height / 2 + shift[1]], [0, 0, 1.0]])
    warp = back @ tilt @ rotate @ centre
    grown = cv2.resize(modules, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    # Module corners keep their place: pixel centres of the enlarged symbol lie at (i + 0.5) / 4 modules.
    grid = np.array([[0.25, 0, 0.125], [0, 0.25, 0.125], [0, 0, 1.0]])
    half = seen.contrast * 115
    ink = np.where(grown > 0, 128 + half, 128 - half).astype(np.float32)
    laid = cv2.warpPerspective(ink, warp @ grid, (width, height), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full(grown.shape, 1, np.float32), warp @ grid, (width, height))
    scene: Picture = bench * (1 - cover) + laid * cover
    return _glared(scene, seen, rng) if seen.glare else scene


def _glared(scene: Picture, seen: _Seen, rng: np.random.Generator) -> Picture:
    """Lay the reflection of a lamp over the label: whitish, saturating in its middle."""
    height, width = scene.shape
    x, y = rng.uniform(0.42, 0.58) * width, rng.uniform(0.42, 0.58) * height
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    away = ((xs - x) / (0.09 * width)) ** 2 + ((ys - y) / (0.12 * height)) ** 2
    lit: Picture = scene + np.float32(170 * seen.glare) * np.exp(-away)
    return lit


def _expose(scene: Picture, seen: _Seen, rng: np.random.Generator) -> Picture:
    picture = cv2.resize(np.clip(scene, 0, 255), _SIZE, interpolation=cv2.INTER_AREA)
    if seen.blur_modules:
        picture = cv2.GaussianBlur(picture, (0, 0), seen.blur_modules * seen.module_px)
    slope = np.linspace(-0.12, 0.12, _SIZE[0], dtype=np.float32) * float(rng.choice([-1, 1]))
    picture = picture * (1 + slope) + rng.standard_normal(picture.shape, np.float32) * np.float32(seen.noise)
    levels: Picture = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    return levels
