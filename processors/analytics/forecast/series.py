"""A series of one figure by day or by week, without gaps: a day on which nothing happened is a zero."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Grain = Literal["day", "week"]
Metric = Literal["revenue_cents", "intake", "parts_pieces"]

SEASON: dict[Grain, int] = {"day": 7, "week": 52}
"""Periods after which a series repeats itself: a day resembles that of the week before, a week that of last year."""
HORIZON: dict[Grain, int] = {"day": 28, "week": 8}
"""How many periods are forecast."""
STEP: dict[Grain, timedelta] = {"day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over time. ``key`` says of what, a part for example; empty for the whole workspace.

    ``values`` has one number a period from ``start`` on, a day or the Monday of a week. ``holidays`` are days, past
    and to come, on which the shop is closed or unlike itself; they count by day only.
    """

    metric: Metric
    key: str
    grain: Grain
    start: date
    values: Values
    holidays: frozenset[date] = frozenset()

    def at(self, index: int) -> date:
        """Return the day, or the Monday, of a period; those from ``len(values)`` on lie in the future."""
        return self.start + index * STEP[self.grain]

    def is_holiday(self, first: int, count: int) -> NDArray[np.bool_]:
        """Return which of ``count`` periods from ``first`` on are holidays; by week none is."""
        if self.grain == "week":
            return np.zeros(count, dtype=np.bool_)
        return np.array([self.at(index) in self.holidays for index in range(first, first + count)], dtype=np.bool_)


def filled(by_day: Mapping[date, float], first: date, last: date) -> Values:
    """Return one value a day from ``first`` to ``last``, both included; days that are missing are zeros."""
    return np.array([by_day.get(day, 0.0) for day in _days(first, last)], dtype=np.float64)


def weekly(first: date, by_day: Values) -> tuple[date, Values]:
    """Return the Monday of the first full week, and the sums of the full weeks in daily values from ``first`` on."""
    skipped = -first.weekday() % 7
    whole = by_day[skipped : skipped + (len(by_day) - skipped) // 7 * 7]
    return first + timedelta(days=skipped), whole.reshape(-1, 7).sum(axis=1)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
