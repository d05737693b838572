"""Bands around a forecast, from how far the same model was off before: split conformal prediction by distance.

Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (2005); Lei and others, "Distribution-free
predictive inference for regression", Journal of the American Statistical Association 113 (2018): of n earlier scores
the ``ceil((n + 1) level)``-th smallest is the half width, which holds with at least that probability when scores come
in no particular order. A score is ``|y - f| / sqrt(max(f, floor))``: of counts, and of sums of them, the error grows
with the root of what is expected, so a closed day gets a narrow band and a busy one a wide one.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from processors.analytics.forecast.series import Values

ENOUGH_SCORES = 100
"""Scores of one distance are joined by those of its neighbours, nearest first, until there are so many."""
FLOOR_SHARE = 0.02
"""Of the mean value: below it an expectation is as good as zero."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one model, one row an origin, one column a distance; NaN where there is none."""

    values: Values
    floor: float

    @classmethod
    def of(cls, actual: Values, forecast: Values, floor: float) -> "Scores":
        """Return how far forecasts were off, in units of the spread that their size leads to expect.

        A closed day, nothing expected and nothing come, is left out: what is certain must not narrow other bands.
        """
        certain = (forecast < floor) & (actual == 0)
        return cls(np.where(certain, np.nan, np.abs(actual - forecast) / spread(forecast, floor)), floor)

    def half_width(self, distance: int, level: float) -> float:
        """Return the score that is not exceeded with probability ``level`` at a distance (0: the next period).

        With too few scores for the level it is the largest one.
        """
        known = np.sort(self._near(distance))
        if not len(known):
            return 0.0  # nothing was ever uncertain
        return float(known[min(len(known), ceil((len(known) + 1) * level)) - 1])

    def band(self, forecast: Values, level: float) -> tuple[Values, Values]:
        """Return the lower and the upper bound of a forecast, the lower never below zero."""
        width = np.array([self.half_width(distance, level) for distance in range(len(forecast))])
        width = width * spread(forecast, self.floor)
        return np.maximum(0.0, forecast - width), forecast + width

    def _near(self, distance: int) -> Values:
        last = self.values.shape[1] - 1
        radius = 0
        while True:
            near = self.values[:, max(0, distance - radius) : distance + radius + 1]
            known = near[~np.isnan(near)]
            if len(known) >= ENOUGH_SCORES or radius > last:
                return known
            radius += 1


def floor_of(values: Values) -> float:
    """Return the floor for a series with these values."""
    return max(FLOOR_SHARE * float(values.mean()), 1e-9)


def spread(forecast: Values, floor: float) -> Values:
    """Return the root of an expectation, or of the floor where it is smaller."""
    return np.sqrt(np.maximum(forecast, floor))


def pinball(actual: Values, quantile: Values, level: float) -> float:
    """Return the mean quantile loss ``max(level (y - q), (level - 1) (y - q))`` (Koenker and Bassett, Econometrica 46,
    1978); NaN periods are left out."""
    error = actual - quantile
    return float(np.nanmean(np.maximum(level * error, (level - 1) * error)))
