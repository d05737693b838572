"""What a fault family is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Risk = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Family:
    """One family of faults.

    ``weights`` says in which device categories it occurs and how often relative to the others (no unit);
    ``parts`` are stems of generic SKUs; ``minutes`` is bench time, by category where that differs.
    """

    code: str
    title: str
    weights: Mapping[str, float]
    steps: tuple[str, ...]
    parts: tuple[str, ...] = ()
    minutes: int = 45
    minutes_by_category: Mapping[str, int] = field(default_factory=dict)
    risk: Risk = "low"

    def labour_minutes(self, category: str) -> int:
        """Return the bench time in minutes for a device category."""
        return self.minutes_by_category.get(category, self.minutes)

    def skus(self, category: str) -> tuple[str, ...]:
        """Return the generic SKUs that a repair of this family takes, one of each; none where it does not occur."""
        return tuple(f"{part}.{category}" for part in self.parts) if category in self.weights else ()
