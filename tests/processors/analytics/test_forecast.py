"""Forecasts of series whose truth is known: better than the seasonal naive, honest in their bands."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from processors.analytics.forecast.backtest import ENSEMBLE, NAIVE, NEEDED, backtest, predictions
from processors.analytics.forecast.predict import Forecast, NoForecast, forecast
from processors.analytics.forecast.seasons import deseasonalised, seasonal_indices
from processors.analytics.forecast.series import HORIZON, Series, Values, filled, weekly
from processors.analytics.forecast.theta import theta

START = date(2024, 1, 1)  # a Monday
HORIZON_DAYS = HORIZON["day"]
WEEK = np.array([1.2, 1.1, 1.0, 1.0, 1.3, 1.4, 0.0])
"""The shop is closed on Sundays."""
DAYS, SHOPS = 300, 14
PATTERNS = ("week", "trend", "year", "early shift", "revenue")


def _truth(pattern: str, days: int) -> Any:
    """Return the mean number of tickets a day."""
    time = np.arange(days)
    base = 20 * WEEK[time % 7]
    match pattern:
        case "trend":
            return base * (1 + time / 365)
        case "year":
            return base * (1 + 0.3 * np.sin(2 * np.pi * time / 365.25))
        case "early shift":
            return np.asarray(base * np.where(time < 90, 0.6, 1.0))
        case _:
            return base


def _drawn(pattern: str, days: int, seed: int) -> Values:
    random = np.random.default_rng([PATTERNS.index(pattern), seed])
    tickets: Any = random.poisson(_truth(pattern, days))
    if pattern != "revenue":
        return np.asarray(tickets, dtype=np.float64)
    return np.array([random.gamma(2.0, 4_500.0, count).sum() for count in tickets])


def _series(values: Values, holidays: frozenset[date] = frozenset()) -> Series:
    return Series("intake", "", "day", START, values, holidays)


def _forecast(values: Values, holidays: frozenset[date] = frozenset()) -> Forecast:
    found = forecast(_series(values, holidays))
    assert isinstance(found, Forecast)
    return found


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bands_hold_what_came_as_often_as_they_say_and_the_naive_is_beaten(pattern: str) -> None:
    narrow, wide, mase, naive = [], [], [], []
    for seed in range(SHOPS):
        drawn = _drawn(pattern, DAYS + HORIZON_DAYS, seed)
        found = _forecast(drawn[:DAYS])
        for point, came in zip(found.points, drawn[DAYS:], strict=True):
            if point.at.weekday() == 6:  # zero inside zero to nearly zero is no test
                assert point.high_80 < 0.3 * max(one.expected for one in found.points)
                continue
            narrow.append(point.low_80 <= came <= point.high_80)
            wide.append(point.low_95 <= came <= point.high_95)
        mase.append(found.record.mase)
        naive.append(found.record.naive_mase)
    assert float(np.mean(narrow)) == pytest.approx(0.8, abs=0.05)
    assert float(np.mean(wide)) == pytest.approx(0.95, abs=0.05)
    assert np.mean(mase) < 0.9 * np.mean(naive)


def test_bands_that_are_too_narrow_are_seen_in_the_record() -> None:
    """The control: a series that becomes four times as noisy in its last third outruns bands made before."""
    random = np.random.default_rng(5)
    values = 100 + random.normal(0, 4, DAYS) * np.where(np.arange(DAYS) < 210, 1, 4)
    calm = 100 + random.normal(0, 4, DAYS)
    noisy, even = _forecast(values).record, _forecast(calm).record
    assert noisy.coverage_80 is not None
    assert even.coverage_80 is not None
    assert noisy.coverage_80 < 0.65 < 0.7 < even.coverage_80 < 0.9


def test_a_straight_line_with_a_week_goes_on() -> None:
    time = np.arange(210)
    values = np.asarray((50 + 0.5 * time) * np.resize(WEEK[:6], 210), dtype=np.float64)
    found = theta(values, 6, 12)
    line = 50 + 0.5 * np.arange(210, 222)
    assert found == pytest.approx(line * np.resize(WEEK[:6] / WEEK[:6].mean() * WEEK[:6].mean(), 12), rel=0.06)


def test_the_ensemble_is_the_mean_of_its_two_and_looks_at_nothing_that_comes_later() -> None:
    drawn = _drawn("trend", DAYS, 1)
    early = predictions(_series(drawn), 200, 14)
    assert early[ENSEMBLE] == pytest.approx((early["theta"] + early["ridge"]) / 2)
    assert early[NAIVE] == pytest.approx(np.resize(drawn[193:200], 14))
    changed = drawn.copy()
    changed[200:] = 1e6
    for model, values in predictions(_series(changed), 200, 14).items():
        assert values == pytest.approx(early[model]), model


def test_a_series_that_only_the_naive_knows_is_left_to_the_naive() -> None:
    """Each weekday its own level, the levels of a kind that neither a line nor a smooth season can follow."""
    repeats = np.resize(np.array([90.0, 0, 0, 5, 0, 0, 400]), DAYS)
    assert backtest(_series(repeats)).mase(NAIVE) == 0
    assert _forecast(repeats).model == NAIVE


def test_less_than_two_seasons_are_refused_with_what_is_missing() -> None:
    short = forecast(_series(np.ones(NEEDED["day"] - 1)))
    assert isinstance(short, NoForecast)
    assert (short.code, "come back in 1 days" in short.reason) == ("too_short", True)
    weeks = forecast(Series("revenue_cents", "", "week", START, np.ones(103)))
    assert isinstance(weeks, NoForecast)
    assert "104 are needed: two seasons of 52" in weeks.reason
    nothing = forecast(_series(np.zeros(200)))
    assert isinstance(nothing, NoForecast)
    assert nothing.code == "all_zero"


def test_the_shortest_series_that_is_forecast_has_bands_of_finite_width() -> None:
    found = _forecast(_drawn("week", NEEDED["day"], 3))
    assert len(found.points) == HORIZON_DAYS
    for point in found.points:
        assert 0 <= point.low_95 <= point.low_80 <= point.expected <= point.high_80 <= point.high_95 < 1_000
    assert found.points[0].at == START + timedelta(days=NEEDED["day"])


def test_two_years_of_weeks_are_forecast_with_their_season() -> None:
    time = np.arange(150)
    truth = 400 * (1 + 0.4 * np.sin(2 * np.pi * time / 52))
    drawn = np.random.default_rng(2).normal(truth, 20)
    found = forecast(Series("intake", "", "week", START, drawn[:142]))
    assert isinstance(found, Forecast)
    assert found.record.mase < found.record.naive_mase
    assert [point.expected for point in found.points] == pytest.approx(list(truth[142:]), rel=0.12)


def test_holidays_to_come_are_forecast_as_those_that_were() -> None:
    drawn = _drawn("week", DAYS, 4)
    past = [START + timedelta(days=number) for number in (45, 101, 150, 190, 206)]
    coming = START + timedelta(days=DAYS + 5)  # a Friday
    assert coming.weekday() == 4
    for day in past:
        drawn[(day - START).days] = 0.0
    with_them = {point.at: point for point in _forecast(drawn, frozenset([*past, coming])).points}
    without = {point.at: point for point in _forecast(drawn).points}
    assert without[coming].expected > 20
    assert with_them[coming].expected < 6
    next_day = coming + timedelta(days=1)
    assert with_them[next_day].expected == pytest.approx(without[next_day].expected, rel=0.15)


def test_odd_days_are_flagged_with_what_was_expected_and_ordinary_ones_are_not() -> None:
    drawn = _drawn("week", DAYS, 6)
    assert len(_forecast(drawn).anomalies) <= 2
    drawn[280], drawn[270] = 75.0, 0.0  # a Monday's tickets are some 24, a Friday's 26
    flagged = {one.at: one for one in _forecast(drawn).anomalies}
    for number, value in ((280, 75.0), (270, 0.0)):
        one = flagged[START + timedelta(days=number)]
        assert one.value == value
        assert one.low < one.expected < one.high
        assert not one.low <= one.value <= one.high
    assert len(flagged) <= 4


def test_a_closed_weekday_has_an_index_of_zero_and_leaves_no_hole() -> None:
    values = 10 * np.resize(WEEK, 140)
    indices = seasonal_indices(values, 7)
    assert indices == pytest.approx(WEEK)
    assert deseasonalised(values, indices) == pytest.approx(np.full(140, 10.0))


def test_weeks_begin_on_monday_and_missing_days_are_zeros() -> None:
    first = date(2024, 1, 3)  # a Wednesday
    by_day = filled({first: 5.0, date(2024, 1, 8): 1.0, date(2024, 1, 14): 2.0}, first, date(2024, 1, 17))
    monday, sums = weekly(first, by_day)
    assert (len(by_day), monday, list(sums)) == (15, date(2024, 1, 8), [3.0])
