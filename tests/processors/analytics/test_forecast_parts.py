"""The demand of parts: bounds of rare counts, judged by quantile loss, and the rates behind them."""

import csv
import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from processors.analytics.forecast import counts
from processors.analytics.forecast.counts import Demand, Rates, compare_methods
from processors.analytics.forecast.parts import demand_of, forecast_parts
from processors.analytics.forecast.predict import Forecast, NoForecast
from processors.analytics.forecast.series import HORIZON, Values

START = date(2024, 1, 1)
CARPARTS = Path(os.environ.get("NOIZYLAB_SAMPLES") or "/nonexistent") / "demand" / "carparts.csv"


def _weeks(pieces: Values) -> Demand:
    keys = tuple(f"part-{number}" for number in range(len(pieces)))
    return Demand(keys, "week", pieces, np.ones(pieces.shape[1] + HORIZON["week"]))


def _shelf(parts: int, weeks: int, seed: int) -> tuple[Values, Values]:
    """Return rates of parts, drawn from a Gamma distribution, and pieces drawn from these."""
    random = np.random.default_rng(seed)
    rates = random.gamma(0.8, 1.0, parts)
    return rates, random.poisson(rates[:, None], (parts, weeks)).astype(np.float64)


def test_the_quantiles_of_a_poisson_and_of_a_gamma_poisson_are_those_of_draws() -> None:
    random = np.random.default_rng(1)
    rates = Rates(np.array([2.5, 3.0]), np.array([np.inf, 1.5]))
    poisson = random.poisson(2.5 * 2, 200_000)
    mixed = random.poisson(random.gamma(3.0, 1 / 1.5, 200_000) * 2)
    expected = np.stack([np.quantile(draws, counts.QUANTILES, method="inverted_cdf") for draws in (poisson, mixed)])
    assert np.abs(rates.quantiles(2.0) - expected.T).max() <= 1
    assert rates.mean(2.0) == pytest.approx([5.0, 4.0])


def test_no_exposure_means_no_demand() -> None:
    assert not Rates(np.array([2.5, 3.0]), np.array([np.inf, 1.5])).quantiles(0.0).any()


def test_shrinking_brings_the_rates_nearer_to_the_truth_than_the_parts_own_means() -> None:
    rates, pieces = _shelf(300, 8, 2)
    shrunk = counts.gamma_poisson(pieces, np.ones(8), 1.0).mean(1.0)
    own = pieces.mean(axis=1)
    assert np.square(shrunk - rates).mean() < 0.95 * np.square(own - rates).mean()


def test_bands_of_counts_hold_at_least_what_they_say_and_not_everything() -> None:
    _, pieces = _shelf(300, 60, 3)
    best = compare_methods(_weeks(pieces))[0]
    assert best.method == "gamma_poisson"  # that is how they were drawn
    assert 0.8 <= best.coverage_80 <= 0.97
    assert 0.95 <= best.coverage_95 <= 0.995


def test_demand_that_has_ended_is_followed_by_the_methods_that_forget() -> None:
    pieces = np.zeros((40, 60))
    pieces[:, :40] = np.random.default_rng(4).poisson(2.0, (40, 40))
    stays = counts.gamma_poisson(pieces, np.ones(60), 1.0).mean(1.0)
    for fades in (counts.tsb_poisson(pieces, np.ones(60), 0.15), counts.ses_poisson(pieces, np.ones(60), 0.2)):
        assert fades.mean(1.0).max() < 0.2 < 1.0 < stays.min()


def test_every_part_gets_its_weeks_and_its_record() -> None:
    rates, pieces = _shelf(30, 52, 5)
    found = forecast_parts(_weeks(pieces), START)
    assert [one.key for one in found] == [f"part-{number}" for number in range(30)]
    for one, rate in zip(found, rates, strict=True):
        assert isinstance(one, Forecast)
        assert len(one.points) == HORIZON["week"]
        assert one.points[0].at == date(2024, 12, 30)
        assert one.points[0].expected == pytest.approx(rate, abs=4 * np.sqrt(max(rate, 0.05) / 10))
        assert one.points[0].low_95 <= one.points[0].low_80 <= one.points[0].high_80 <= one.points[0].high_95
        assert one.record.pinball is not None


def test_by_day_a_closed_weekday_gets_nothing_and_a_holiday_neither() -> None:
    random = np.random.default_rng(6)
    week = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 0.0])
    pieces = {f"p{n}": random.poisson(np.resize(week, 84)).astype(np.float64) for n in range(20)}
    holiday = date(2024, 3, 28)
    demand = demand_of(pieces, "day", START, frozenset([holiday]))
    found = forecast_parts(demand, START)[0]
    assert isinstance(found, Forecast)
    by_day = {point.at: point for point in found.points}
    assert by_day[date(2024, 3, 31)].high_95 == by_day[holiday].high_95 == 0
    assert by_day[date(2024, 3, 30)].expected == pytest.approx(2 * by_day[date(2024, 3, 29)].expected, rel=0.2)


def test_too_few_weeks_are_refused() -> None:
    [found] = forecast_parts(_weeks(np.ones((1, 25))), START)
    assert isinstance(found, NoForecast)
    assert "25 weeks of demand are known and 26 are needed" in found.reason


@pytest.mark.skipif(not CARPARTS.exists(), reason="NOIZYLAB_SAMPLES is not set, or holds no demand/")
def test_on_real_parts_the_chosen_method_beats_forgetting_nothing() -> None:
    with CARPARTS.open() as file:
        rows = [row[1:] for row in csv.reader(file)][1:]
    pieces = np.array([[float(value) for value in row] for row in rows if "" not in row])
    best, *_, worst = compare_methods(_weeks(pieces))
    assert best.method in ("ses_poisson", "tsb_poisson")
    assert best.pinball < 0.9 * worst.pinball
    assert best.coverage_80 >= 0.8
    assert best.coverage_95 >= 0.94
