"""The Theta method: half a straight line, half exponential smoothing of what the line leaves, twice bent.

Assimakopoulos and Nikolopoulos, "The theta model: a decomposition approach to forecasting", International Journal of
Forecasting 16 (2000): with theta lines 0 and 2 and equal weights, the forecast at distance h is
``(a + b (n + h)) / 2 + level / 2``, where a, b are the least-squares line through the series and ``level`` is simple
exponential smoothing of ``2 y - (a + b t)``.
"""

import numpy as np

from processors.analytics.forecast.seasons import deseasonalised, seasonal_indices
from processors.analytics.forecast.series import Values

ALPHAS = np.linspace(0.02, 0.98, 25)
"""Smoothing weights that are tried; the one with the least squared one-step error is used."""


def theta(values: Values, season: int, horizon: int) -> Values:
    """Return the forecast of the next ``horizon`` periods, never below zero."""
    indices = seasonal_indices(values, season)
    plain = deseasonalised(values, indices)
    count = len(plain)
    time = np.arange(count, dtype=np.float64)
    slope, intercept = np.polyfit(time, plain, 1)
    line = intercept + slope * np.arange(count, count + horizon)
    level = smoothed_level(2 * plain - (intercept + slope * time))
    ahead = np.resize(np.roll(indices, -(count % season)), horizon)
    return np.asarray(np.maximum(0.0, (line + level) / 2 * ahead))


def smoothed_level(values: Values) -> float:
    """Return the last level of simple exponential smoothing, its weight chosen by least squared one-step errors."""
    level = np.full(len(ALPHAS), float(values[: max(1, min(len(values), 4))].mean()))
    squared = np.zeros(len(ALPHAS))
    for value in values:
        error = value - level
        squared += error * error
        level += ALPHAS * error
    return float(level[int(squared.argmin())])
