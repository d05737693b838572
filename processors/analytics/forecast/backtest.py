"""The back-test: a model is asked at many moments of the past what was to come, and is compared with what came.

Rolling origin, each model fitted anew at each origin (Tashman, "Out-of-sample tests of forecasting accuracy",
International Journal of Forecasting 16, 2000).
"""

from dataclasses import dataclass

import numpy as np

from processors.analytics.forecast.holidays import without_holidays
from processors.analytics.forecast.ridge import ridge
from processors.analytics.forecast.seasons import seasonal_naive
from processors.analytics.forecast.series import HORIZON, SEASON, Grain, Series, Values
from processors.analytics.forecast.theta import theta

ORIGINS = 60
LEARNED: dict[Grain, int] = {"day": 21, "week": 56}
"""Periods before the first origin, at least: what a model needs to have seen to say anything."""
ENOUGH_ORIGINS = 40
"""With so many origins left, the first waits until the models have seen two seasons."""
NEEDED: dict[Grain, int] = {"day": 8 * SEASON["day"], "week": 2 * SEASON["week"]}
"""Periods without which nothing is forecast: two seasons, and by day enough weeks to measure the error."""

NAIVE, ENSEMBLE = "seasonal_naive", "theta_ridge"


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts of the past, one row an origin (the index of the first forecast period), one column a distance.

    ``actual`` is NaN where a period has not come yet. ``scale`` is the mean absolute error of the seasonal naive
    inside the first training part, the denominator of MASE.
    """

    origins: tuple[int, ...]
    actual: Values
    forecasts: dict[str, Values]
    scale: float

    def mase(self, model: str) -> float:
        """Return the mean absolute scaled error (Hyndman and Koehler, "Another look at measures of forecast accuracy",
        International Journal of Forecasting 22, 2006). Below 1: better than the naive was in its training part."""
        return float(np.nanmean(np.abs(self.actual - self.forecasts[model]))) / self.scale


def predictions(series: Series, end: int, horizon: int) -> dict[str, Values]:
    """Return each model's forecast of the ``horizon`` periods from ``end`` on, from the values before it only."""
    season = SEASON[series.grain]
    learned, share = without_holidays(series.values[:end], series.is_holiday(0, end), season)
    found = {"theta": theta(learned, season, horizon), "ridge": ridge(learned, season, horizon)}
    found[ENSEMBLE] = (found["theta"] + found["ridge"]) / 2
    ahead = np.where(series.is_holiday(end, horizon), share, 1.0)
    found = {name: values * ahead for name, values in found.items()}
    return found | {NAIVE: seasonal_naive(series.values[:end], season, horizon)}


def backtest(series: Series) -> Backtest:
    """Return the back-test of all models on a series that is long enough."""
    count, horizon = len(series.values), HORIZON[series.grain]
    first = max(LEARNED[series.grain], min(2 * SEASON[series.grain], count - ENOUGH_ORIGINS))
    step = 1 if series.grain == "week" else max(1, min(3, (count - first) // ORIGINS))
    origins = tuple(range(count - 1, first - 1, -step)[:ORIGINS])[::-1]
    padded = np.concatenate([series.values, np.full(horizon, np.nan)])
    made = [predictions(series, origin, horizon) for origin in origins]
    return Backtest(
        origins,
        np.stack([padded[origin : origin + horizon] for origin in origins]),
        {model: np.stack([one[model] for one in made]) for model in made[0]},
        _naive_error(series.values[: origins[0]], SEASON[series.grain]),
    )


def _naive_error(values: Values, season: int) -> float:
    error = float(np.abs(values[season:] - values[:-season]).mean())
    return error if error > 0 else max(float(np.abs(values).mean()), 1.0)
