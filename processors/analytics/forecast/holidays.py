"""Holidays: days that are unlike others of their weekday. They are taken out before a model learns, and put back."""

import numpy as np
from numpy.typing import NDArray

from processors.analytics.forecast.series import Values

PRIOR_DAYS = 1.0
"""How many ordinary days the effect of holidays is shrunk towards: one holiday seen counts half."""


def without_holidays(values: Values, is_holiday: NDArray[np.bool_], season: int) -> tuple[Values, float]:
    """Return the values with holidays replaced by what the same weekday nearby had, and the share holidays come to.

    The share is actual over usual, ``(actual + k u) / (usual + k u)`` with k days of prior at the mean u, 1 without
    any holiday. A shop that is always closed on them soon has one near 0.
    """
    days = np.flatnonzero(is_holiday)
    if not len(days):
        return values, 1.0
    plain = values.copy()
    for day in days:
        plain[day] = _usual(values, is_holiday, int(day), season)
    usual = float(plain[days].sum())
    mean = usual / len(days)
    if mean <= 0:
        return plain, 1.0
    return plain, (float(values[days].sum()) + PRIOR_DAYS * mean) / (usual + PRIOR_DAYS * mean)


def _usual(values: Values, is_holiday: NDArray[np.bool_], day: int, season: int) -> float:
    near = [day + side * season * far for far in (1, 2, 3) for side in (-1, 1)]
    known = [float(values[one]) for one in near if 0 <= one < len(values) and not is_holiday[one]]
    return float(np.mean(known[:2])) if known else float(values[day])
