"""What a diagnosis hands on: suspects with evidence, the next measurement, and what the readings cannot tell apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from processors.schematics.faults.hypotheses import FaultKind

TITLES: Mapping[FaultKind, str] = {
    "short": "short to ground", "open": "open part", "dead_regulator": "regulator gives nothing",
    "no_enable": "regulator is not switched on", "no_pull_up": "line is not pulled up",
    "no_source": "supply does not arrive", "none": "no fault of the supply",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suspect:
    """A class of faults that readings cannot tell apart, with its probability.

    ``kind`` and ``net`` are those of the likeliest fault in it, ``parts`` all that can be the cause, likeliest first.
    ``separable`` is true where readings lead to one part; else ``note`` says what would.
    """

    kind: FaultKind
    net: str
    parts: tuple[str, ...]
    probability: float
    evidence: tuple[str, ...]
    separable: bool
    note: str

    @property
    def title(self) -> str:
        """The fault, to be read."""
        return f"{TITLES[self.kind]}: {self.net}" if self.net else TITLES[self.kind]


@dataclass(frozen=True, slots=True)
class NextMeasurement:
    """What to measure next. ``bits`` is what it tells about the class; ``hazard`` what to mind before it."""

    quantity: str
    net: str
    other: str
    words: str
    bits: float
    minutes: float
    hazard: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Suspects, likeliest first; probabilities sum to 1. ``measure`` is None where no reading would tell more."""

    suspects: tuple[Suspect, ...]
    measure: NextMeasurement | None
    unused: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain lists and dictionaries."""
        return asdict(self)
