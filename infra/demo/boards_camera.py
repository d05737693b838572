"""The bench, the lamp and the camera: from a drawn board to something like a photo of it."""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]
Degradation = Literal["motion_blur", "focus_blur", "dark", "bright", "glare", "tiny"]
Level = Literal["jig", "easy", "medium", "hard"]

_BENCHES = ((112, 108, 104), (168, 172, 176), (92, 110, 132), (120, 104, 84), (60, 62, 66))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where the camera stood and what the light was. The default is a copy stand: the golden picture's own place."""

    rotation_deg: float = 0.0
    tilt: float = 0.0
    """Perspective: how much nearer one border is than the opposite one, as a share."""
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    """Of the board's centre, as a share of the picture's width."""
    gain: float = 1.0
    gradient: float = 0.0
    """Light on one border less that on the other, as a share of the mean."""
    gamma: float = 1.0
    warmth: float = 0.0
    """Red up and blue down by this share."""
    blur_px: float = 0.6
    noise: float = 2.0
    """Standard deviation at mid grey, in levels."""


def conditions(level: Level, rng: np.random.Generator) -> Conditions:
    """Return the conditions of one photo: ``jig`` fixed pose, ``easy`` careful hands, to ``hard`` careless ones."""
    turn, tilt, scale, light, blur, noise = {
        "jig": (0.6, 0.004, 0.01, 0.06, 0.5, 1.5),
        "easy": (8, 0.02, 0.05, 0.12, 0.6, 2.0),
        "medium": (45, 0.06, 0.10, 0.25, 0.9, 3.0),
        "hard": (180, 0.12, 0.15, 0.40, 2.0, 7.0),
    }[level]
    return Conditions(
        rotation_deg=rng.uniform(-turn, turn),
        tilt=rng.uniform(-tilt, tilt),
        scale=rng.uniform(1 - scale, 1 + scale / 4),
        shift=(rng.uniform(-0.02, 0.02), rng.uniform(-0.02, 0.02)),
        gain=rng.uniform(1 - light, 1 + light / 2),
        gradient=rng.uniform(-light, light),
        gamma=rng.uniform(1 - light / 2, 1 + light / 2),
        warmth=rng.uniform(-light / 3, light / 3),
        blur_px=rng.uniform(0.4, blur),
        noise=rng.uniform(1.0, noise),
    )


def shoot(board: Picture, alpha: Picture, seen: Conditions, rng: np.random.Generator) -> tuple[Picture, NDArray[Any]]:
    """Photograph a drawn board lying on a bench.

    Returns:
        The photo, as large as ``board``, and the homography (3, 3) from pixels of ``board`` to its pixels.
    """
    height, width = alpha.shape
    warp = _pose(seen, width, height)
    laid = cv2.warpPerspective(board, warp, (width, height), flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(alpha, warp, (width, height), flags=cv2.INTER_LINEAR)
    scene = lay_on_bench(laid, cover, rng)
    return _expose(scene, seen, rng), warp


def lay_on_bench(board: Picture, alpha: Picture, rng: np.random.Generator) -> Picture:
    """Put a board on a mat or bench of its own, with its shadow."""
    height, width = alpha.shape
    tone = np.array(_BENCHES[int(rng.integers(len(_BENCHES)))], np.float32)
    small = rng.standard_normal((height // 3 + 1, width // 3 + 1)).astype(np.float32) * 3.5
    coarse = rng.standard_normal((9, 12)).astype(np.float32) * 6
    texture = cv2.resize(small, (width, height)) + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    shadow = cv2.GaussianBlur(cv2.resize(alpha, (width // 4, height // 4)), (0, 0), width / 400)
    aside = np.array([[1, 0, width / 400], [0, 1, width / 400]], np.float32)
    shadow = cv2.warpAffine(shadow, aside, (shadow.shape[1], shadow.shape[0]))
    shadow = cv2.resize(shadow, (width, height)).astype(np.float32)
    bench = (tone + texture[..., None]) * (1 - shadow[..., None] / 255 * 0.45)
    cover = alpha[..., None].astype(np.float32) / 255
    return _levels(board * cover + bench * (1 - cover))


def degrade(photo: Picture, how: Degradation, rng: np.random.Generator) -> Picture:
    """Spoil a photo beyond judging, in one way."""
    height, width = photo.shape[:2]
    match how:
        case "motion_blur":
            return cv2.filter2D(photo, -1, _motion(width / 90, rng.uniform(0, 180)))
        case "focus_blur":
            return _regrain(cv2.GaussianBlur(photo, (0, 0), width / 480), rng)
        case "dark":
            dim = photo.astype(np.float32) * rng.uniform(0.05, 0.11) + rng.normal(0, 1.5, photo.shape)
            return _levels(dim)
        case "bright":
            return _levels(photo.astype(np.float32) * rng.uniform(3.6, 5) + 50)
        case "glare":
            ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
            x, y = rng.uniform(0.35, 0.65) * width, rng.uniform(0.35, 0.65) * height
            away = np.hypot((xs - x) / (0.3 * width), (ys - y) / (0.26 * height))
            light = np.clip(1.6 - away, 0, 1)[..., None] * 330
            return _levels(photo + light)
        case "tiny":
            return cv2.resize(photo, (260, round(260 * height / width)), interpolation=cv2.INTER_AREA)


def _pose(seen: Conditions, width: int, height: int) -> NDArray[Any]:
    turn = np.deg2rad(seen.rotation_deg)
    # Whoever turns the camera steps back until the board is in the picture again.
    across = abs(np.cos(turn)) * width + abs(np.sin(turn)) * height
    down = abs(np.sin(turn)) * width + abs(np.cos(turn)) * height
    scale = seen.scale * min(1.0, 1.1 * width / across, 1.1 * height / down)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    centre: NDArray[Any] = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [seen.tilt / width, -0.7 * seen.tilt / height, 1.0]])
    back = np.array([[1, 0, width * (0.5 + seen.shift[0])], [0, 1, height / 2 + width * seen.shift[1]], [0, 0, 1.0]])
    warp: NDArray[Any] = back @ tilt @ rotate @ centre
    warp /= warp[2, 2]
    return warp


def _expose(scene: Picture, seen: Conditions, rng: np.random.Generator) -> Picture:
    height, width = scene.shape[:2]
    turn = rng.uniform(0, 2 * np.pi)
    ys, xs = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    slope = (xs * np.cos(turn) + ys * np.sin(turn)).astype(np.float32)
    vignette = 1 - 0.12 * (xs**2 + ys**2)
    light = seen.gain * (1 + seen.gradient * slope) * vignette
    picture: NDArray[Any] = scene.astype(np.float32) / 255
    if seen.gamma != 1:
        picture = np.power(picture, np.float32(seen.gamma))
    picture *= light[..., None].astype(np.float32)
    picture *= np.array([1 - seen.warmth, 1, 1 + seen.warmth], np.float32)
    if seen.blur_px > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), seen.blur_px)
    # Shot noise grows with the square root of the light.
    spread = np.sqrt(np.clip(picture, 0.02, 1) * 2) * (seen.noise / 255)
    picture += rng.standard_normal(picture.shape, np.float32) * spread
    return _levels(picture * 255 + 0.5)


def _motion(length_px: float, turn_deg: float) -> NDArray[Any]:
    size = int(length_px) | 1
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    spin = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), turn_deg, 1)
    turned: NDArray[Any] = cv2.warpAffine(kernel, spin, (size, size))
    turned /= turned.sum()
    return turned


def _regrain(photo: Picture, rng: np.random.Generator) -> Picture:
    """Blur happens before the sensor: its grain stays sharp."""
    noisy = photo.astype(np.float32) + rng.standard_normal(photo.shape, np.float32) * 1.5
    return _levels(noisy)


def _levels(values: NDArray[Any]) -> Picture:
    levels: Picture = np.clip(values, 0, 255).astype(np.uint8)
    return levels
