"""The sections of the benchmark: each a function of the seed, of whether to hurry, and of where to tell its progress.

A section's keys are the result's keys. To add one, name it here.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import cv2

from infra.bench.vision import barcodes, components, gate, golden, markings, photos, registration, residue, sound
from infra.bench.vision.cases import DEVELOPMENT, Say

SECTIONS: Mapping[str, Callable[[int, bool, Say], dict[str, Any]]] = {
    "registration": registration.run,
    "golden": golden.run,
    "sound": sound.run,
    "gate": gate.run,
    "residue": residue.run,
    "barcodes": barcodes.run,
    "markings": markings.run,
    "components": components.run,
    "photos": photos.run,
}


def run_vision_bench(seed: int, quick: bool, only: str | None, say: Say) -> dict[str, Any]:
    """Run every section, or ``only`` one, on one core; ``seconds`` says how long each took, also in CPU time.

    Raises:
        ValueError: no such section; lists those there are.
    """
    if only is not None and only not in SECTIONS:
        raise ValueError(f"there is no section {only!r}; choose among {', '.join(SECTIONS)}")
    cv2.setNumThreads(1)
    result: dict[str, Any] = {"seed": seed, "seed_is_for": "development" if seed in DEVELOPMENT else "scoring"}
    seconds: dict[str, dict[str, float]] = {}
    for name, section in SECTIONS.items():
        if only in {None, name}:
            started, spent = time.monotonic(), time.process_time()
            result |= section(seed, quick, say)
            seconds[name] = {
                "wall": round(time.monotonic() - started, 1),
                "cpu": round(time.process_time() - spent, 1),
            }
    return result | {"seconds": seconds}
