"""How bad a finding is, from its kind and its share of the board."""

from typing import Literal

from schemas.inspections import DefectKind

Severity = Literal["low", "medium", "high"]

_ALWAYS_HIGH: frozenset[DefectKind] = frozenset(
    {"bridge", "open", "short", "missing_part", "rotated_part", "wrong_part"}
)
"""Each of them breaks the circuit, however small it looks."""

_LIMITS: dict[DefectKind, tuple[float, float]] = {
    # Shares of the board from which a finding is medium, and high: 0.1 % of a 100 x 70 mm board is 7 mm².
    "shifted_part": (0.0, 0.002),
    "burn": (0.0, 0.0015),
    "corrosion": (0.0005, 0.004),
    "residue": (0.001, 0.01),
    "scratch": (0.0005, 0.01),
    "difference": (0.001, 0.02),
    "mouse_bite": (0.0, 0.002),
    "spur": (0.0, 0.002),
    "spurious_copper": (0.0, 0.005),
    "pin_hole": (0.0005, 0.005),
}


def severity_of(kind: DefectKind, share: float) -> Severity:
    """Return the severity of a finding that covers ``share`` (0 to 1) of the board."""
    if kind in _ALWAYS_HIGH:
        return "high"
    medium, high = _LIMITS[kind]
    return "high" if share >= high else "medium" if share >= medium else "low"
