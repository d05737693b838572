"""The same questions on photographs of real boards, when sample data is present: ``photos`` is absent without it.

Registration: the photograph is warped and lit like a drawn board, so the truth is known. Pairs: painted faults.

Gate: the photographs were divided by the SHA-256 of their names before anything was measured; every other one is for
development, the rest scores. Taken as they come, some are much softer than others after a blur, so that the area under
the curve has a bound no limit can pass; ``below_own`` says how often a spoilt one is told from the same photograph.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from connectors.images.decode import decode
from infra.bench.vision.auc import auc
from infra.bench.vision.cases import LEVELS, OCCLUDERS, Picture, Say, Shot, conditions_of, cover, off_px, reopened
from infra.bench.vision.gate import CODES, SPOILT, spoil
from infra.bench.vision.golden import Tally
from infra.demo.boards_camera import shoot
from infra.settings import read_settings
from processors.vision.board_mask import board_mask
from processors.vision.gate import GateLimits, margins, measure
from processors.vision.inspect import inspect
from processors.vision.register import register

_BOARDS = (
    "feather-m4-can", "feather-rp2040-scorpio", "feather-stm32f405", "gb-lsep01088-front", "gb-mgb-dcdc-front",
    "gb-qla-01-front", "metro-m4-express", "mppt-2420-hc", "pico-ice-front", "usb4vc-adb-patch-plan",
)  # fmt: skip

_NO_BOARD = frozenset({"bms-c1-thermal", "pet-screen-fault", "pet-screen-good"})
"""Pictures of heat and of screens: no photographs of boards."""
_SLIGHT_PX = 1.0
"""A blur that the comparison still allows for: pixels of a picture 1600 px wide."""


def run(seed: int, quick: bool, say: Say) -> dict[str, Any]:
    """Return photos{registration, gate_auc, gate, pairs}, or nothing without samples."""
    samples = read_settings().samples
    folder = None if samples is None else samples / "photos"
    if folder is None or not (folder / "pairs.json").exists():
        say("photos: left out, NOIZYLAB_SAMPLES names no folder with photos/")
        return {}
    names = _BOARDS[:2] if quick else _BOARDS
    pictures = [_opened(folder / "boards" / f"{name}.jpg") for name in names]
    scoring = scoring_half(folder / "boards")[: 2 if quick else None]
    areas, tally = _gate([_opened(file) for file in scoring], seed, say)
    return {
        "photos": {
            "registration": _registration(pictures, seed, say),
            "gate_auc": areas,
            "gate": tally,
            "pairs": _pairs(folder, 4 if quick else None, say),
        }
    }


def _registration(pictures: list[Picture], seed: int, say: Say) -> dict[str, Any]:
    found: dict[str, list[float]] = {level: [] for level in LEVELS}
    for number, golden in enumerate(pictures):
        rng = np.random.default_rng((seed, 7, number))
        height, width = golden.shape[:2]
        alpha = np.full((height, width), 255, np.uint8)
        xs, ys = np.linspace(0.1 * width, 0.9 * width, 12), np.linspace(0.1 * height, 0.9 * height, 12)
        points = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
        for level in LEVELS:
            seen, warp = shoot(golden, alpha, conditions_of(level, rng), rng)
            cover(seen, OCCLUDERS[level], rng)
            place = register(reopened(seen, 85), golden, board_mask(golden))
            found[level].append(999.0 if place is None else off_px(place.homography, warp, points))
        say(f"photos: registration of {number + 1} of {len(pictures)}")
    return {
        level: {"p50_px": round(float(np.median(errors)), 3), "p95_px": round(float(np.percentile(errors, 95)), 3)}
        for level, errors in found.items()
    }


def scoring_half(folder: Path) -> list[Path]:
    """Return the photographs of boards that score: every second one by the SHA-256 of their names."""
    named = sorted(
        (file for file in folder.glob("*.jpg") if file.stem not in _NO_BOARD),
        key=lambda file: hashlib.sha256(file.stem.encode()).hexdigest(),
    )
    return named[1::2]


def _gate(pictures: list[Picture], seed: int, say: Say) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the area under the curve by way to spoil, and what the limits as they ship do.

    ``sent_back`` counts photographs by what was done to them (none, a slight blur, each way); ``below_own`` is the
    share of spoilt ones whose margin is below that of the same photograph as it was.
    """
    limits = GateLimits()
    sound = [margins(measure(picture), limits) for picture in pictures]
    back = {"sound": sum(map(_has_problem, sound)), "slight_blur": 0}
    for picture in pictures:
        slight = cv2.GaussianBlur(picture, (0, 0), _SLIGHT_PX * picture.shape[1] / 1600)
        back["slight_blur"] += _has_problem(margins(measure(slight), limits))
    found, below = {}, {}
    for how in SPOILT:
        if how == "no_board":
            continue
        rng = np.random.default_rng((seed, 8))
        bad = [margins(measure(spoil(picture, how, rng)), limits) for picture in pictures]
        worst, own = ([min(one[code] for code in CODES[how]) for one in ones] for ones in (bad, sound))
        found[how] = round(auc(worst, own), 4)
        back[how] = sum(map(_has_problem, bad))
        below[how] = round(float(np.mean(np.array(worst) < np.array(own))), 4)
        say(f"photos: gate, {how}")
    return found, {"photos": len(pictures), "sent_back": back, "below_own": below}


def _has_problem(margin: dict[str, float]) -> bool:
    return min(margin.values()) < 0


def _pairs(folder: Path, most: int | None, say: Say) -> dict[str, Any]:
    tally, sound_failed = Tally(), 0
    for entry in json.loads((folder / "pairs.json").read_text())["pairs"][:most]:
        test = (folder / entry["test"]).read_bytes()
        result = inspect([test], (folder / entry["golden"]).read_bytes()).photos[0]
        boxes = tuple((one["kind"], tuple(float(v) for v in one["box_test"])) for one in entry["defects"])
        tally.add(Shot(_opened(folder / entry["test"]), np.eye(3), boxes), result)  # type: ignore[arg-type]  # kinds of another list
        sound_failed += entry["verdict"] == "ok" and bool(result.findings)
    say("photos: pairs")
    return tally.summary() | {"sound_failed": sound_failed}


def _opened(file: Path) -> Picture:
    return decode(file.read_bytes())
