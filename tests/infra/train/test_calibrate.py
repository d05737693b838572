import numpy as np
import pytest

from infra.train.calibrate import expected_error, top_calibration
from processors.brain.calibration import AS_IT_IS, TopCalibration

RANDOM = np.random.default_rng(7)


def test_a_ranking_that_is_too_sure_is_set_right() -> None:
    top = RANDOM.uniform(0.3, 0.99, 20_000).astype(np.float32)
    right = RANDOM.random(20_000) < 0.7 * top
    shares = np.stack([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    curve = top_calibration(shares, right)
    said = np.array([curve.chance(float(one)) for one in top[:4000]])
    assert expected_error(top[:4000], right[:4000]) > 0.15
    assert expected_error(said, right[:4000]) < 0.03


def test_shares_stay_a_distribution_and_the_first_stays_first() -> None:
    shares = np.array([0.41, 0.40, 0.19])
    for curve in (AS_IT_IS, TopCalibration(-3.0, 0.2, 0.0), TopCalibration(3.0, 2.0, 0.1)):
        after = curve.applied(shares)
        assert after.sum() == pytest.approx(1)
        assert after.argmax() == 0
    assert AS_IT_IS.applied(shares) == pytest.approx(shares)


def test_a_certain_ranking_is_left_alone() -> None:
    certain = np.array([1.0, 0.0])
    assert TopCalibration(-1.0, 0.5, 0.0).applied(certain) is certain


def test_cooling_divides_the_log_odds() -> None:
    curve = TopCalibration(0.2, 0.9, -0.03)
    odds = [np.log(one / (1 - one)) for one in (curve.cooled(2.0).chance(0.8), curve.chance(0.8))]
    assert odds[0] == pytest.approx(odds[1] / 2)


def test_the_error_is_the_weighed_gap_of_the_bins() -> None:
    said, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, False, False, False])
    assert expected_error(said, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)
