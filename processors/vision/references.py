"""What a board is held against: golden pictures, each with what sound boards may differ by where that was learned."""

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.compare import Allowance

Picture = NDArray[Any]

PICTURE, TOLERANCE, CARD, PLACES = ".jpg", ".tolerance.png", ".json", ".places.json"
"""A reference ``front`` of a set is up to four files: ``front.jpg``, ``front.tolerance.png``, ``front.json`` and
``front.places.json`` (see :mod:`processors.vision.parts.places`).
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A golden picture's file. ``tolerance`` is a PNG file: blue and green are the fine and the wide difference, in
    levels, that sound boards showed there. ``lift`` is added to the thresholds, in levels.
    """

    picture: bytes
    tolerance: bytes | None = None
    lift: float = 0.0
    name: str = "golden"
    places: bytes | None = None


def allowance(reference: Reference) -> Allowance | None:
    """Return what the comparison has to allow for; None when nothing was learned.

    Raises:
        ValueError: the tolerance is no picture; learn the board again.
    """
    if reference.tolerance is None:
        return None
    planes = cv2.imdecode(np.frombuffer(reference.tolerance, np.uint8), cv2.IMREAD_COLOR)
    if planes is None:
        raise ValueError(f"the tolerance map of {reference.name} is damaged; learn the board again")
    return Allowance(planes[..., 0], planes[..., 1], reference.lift)


def read_set(files: dict[str, bytes]) -> tuple[Reference, ...]:
    """Return the references of a set from its files by name; a card that cannot be read counts as none."""
    found = []
    for name in sorted(name for name in files if name.endswith(PICTURE)):
        stem = name.removesuffix(PICTURE)
        lift, places = _lift(files.get(stem + CARD)), files.get(stem + PLACES)
        found.append(Reference(files[name], files.get(stem + TOLERANCE), lift, stem, places))
    return tuple(found)


def _lift(card: bytes | None) -> float:
    try:
        return float(json.loads(card or b"{}").get("lift", 0.0))
    except (ValueError, AttributeError, TypeError):
        return 0.0
