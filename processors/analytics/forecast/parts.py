"""The forecast of a shop's parts, from their demand by day or week."""

from dataclasses import replace
from datetime import date

import numpy as np

from processors.analytics.forecast import counts
from processors.analytics.forecast.predict import Forecast, NoForecast, Point, TrackRecord
from processors.analytics.forecast.series import HORIZON, STEP, Grain, Values


def demand_of(
    pieces: dict[str, Values], grain: Grain, start: date, holidays: frozenset[date] = frozenset()
) -> counts.Demand:
    """Return the demand of parts, all of the same length, with how much each period is worth.

    By day a weekday is worth its share of the demand of all parts, a holiday the least of any weekday.
    """
    keys = tuple(sorted(pieces))
    matrix = np.stack([pieces[key] for key in keys])
    total = matrix.shape[1] + HORIZON[grain]
    if grain == "week":
        return counts.Demand(keys, grain, matrix, np.ones(total))
    days = [start + number * STEP["day"] for number in range(total)]
    weekday = np.array([day.weekday() for day in days])
    known = weekday[: matrix.shape[1]]
    all_parts = matrix.sum(axis=0)
    shares = np.array([all_parts[known == day].mean() if (known == day).any() else 0.0 for day in range(7)])
    shares = shares / shares.mean() if shares.mean() > 0 else np.ones(7)
    off = np.array([day in holidays for day in days])
    return counts.Demand(keys, grain, matrix, np.where(off, shares.min(), shares[weekday]))


def forecast_parts(demand: counts.Demand, start: date) -> tuple[Forecast | NoForecast, ...]:
    """Return the forecast of every part, or for each why there is none. ``start`` is the first period's date."""
    needed = counts.NEEDED_PERIODS[demand.grain]
    if demand.known < needed:
        reason = f"{demand.known} {demand.grain}s of demand are known and {needed} are needed; come back later"
        return tuple(NoForecast("parts_pieces", key, demand.grain, "too_short", reason) for key in demand.keys)
    best = counts.compare_methods(demand)[0]
    method, _ = counts.METHODS[best.method]
    rates = method(demand.pieces, demand.exposure[: demand.known], best.setting)
    scale, naive = counts.naive_scale(demand), counts.naive_errors(demand)
    record = TrackRecord(
        counts.ORIGINS, 0.0, 0.0, best.pinball, coverage_80=best.coverage_80, coverage_95=best.coverage_95
    )
    points = _points(demand, rates, start)
    return tuple(
        Forecast(
            "parts_pieces",
            key,
            demand.grain,
            best.method,
            points[row],
            replace(record, mase=float(best.errors[row] / scale[row]), naive_mase=float(naive[row] / scale[row])),
        )
        for row, key in enumerate(demand.keys)
    )


def _points(demand: counts.Demand, rates: counts.Rates, start: date) -> list[tuple[Point, ...]]:
    columns = []
    for index in range(demand.known, demand.known + HORIZON[demand.grain]):
        exposure = float(demand.exposure[index])
        low_95, low_80, high_80, high_95 = rates.quantiles(exposure)
        columns.append((start + index * STEP[demand.grain], rates.mean(exposure), low_80, high_80, low_95, high_95))
    return [
        tuple(Point(at, *(float(bound[row]) for bound in bounds)) for at, *bounds in columns)
        for row in range(len(demand.keys))
    ]
