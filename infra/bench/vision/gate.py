"""Can the gate tell a spoilt photo from a sound one? The area under the curve of its margin, for each way to spoil one.

Sound: boards at 1600 px in easy and medium conditions, with 40 % less to 20 % more light. Sizes of blur are in pixels
of one of 1600 px, as in the source of the targets: out of focus from sigma 1.2, moved from 9 px. A small picture that
was blown up again cannot be told from one out of focus: either answer is right.
"""

from typing import Any

import cv2
import numpy as np

from infra.bench.vision.auc import auc
from infra.bench.vision.cases import Picture, Say, bench_scene, boards, draw, draw_golden, levels_of, reopened, take
from infra.bench.vision.parallax import take_tall
from infra.demo.boards import to_jpeg
from processors.vision.board_mask import board_mask
from processors.vision.config import Policy
from processors.vision.gate import GateLimits, judge, margins, measure
from processors.vision.inspect import inspect
from processors.vision.pose import pose_margin
from processors.vision.register import register

WIDTH_PX = 1600
SPOILT = ("focus_blur", "motion_blur", "dark", "bright", "glare", "low_resolution", "no_board")
CODES = {
    "focus_blur": ("blurred",), "motion_blur": ("blurred",), "dark": ("too_dark",), "bright": ("too_bright",),
    "glare": ("glare",), "low_resolution": ("too_small", "blurred"), "no_board": ("no_board",),
}  # fmt: skip
_STILL_DEG = 0.3
_MOVED_DEG = (1.0, 2.0, 8.0, 20.0)


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return gate_auc{degradation}, and with the limits as they ship gate{...}, pose{...}."""
    count = 3 if quick else 24
    limits = GateLimits()
    sound: dict[str, list[float]] = {how: [] for how in SPOILT}
    spoilt: dict[str, list[float]] = {how: [] for how in SPOILT}
    tally = {"sound": 0, "sent_back": 0, "spoilt": 0, "passed": 0, "named": 0}
    for number, (board, rng) in enumerate(boards(seed, 5, count)):
        shot = take(draw(board, WIDTH_PX), "easy" if number % 2 else "medium", rng)
        photo = lit(shot.picture, float(rng.uniform(0.6, 1.2)))
        own = margins(measure(photo), limits)
        tally["sound"] += 1
        tally["sent_back"] += bool(judge(photo, limits).problems)
        for how in SPOILT:
            bad = spoil(photo, how, rng)
            quality = judge(bad, limits)
            sound[how].append(min(own[code] for code in CODES[how]))
            spoilt[how].append(min(margins(quality.metrics, limits)[code] for code in CODES[how]))
            tally["spoilt"] += 1
            tally["passed"] += not quality.problems
            tally["named"] += any(problem.code in CODES[how] for problem in quality.problems)
        say(f"gate: board {number + 1} of {count}")
    found = {how: round(auc(spoilt[how], sound[how]), 4) for how in SPOILT}
    found["pose"], poses = _pose(seed, quick, say)
    return {"gate_auc": found, "gate": tally, "pose": poses}


def lit(picture: Picture, gain: float) -> Picture:
    """Return the picture in so much more or less light."""
    return levels_of(picture.astype(np.float32) * gain)


def spoil(photo: Picture, how: str, rng: np.random.Generator) -> Picture:
    """Spoil a photo (H, W, 3) in one way, by chance badly or just enough."""
    height, width = photo.shape[:2]
    unit = width / 1600
    match how:
        case "focus_blur":
            return _grained(cv2.GaussianBlur(photo, (0, 0), unit * rng.uniform(1.2, 3.0)), rng)
        case "motion_blur":
            return _grained(cv2.filter2D(photo, -1, _smear(unit * rng.uniform(9, 20), rng.uniform(0, 180))), rng)
        case "dark":
            return _grained(lit(photo, float(rng.uniform(0.06, 0.22))), rng)
        case "bright":
            return levels_of(photo.astype(np.float32) * rng.uniform(2.6, 5) + 40)
        case "glare":
            return _glare(photo, rng)
        case "low_resolution":
            small = float(rng.uniform(160, 420)) / min(height, width)
            picture = cv2.resize(photo, (round(width * small), round(height * small)), interpolation=cv2.INTER_AREA)
            # Half of them were blown up again, as by a digital zoom.
            return picture if rng.random() < 0.5 else cv2.resize(picture, (width, height))
        case _:
            return reopened(bench_scene(rng, width, height), 90)


def _pose(seed: int, quick: bool, say: Say) -> tuple[float, dict[str, int]]:
    """Photos of sound boards with tall parts: ``moved_failed`` counts those that came back with parallax as defects."""
    count = 2 if quick else 16
    margin: dict[str, list[float]] = {"still": [], "moved": []}
    tally = {f"{place}_{what}": 0 for place in margin for what in ("photos", "sent_back", "failed")}
    policy = Policy()
    for number, (board, rng) in enumerate(boards(seed, 6, count)):
        golden = draw_golden(board, WIDTH_PX)
        mask, file = board_mask(golden), to_jpeg(golden, 95)
        for place, tilt in (("still", float(rng.uniform(0, _STILL_DEG))), ("moved", _MOVED_DEG[number % 4])):
            picture = take_tall(board, WIDTH_PX, tilt, rng).picture
            margin[place].append(pose_margin(register(picture, golden, mask), policy.pose))
            result = inspect([to_jpeg(picture, 95)], file, policy).photos[0]
            tally[f"{place}_photos"] += 1
            tally[f"{place}_sent_back"] += not result.compared
            tally[f"{place}_failed"] += bool(result.findings)
        say(f"pose: board {number + 1} of {count}")
    return round(auc(margin["moved"], margin["still"]), 4), tally


def _glare(photo: Picture, rng: np.random.Generator) -> Picture:
    height, width = photo.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height
    reach = rng.uniform(0.16, 0.3)
    away = np.hypot((xs - np.float32(x)) / np.float32(reach * width), (ys - np.float32(y)) / np.float32(reach * width))
    return levels_of(photo + np.clip(1.6 - away, 0, 1)[..., None] * 330)


def _smear(length_px: float, turn_deg: float) -> Picture:
    size = int(length_px) | 1
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    spin = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), turn_deg, 1)
    turned: Picture = cv2.warpAffine(kernel, spin, (size, size))
    turned /= turned.sum()
    return turned


def _grained(photo: Picture, rng: np.random.Generator) -> Picture:
    """Blur and dark happen before the sensor: its grain stays sharp."""
    return levels_of(photo + rng.standard_normal(photo.shape, np.float32) * 1.5)
