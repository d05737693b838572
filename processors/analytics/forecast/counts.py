"""Demand of parts: rare counts, forecast as distributions. A mean says nothing here; a zero beats it on absolute error.

Three ways to a rate, each turned into bounds by its distribution; the one with the least quantile loss on all parts of
the shop together is used, because one part alone has too few pieces to tell them apart.

- ``gamma_poisson``: ``y ~ Poisson(rate e)`` with a Gamma prior fitted to all parts by moments; empirical Bayes
  (Robbins 1956; Clayton and Kaldor, Biometrics 43, 1987). Old periods are forgotten by a factor a period. Its
  predictive distribution is negative binomial.
- ``ses_poisson``: simple exponential smoothing (Brown 1959), bounds of the Poisson distribution.
- ``tsb_poisson``: Teunter, Syntetos and Babai, "Intermittent demand: linking forecasting to inventory obsolescence",
  European Journal of Operational Research 214 (2011): size and probability of a demand smoothed apart, the probability
  at every period, so that a part that nobody asks for any more fades.

Exposure ``e`` is what share of an average period a period is worth: a Sunday none, when the shop is closed then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from processors.analytics.forecast.bands import pinball
from processors.analytics.forecast.series import SEASON, Grain, Values

QUANTILES = (0.025, 0.1, 0.9, 0.975)
"""The bounds of the bands of 95 and 80 %, and what the methods are judged by."""
NEEDED_PERIODS: dict[Grain, int] = {"day": 56, "week": 26}
"""Periods without which nothing is forecast. No season is modelled, so none has to be seen twice."""
FORGETTING = (1.0, 0.99, 0.97, 0.93)
SMOOTHING = (0.03, 0.1, 0.2)
PROBABILITY_SMOOTHING, SIZE_SMOOTHING = (0.05, 0.15), 0.1
ORIGINS = 12
MOST_PIECES = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Per part the predictive distribution of one period of exposure 1: Gamma-Poisson with ``shape`` and ``weight``
    (mean ``shape / weight``); ``weight`` infinite is Poisson with mean ``shape``."""

    shape: Values
    weight: Values

    def mean(self, exposure: float) -> Values:
        """Return the expected pieces of a period."""
        return np.where(np.isinf(self.weight), self.shape, self.shape / self.weight) * exposure

    def quantiles(self, exposure: float, levels: tuple[float, ...] = QUANTILES) -> Values:
        """Return the least counts that are not exceeded with each probability: one row a level, one column a part."""
        found = np.full((len(levels), len(self.shape)), -1.0)
        poisson = np.isinf(self.weight)
        mean = self.mean(exposure)
        ratio = np.where(poisson, 0.0, exposure / (np.where(poisson, 1.0, self.weight) + exposure))
        mass = np.where(poisson, np.exp(-mean), (1 - ratio) ** self.shape)
        below = mass.copy()
        for count in range(MOST_PIECES):
            for row, level in enumerate(levels):
                found[row, (found[row] < 0) & (below >= level - 1e-12)] = count
            if (found >= 0).all():
                break
            # Both distributions by recursion: P(k + 1) from P(k).
            mass = mass * np.where(poisson, mean / (count + 1), ratio * (self.shape + count) / (count + 1))
            below += mass
        return np.where(found < 0, float(MOST_PIECES), found)


def gamma_poisson(demand: Values, exposure: Values, forgetting: float) -> Rates:
    """Return the posterior of each part (row) after its periods (columns)."""
    weights = forgetting ** np.arange(demand.shape[1] - 1, -1, -1)
    pieces, worth = demand @ weights, float(exposure @ weights)
    rates = pieces / worth
    mean = max(float(rates.mean()), 1e-9)
    # What the rates differ by beyond the noise of counting; with none, the prior is as heavy as the data allows.
    between = max(float(rates.var()) - mean / worth, mean * mean / 1e3)
    return Rates(mean * mean / between + pieces, np.full(len(pieces), mean / between + worth))


def ses_poisson(demand: Values, exposure: Values, alpha: float) -> Rates:
    """Return the smoothed rates of each part."""
    is_open = exposure > 0
    rates = demand[:, is_open] / exposure[is_open]
    level = rates[:, : max(1, rates.shape[1] // 4)].mean(axis=1)
    for column in rates.T:
        level = level + alpha * (column - level)
    return Rates(np.maximum(level, 1e-9), np.full(len(level), np.inf))


def tsb_poisson(demand: Values, exposure: Values, alpha: float) -> Rates:
    """Return probability times size of each part, ``alpha`` the weight of the newest period for the probability."""
    is_open = exposure > 0
    rates = demand[:, is_open] / exposure[is_open]
    asked = rates > 0
    probability = asked.mean(axis=1)
    size = np.where(asked.any(axis=1), rates.sum(axis=1) / np.maximum(asked.sum(axis=1), 1), 1.0)
    for column, some in zip(rates.T, asked.T, strict=True):
        probability = probability + alpha * (some - probability)
        size = np.where(some, size + SIZE_SMOOTHING * (column - size), size)
    return Rates(np.maximum(probability * size, 1e-9), np.full(len(size), np.inf))


Method = Callable[[Values, Values, float], Rates]
METHODS: Mapping[str, tuple[Method, tuple[float, ...]]] = {
    "gamma_poisson": (gamma_poisson, FORGETTING),
    "ses_poisson": (ses_poisson, SMOOTHING),
    "tsb_poisson": (tsb_poisson, PROBABILITY_SMOOTHING),
}


@dataclass(frozen=True, slots=True)
class CountTest:
    """How a method did on all parts together: mean quantile loss in pieces, and the share inside its bands, which of
    whole numbers is larger than nominal. ``errors``: per part, the mean absolute error of its mean."""

    method: str
    setting: float
    pinball: float
    coverage_80: float
    coverage_95: float
    errors: Values


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand of a shop's parts: one row a part, one column a period. ``exposure`` goes on beyond the columns, for
    the periods to come; all of it averages 1."""

    keys: tuple[str, ...]
    grain: Grain
    pieces: Values
    exposure: Values

    @property
    def known(self) -> int:
        """How many periods have come."""
        return int(self.pieces.shape[1])


def compare_methods(demand: Demand) -> tuple[CountTest, ...]:
    """Return the back-test of every method with every setting, the best first."""
    origins = _origins(demand)
    found = [
        _judge(demand, name, method, setting, origins)
        for name, (method, settings) in METHODS.items()
        for setting in settings
    ]
    return tuple(sorted(found, key=lambda one: one.pinball))


def naive_errors(demand: Demand) -> Values:
    """Return per part the mean absolute error of the seasonal naive (by week: of the last week) in the back-test."""
    season = SEASON["day"] if demand.grain == "day" else 1
    errors = [np.abs(demand.pieces[:, at] - demand.pieces[:, at - season]) for at in _origins(demand)]
    return np.asarray(np.mean(errors, axis=0))


def naive_scale(demand: Demand) -> Values:
    """Return per part the error of the naive in its first training part, the denominator of MASE; 1 for no demand."""
    season = SEASON["day"] if demand.grain == "day" else 1
    first = demand.pieces[:, : _origins(demand)[0]]
    errors = np.abs(first[:, season:] - first[:, :-season]).mean(axis=1)
    return np.where(errors > 0, errors, 1.0)


def _judge(demand: Demand, name: str, method: Method, setting: float, origins: tuple[int, ...]) -> CountTest:
    losses, narrow, wide, errors = [], [], [], []
    for at in origins:
        rates = method(demand.pieces[:, :at], demand.exposure[:at], setting)
        actual, exposure = demand.pieces[:, at], float(demand.exposure[at])
        bounds = rates.quantiles(exposure)
        losses += [pinball(actual, row, level) for row, level in zip(bounds, QUANTILES, strict=True)]
        wide.append((bounds[0] <= actual) & (actual <= bounds[3]))
        narrow.append((bounds[1] <= actual) & (actual <= bounds[2]))
        errors.append(np.abs(actual - rates.mean(exposure)))
    return CountTest(
        name, setting, float(np.mean(losses)), float(np.mean(narrow)), float(np.mean(wide)), np.mean(errors, axis=0)
    )


def _origins(demand: Demand) -> tuple[int, ...]:
    """Return the newest periods, spaced so that by day they fall on every weekday."""
    step = 3 if demand.grain == "day" else 1
    first = demand.known // 2
    return tuple(range(demand.known - 1, first - 1, -step)[:ORIGINS])[::-1]
