"""Ridge regression on the logarithms of earlier values, the phase of the season and time; forecast step by step.

Hoerl and Kennard, "Ridge Regression", Technometrics 12 (1970): coefficients ``(X'X + k I)^-1 X'z`` on standardised
columns. ``z = log(1 + y / scale)`` makes growth and seasons additive and zeros harmless. Each forecast is a lag of the
next one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.analytics.forecast.series import Values

PENALTY = 3.0
"""k, in units of one observation of a standardised column; found by back-test on generated series, and flat there."""
DUMMIES_UP_TO = 12
"""Up to this season each phase has a column of its own, beyond it two waves have to do."""
DAYS_IN_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class _Shape:
    season: int
    lags: tuple[int, ...]
    yearly: bool


def ridge(values: Values, season: int, horizon: int) -> Values:
    """Return the forecast of the next ``horizon`` periods, never below zero."""
    scale = float(values.mean())
    if scale <= 0:
        return np.zeros(horizon)
    logs = np.log1p(values / scale)
    shape = _shape(len(values), season)
    longest = max(shape.lags)
    rows = np.arange(longest, len(values))
    columns = _columns(logs, rows, shape)
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    spread[spread == 0] = 1.0
    standard = (columns - mean) / spread
    wanted = logs[rows]
    gram = standard.T @ standard + PENALTY * np.eye(standard.shape[1])
    weights = np.linalg.solve(gram, standard.T @ (wanted - wanted.mean()))
    known = np.concatenate([logs, np.zeros(horizon)])
    # A forecast feeds the next one: what no period has come near to would run away.
    ceiling = float(logs.max()) * 1.25
    for index in range(len(values), len(values) + horizon):
        row = _columns(known, np.array([index]), shape)[0]
        known[index] = min(max(0.0, float((row - mean) / spread @ weights) + float(wanted.mean())), ceiling)
    return np.asarray(np.expm1(known[len(values) :]) * scale)


def _shape(count: int, season: int) -> _Shape:
    if season <= DUMMIES_UP_TO:
        candidates = (*range(1, season + 1), 2 * season, 3 * season, 4 * season)
    else:
        candidates = (1, 2, 3, 4, season)
    lags = tuple(lag for lag in candidates if lag <= count // 3) or (1,)
    return _Shape(season, lags, yearly=season == 7 and count >= 2 * DAYS_IN_YEAR)


def _columns(logs: Values, index: NDArray[Any], shape: _Shape) -> Values:
    parts = [logs[index - lag] for lag in shape.lags]
    if shape.season <= DUMMIES_UP_TO:
        parts += [(index % shape.season == phase).astype(np.float64) for phase in range(shape.season)]
    else:
        parts += _waves(index, shape.season)
    if shape.yearly:
        parts += _waves(index, DAYS_IN_YEAR)
    return np.stack(parts, axis=1)


def _waves(index: NDArray[Any], period: float) -> list[Values]:
    turns = [2 * np.pi * wave * index / period for wave in (1, 2)]
    return [function(turn) for turn in turns for function in (np.sin, np.cos)]
