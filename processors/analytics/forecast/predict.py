"""The forecast of one series: the best in its back-test of Theta, ridge, their mean and the seasonal naive, with bands;
or why there is none."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from processors.analytics.forecast.anomalies import Anomaly, anomalies
from processors.analytics.forecast.backtest import NAIVE, NEEDED, Backtest, backtest, predictions
from processors.analytics.forecast.bands import Scores, floor_of, pinball
from processors.analytics.forecast.series import HORIZON, SEASON, Grain, Metric, Series, Values

LEVELS = (0.8, 0.95)


@dataclass(frozen=True, slots=True)
class Point:
    """What is expected of one period to come, and the bounds that hold it with 80 and 95 %."""

    at: date
    expected: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How the model did in the back-test, beside the seasonal naive.

    ``mase`` is scaled to the naive's error in the first training part; ``pinball`` is the mean quantile loss over the
    four bounds, in the unit of the series; ``coverage`` is the share of later periods inside the bands that the earlier
    ones led to, None where there were too few.
    """

    origins: int
    mase: float
    naive_mase: float
    pinball: float | None = None
    naive_pinball: float | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of one series."""

    metric: Metric
    key: str
    grain: Grain
    model: str
    points: tuple[Point, ...]
    record: TrackRecord
    anomalies: tuple[Anomaly, ...] = ()


@dataclass(frozen=True, slots=True)
class NoForecast:
    """Why nothing is forecast of a series; ``reason`` is for people."""

    metric: Metric
    key: str
    grain: Grain
    code: str
    reason: str


def forecast(series: Series) -> Forecast | NoForecast:
    """Return the forecast of the next ``HORIZON`` periods, or why it would be a guess."""
    count, needed = len(series.values), NEEDED[series.grain]
    if count < needed:
        reason = (
            f"{count} {series.grain}s are known and {needed} are needed: two seasons of {SEASON[series.grain]}, and "
            f"enough to measure the error; come back in {needed - count} {series.grain}s"
        )
        return NoForecast(series.metric, series.key, series.grain, "too_short", reason)
    if not series.values[-2 * SEASON[series.grain] :].any():
        reason = "the last two seasons are all zeros; there is nothing to learn from"
        return NoForecast(series.metric, series.key, series.grain, "all_zero", reason)
    test = backtest(series)
    model = min(test.forecasts, key=test.mase)
    expected = predictions(series, count, HORIZON[series.grain])[model]
    scores = Scores.of(test.actual, test.forecasts[model], floor_of(series.values))
    return Forecast(
        series.metric,
        series.key,
        series.grain,
        model,
        _points(series, expected, scores),
        _record(test, model, floor_of(series.values)),
        anomalies(series, test, model),
    )


def _points(series: Series, expected: Values, scores: Scores) -> tuple[Point, ...]:
    bounds = [bound for level in LEVELS for bound in scores.band(expected, level)]
    return tuple(
        Point(series.at(len(series.values) + index), float(expected[index]), *(float(one[index]) for one in bounds))
        for index in range(len(expected))
    )


def _record(test: Backtest, model: str, floor: float) -> TrackRecord:
    """Judge the bands as they would have been: those of the earlier origins, on the later ones."""
    mases = (len(test.origins), test.mase(model), test.mase(NAIVE))
    half, horizon = len(test.origins) // 2, test.actual.shape[1]
    # What is judged must not have been known when the bands were made.
    known = np.array(test.origins[:half])[:, None] + np.arange(horizon) < test.origins[half]
    if not known.any():
        return TrackRecord(*mases)
    judged = {name: _judge(test, name, floor, half, known) for name in (model, NAIVE)}
    loss, inside = judged[model]
    return TrackRecord(*mases, loss, judged[NAIVE][0], *inside)


def _judge(
    test: Backtest, model: str, floor: float, half: int, known: np.typing.NDArray[np.bool_]
) -> tuple[float, list[float]]:
    early = np.where(known, test.actual[:half], np.nan)
    scores = Scores.of(early, test.forecasts[model][:half], floor)
    actual, losses, inside = test.actual[half:], [], []
    for level in LEVELS:
        bands = [scores.band(row, level) for row in test.forecasts[model][half:]]
        low, high = (np.stack([band[side] for band in bands]) for side in (0, 1))
        losses += [pinball(actual, low, (1 - level) / 2), pinball(actual, high, (1 + level) / 2)]
        seen = ~np.isnan(actual)
        inside.append(float(((low <= actual) & (actual <= high))[seen].mean()))
    return float(np.mean(losses)), inside
