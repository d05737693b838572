"""A part's place on a board, as a board file or a pick-and-place file says it."""

from dataclasses import dataclass
from typing import Literal

BoardSide = Literal["top", "bottom"]
PadsBox = tuple[float, float, float, float]
"""Left, top, right, bottom in millimetres of the board."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one part belongs.

    Attributes:
        reference: R12; several rows of a file may share one.
        value: as the file writes it; empty where it says none.
        package: its name in the file, ``R_0603_1608Metric`` or ``SOIC-8``; empty where the file says none.
        x_mm: to the right, seen from the top, on both sides alike.
        y_mm: downwards, seen from the top.
        rotation_deg: counter-clockwise seen from the top, 0 to 360.
        side: where it stands.
        fitted: whether the file wants it to be placed.
        pads_mm: the box round its pads, where the file knows pads.
    """

    reference: str
    value: str
    package: str
    x_mm: float
    y_mm: float
    rotation_deg: float = 0.0
    side: BoardSide = "top"
    fitted: bool = True
    pads_mm: PadsBox | None = None
