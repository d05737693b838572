"""Periods that were unlike what was expected of them: flagged with the range that would have been no surprise."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from processors.analytics.forecast.backtest import Backtest
from processors.analytics.forecast.bands import floor_of, spread
from processors.analytics.forecast.series import Series

LIMIT = 3.5
"""Robust standard deviations from the median, beyond which a value is an outlier (Iglewicz and Hoaglin, "How to Detect
and Handle Outliers", 1993). The deviation is 1.4826 times the median absolute one, so outliers do not hide each other.
"""
TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A period whose value lies outside ``low`` to ``high``, though ``expected`` was forecast shortly before."""

    at: date
    value: float
    expected: float
    low: float
    high: float


def anomalies(series: Series, test: Backtest, model: str) -> tuple[Anomaly, ...]:
    """Return the anomalies among the periods of a back-test, each judged by the newest forecast made before it."""
    judged = list(_newest(test, model, len(series.values)))
    expected = np.array([forecast for _, forecast in judged])
    actual = series.values[[index for index, _ in judged]]
    unit = spread(expected, floor_of(series.values))
    scores = (actual - expected) / unit
    centre = float(np.median(scores))
    sigma = TO_SIGMA * float(np.median(np.abs(scores - centre)))
    low, high = expected + (centre - LIMIT * sigma) * unit, expected + (centre + LIMIT * sigma) * unit
    low = np.maximum(0.0, low)
    return tuple(
        Anomaly(series.at(index), *(float(of[place]) for of in (actual, expected, low, high)))
        for place, (index, _) in enumerate(judged)
        if sigma > 0 and not low[place] <= actual[place] <= high[place]
    )


def _newest(test: Backtest, model: str, count: int) -> Iterator[tuple[int, float]]:
    ends = (*test.origins[1:], count)
    for row, (origin, end) in enumerate(zip(test.origins, ends, strict=True)):
        for index in range(origin, min(end, origin + test.actual.shape[1])):
            yield index, float(test.forecasts[model][row, index - origin])
