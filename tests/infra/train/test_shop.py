import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.train.shop import shop_temperature
from processors.brain.calibration import TopCalibration
from processors.brain.diagnostician import engine_name
from processors.brain.faultmodel import FaultModel
from processors.brain.reliability import LEAST_OUTCOMES, Outcome, reliability, temperature_of

SHIPPED = Path(__file__).parents[3] / "processors" / "brain" / "model" / "faults.npz"


def _outcomes(count: int, drift: float, seed: int) -> list[Outcome]:
    """Outcomes of a brain whose log-odds are ``drift`` times too large."""
    source, found = random.Random(seed), []
    for _ in range(count):
        said = source.betavariate(4, 1.3)
        odds = (max(1e-6, said) / max(1e-6, 1 - said)) ** (1 / drift)
        found.append(Outcome("e", "screen", "screen" if source.random() < odds / (1 + odds) else "battery", said))
    return found


def _judged(outcomes: list[Outcome], temperature: float) -> tuple[float, float]:
    """Return ECE and Brier score after cooling."""
    curve = TopCalibration().cooled(temperature)
    found = reliability([(curve.chance(one.confidence), one.right) for one in outcomes])
    return found.ece, found.brier


@pytest.mark.parametrize("drift", [0.6, 1.5, 2.5])
def test_a_brain_that_drifted_is_believed_again_on_outcomes_to_come(drift: float) -> None:
    fitted = temperature_of(_outcomes(800, drift, 1))
    assert fitted is not None
    fresh = _outcomes(20_000, drift, 2)
    (ece, brier), (ece_before, brier_before) = _judged(fresh, fitted), _judged(fresh, 1.0)
    assert brier < brier_before
    assert ece < ece_before / 2


def test_fitting_to_few_outcomes_does_no_harm_to_a_brain_that_was_right() -> None:
    fresh = _outcomes(20_000, 1.0, 99)
    ece_before, brier_before = _judged(fresh, 1.0)
    temperatures = [temperature_of(_outcomes(LEAST_OUTCOMES, 1.0, seed)) for seed in range(20)]
    assert sum(one == 1.0 for one in temperatures) >= 15
    for temperature in temperatures:
        assert temperature is not None
        ece, brier = _judged(fresh, temperature)
        assert brier < brier_before + 0.002
        assert ece < ece_before + 0.04


def test_the_next_model_is_cooled_on_top_of_what_the_last_one_was_cooled_by(tmp_path: Path) -> None:
    with np.load(SHIPPED, allow_pickle=False) as arrays:
        model = FaultModel.from_arrays({name: arrays[name] for name in arrays.files})
    stored = tmp_path / "faults.npz"
    np.savez_compressed(stored, allow_pickle=False, **replace(model, cooled_by=1.0).cooled(1.5).to_arrays())
    name = engine_name(stored.read_bytes())
    assert shop_temperature({"temperatures": {name: 1.2}, "least_outcomes": 200}, stored) == pytest.approx(1.8)


def test_outcomes_of_another_model_or_too_few_of_them_are_refused(tmp_path: Path) -> None:
    name = engine_name(SHIPPED.read_bytes())
    for temperatures in ({"offline/other": 1.2}, {name: None}):
        with pytest.raises(ValueError, match="200 outcomes of it are needed"):
            shop_temperature({"temperatures": temperatures, "least_outcomes": 200}, SHIPPED)
    with pytest.raises(ValueError, match="no such model"):
        shop_temperature({"temperatures": {name: 1.2}, "least_outcomes": 200}, tmp_path / "faults.npz")
