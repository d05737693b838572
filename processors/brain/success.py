"""How likely a repair works: rates of recorded community repairs, combined on the log-odds scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AGE_BANDS: tuple[tuple[str, float], ...] = (("0-3", 3), ("4-7", 7), ("8-15", 15), ("over 15", math.inf))
"""Name and last year of each age band."""


@dataclass(frozen=True, slots=True)
class SuccessPrior:
    """Shrunken rates of success: overall, by category, by category and family, by category and age band.

    In ``family`` and ``age`` the name ``""`` is the rate of all records of the category in which that is known.
    They come from volunteers without a parts store, so they are a cautious estimate for a shop.
    """

    base: float
    category: Mapping[str, float]
    family: Mapping[str, Mapping[str, float]]
    age: Mapping[str, Mapping[str, float]]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SuccessPrior":
        """Read the shipped table."""
        return cls(float(data["base"]), data["category"], data["family"], data["age"])

    def probability(self, family: str, category: str, age_years: float | None) -> float:
        """Return P(fixed), between 0.02 and 0.98.

        Category log-odds, plus what the family and the age band add to them in this category; the two are taken as
        independent given the category.
        """
        start = self.category.get(category, self.base)
        odds = _log_odds(start)
        by_family = self.family.get(category, {})
        if family in by_family:
            odds += _log_odds(by_family[family]) - _log_odds(by_family[""])
        band = age_band(age_years)
        if band is not None and category in self.age:
            odds += _log_odds(self.age[category][band]) - _log_odds(self.age[category][""])
        return min(0.98, max(0.02, 1 / (1 + math.exp(-odds))))


def age_band(age_years: float | None) -> str | None:
    """Return the name of the band of an age, or None when the age is not known."""
    if age_years is None:
        return None
    return next(name for name, last in AGE_BANDS if age_years <= last or math.isinf(last))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
