"""Defects of a bare board as findings, like those of a board with parts on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from processors.vision.bare.detect import inspect_bare
from processors.vision.bare.kinds import Detection
from processors.vision.severity import severity_of
from schemas.inspections import Box, DefectKind, Finding

_LACKS: dict[str, str] = {
    "open": "copper is missing across a track", "short": "copper joins what the template keeps apart",
    "mouse_bite": "copper is missing at an edge", "spur": "copper stands out from an edge",
    "spurious_copper": "copper where the template has none", "pin_hole": "a hole in copper",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """What one picture showed. ``disagreement`` is the share of pixels unlike the template it is most like."""

    findings: tuple[Finding, ...]
    disagreement: float
    comparable: bool


def hold_against(photo: int, picture: NDArray[Any], templates: Sequence[NDArray[Any]], most: int) -> Held:
    """Hold a binarised picture (H, W, 3) against the template that it is most like; at most ``most`` findings.

    Args:
        photo: the picture's place among the photos of its ticket.
        picture: copper dark.
        templates: at least one, each at the picture's scale and within 48 px and about 2 degrees of it.
        most: the surest findings are kept.
    """
    found = min((inspect_bare(one, picture) for one in templates), key=lambda one: one.disagreement)
    findings = tuple(_finding(photo, one, picture.shape) for one in found.defects[:most])
    rank = {"high": 0, "medium": 1, "low": 2}
    ordered = sorted(findings, key=lambda one: (rank[one.severity], -one.confidence, one.box.y_px, one.box.x_px))
    return Held(tuple(ordered), found.disagreement, found.comparable)


def _finding(photo: int, one: Detection, shape: tuple[int, ...]) -> Finding:
    kind = cast(DefectKind, one.kind)  # the kinds of bare boards are among those of findings; a test holds it
    left, top = min(int(one.left), shape[1] - 1), min(int(one.top), shape[0] - 1)
    width, height = max(1, int(np.ceil(one.right)) - left), max(1, int(np.ceil(one.bottom)) - top)
    return Finding(
        kind=kind,
        confidence=round(one.confidence, 3),
        severity=severity_of(kind, width * height / (shape[0] * shape[1])),
        photo=photo,
        box=Box(x_px=left, y_px=top, width_px=width, height_px=height),
        area_px=width * height,
        note=_LACKS[one.kind],
    )
