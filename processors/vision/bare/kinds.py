"""The kinds of defect of a bare board and what is said of one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("open", "short", "mouse_bite", "spur", "spurious_copper", "pin_hole")
"""In the order of DeepPCB's numbers 1 to 6 (Tang et al., arXiv:1902.06197, section 3)."""
COPPER_BELOW = 128
"""Copper is dark: grey levels under this are copper."""

Mask = NDArray[Any]
"""(H, W) uint8, 1 where there is copper (or whatever the mask is of)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A defect that a person marked, in pixels of the tested picture; the right and lower edges are outside."""

    kind: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A defect that was found: its kind, box in pixels of the tested picture, and confidence from 0 to 1."""

    kind: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float


def copper(picture: NDArray[Any]) -> Mask:
    """Return the copper of a grey or colour picture (H, W[, 3]) of a bare board whose copper is dark."""
    grey = picture if picture.ndim == 2 else picture.min(2)
    return (grey < COPPER_BELOW).astype(np.uint8)
