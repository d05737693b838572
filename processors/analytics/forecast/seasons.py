"""Taking the repeating pattern out of a series, and putting it back.

Classical decomposition by ratio to the moving average (Macaulay 1931; Hyndman and Athanasopoulos, Forecasting:
Principles and Practice, 3rd edition, section 3.4), with medians in place of means, so that one odd week does not bend
the pattern. An index of zero is a day on which the shop is always closed.
"""

import numpy as np

from processors.analytics.forecast.series import Values

CLOSED_BELOW = 0.05
"""Share of an average period below which a phase counts as closed: dividing by less would only magnify noise."""
SEASONAL_FROM = 1.645
"""Standard errors of the autocorrelation at the season, from which a pattern is believed (90 %, two-sided); the test
of the Theta benchmark in the M4 competition (Makridakis, Spiliotis and Assimakopoulos, 2020)."""


def seasonal_indices(values: Values, season: int) -> Values:
    """Return the factor of each phase (phase 0 is that of the first value), on average 1; all 1 without a pattern."""
    flat = np.ones(season)
    if len(values) < 2 * season or not _is_seasonal(values, season):
        return flat
    average = _centred_average(values, season)
    offset = season // 2
    middle = values[offset : offset + len(average)]
    phases = (np.arange(len(average)) + offset) % season
    ratios = np.divide(middle, average, out=np.full(len(average), np.nan), where=average > 0)
    indices = np.array([_median(ratios[phases == phase]) for phase in range(season)])
    total = float(indices.sum())
    return indices * (season / total) if total > 0 else flat


def deseasonalised(values: Values, indices: Values) -> Values:
    """Return the values without the pattern; on closed phases what lies between the open ones."""
    factor = np.resize(indices, len(values))
    is_open = factor >= CLOSED_BELOW
    if not is_open.any():
        return values.copy()
    where = np.arange(len(values), dtype=np.float64)
    return np.interp(where, where[is_open], values[is_open] / factor[is_open])


def seasonal_naive(values: Values, season: int, horizon: int) -> Values:
    """Return the last season again and again: what every forecast has to be better than."""
    return np.resize(values[-season:], horizon).astype(np.float64)


def _is_seasonal(values: Values, season: int) -> bool:
    slope = np.polyfit(np.arange(len(values)), values, 1)
    centred = values - np.polyval(slope, np.arange(len(values)))
    power = float(centred @ centred)
    if power <= 0:
        return False
    lags = [float(centred[lag:] @ centred[:-lag]) / power for lag in range(1, season + 1)]
    error = np.sqrt((1 + 2 * sum(lag**2 for lag in lags[:-1])) / len(values))
    return bool(lags[-1] > SEASONAL_FROM * error)


def _centred_average(values: Values, season: int) -> Values:
    if season % 2:
        kernel = np.full(season, 1 / season)
    else:
        kernel = np.full(season + 1, 1 / season)
        kernel[[0, -1]] /= 2
    return np.convolve(values, kernel, mode="valid")


def _median(ratios: Values) -> float:
    known = ratios[~np.isnan(ratios)]
    return float(np.median(known)) if len(known) else 1.0
