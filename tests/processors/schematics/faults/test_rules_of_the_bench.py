"""What every bench knows, asked of the model that diagnoses and of the boards that it is scored on."""

from collections.abc import Callable

import numpy as np
import pytest

from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.readings import Spot
from processors.schematics.faults.simulated import SimulatedBoard
from tests.processors.schematics.circuit import circuit, part, two
from tests.processors.schematics.faults.board import board, diagnoser, named, place

Reading = Callable[[str, Spot], float]


def middle(fault: str, spot: Spot) -> float:
    """Return the median that the model predicts."""
    table = diagnoser().predicted.readings(spot)
    assert table is not None
    return float(np.median(table[place(fault)]))


def measured(fault: str, spot: Spot, boards: int = 15) -> float:
    """Return the median over simulated boards."""
    made = (SimulatedBoard(board(), diagnoser().supply, named(fault), np.random.default_rng([seed, 3]))
            for seed in range(boards))  # fmt: skip
    return float(np.median([one.measure(spot).value for one in made]))


@pytest.fixture(params=[middle, measured], ids=["model", "simulated"])
def reading(request: pytest.FixtureRequest) -> Reading:
    found: Reading = request.param
    return found


def test_a_good_board_has_its_voltages_and_no_short(reading: Reading) -> None:
    for net, volts in {"+5V": 5.0, "VIN": 5.0, "+3V3": 3.3, "+1V8": 1.8, "VDDA": 1.8}.items():
        assert reading("none:", Spot("volt", net)) == pytest.approx(volts, rel=0.06)
        assert reading("none:", Spot("ohm", net)) > 100


def test_a_shorted_capacitor_pulls_its_rail_and_not_its_neighbour(reading: Reading) -> None:
    assert reading("short:+1V8", Spot("ohm", "+1V8")) < 10
    assert reading("short:+1V8", Spot("ohm", "+3V3")) > 100
    assert reading("short:+1V8", Spot("volt", "+1V8")) < 1.5
    assert reading("short:+1V8", Spot("volt", "+3V3")) == pytest.approx(3.3, rel=0.06)


def test_a_short_shows_through_a_bead_and_not_through_a_regulator(reading: Reading) -> None:
    assert reading("short:VDDA", Spot("ohm", "+1V8")) < 10
    assert reading("short:VDDA", Spot("ohm", "VIN")) > 100


def test_an_open_fuse_leaves_the_socket_and_takes_all_behind_it(reading: Reading) -> None:
    assert reading("open:F1", Spot("volt", "+5V")) == pytest.approx(5.0, rel=0.06)
    assert abs(reading("open:F1", Spot("volt", "VIN"))) < 1.5
    assert abs(reading("open:F1", Spot("volt", "+3V3"))) < 1.5
    assert reading("open:F1", Spot("ohm", "+5V", "VIN")) > 100
    assert reading("none:", Spot("ohm", "+5V", "VIN")) < 2


def test_a_dead_regulator_has_input_and_no_output_and_no_short(reading: Reading) -> None:
    assert reading("dead_regulator:U1:+3V3", Spot("volt", "VIN")) == pytest.approx(5.0, rel=0.06)
    assert abs(reading("dead_regulator:U1:+3V3", Spot("volt", "+3V3"))) < 1.5
    assert reading("dead_regulator:U1:+3V3", Spot("ohm", "+3V3")) > 100


def test_a_regulator_that_a_dead_controller_enables_stays_off(reading: Reading) -> None:
    assert abs(reading("dead_regulator:U1:+3V3", Spot("volt", "+1V8"))) < 0.9


def test_an_enable_that_is_not_driven_is_low_and_its_rail_with_it(reading: Reading) -> None:
    assert reading("none:", Spot("volt", "EN_1V8")) > 2.5
    assert reading("no_enable:EN_1V8", Spot("volt", "EN_1V8")) < 1.6
    assert abs(reading("no_enable:EN_1V8", Spot("volt", "+1V8"))) < 0.9
    assert reading("no_enable:EN_1V8", Spot("volt", "+3V3")) == pytest.approx(3.3, rel=0.06)


def test_a_missing_pull_up_is_seen_across_it_and_takes_no_rail(reading: Reading) -> None:
    assert reading("none:", Spot("ohm", "SDA", "+3V3")) == pytest.approx(4700, rel=0.15)
    assert reading("no_pull_up:SDA", Spot("ohm", "SDA", "+3V3")) > 12_000
    assert reading("no_pull_up:SDA", Spot("volt", "SCL")) > 1.8
    assert reading("no_pull_up:SDA", Spot("volt", "+3V3")) == pytest.approx(3.3, rel=0.06)


def test_a_short_draws_more_than_a_good_board_and_an_open_fuse_less(reading: Reading) -> None:
    good = reading("none:", Spot("amp", "+5V"))
    assert reading("short:VIN", Spot("amp", "+5V")) > 3 * good
    assert reading("open:F1", Spot("amp", "+5V")) < good / 2


def test_the_diode_reading_of_a_short_is_nothing_and_of_a_chip_a_junction(reading: Reading) -> None:
    assert reading("short:+3V3", Spot("diode", "+3V3")) < 0.02
    assert 0.2 < reading("none:", Spot("diode", "+3V3")) < 0.9


def test_simulated_boards_are_the_same_for_the_same_seed_and_differ_by_it() -> None:
    def volts(seed: int) -> list[float]:
        return list(SimulatedBoard(board(), diagnoser().supply, named("none:"), np.random.default_rng(seed)).volts)

    assert volts(1) == volts(1)
    assert volts(1) != volts(2)


def test_customers_name_what_is_down_more_often_than_not() -> None:
    said = [
        SimulatedBoard(board(), diagnoser().supply, named("short:+1V8"), np.random.default_rng([seed, 8])).complaint()
        for seed in range(40)
    ]
    fails = [ref for one in said for ref in one.fails]
    works = [ref for one in said for ref in one.works]
    # U4 lives on +1V8 and U2 makes it; U1 and U3 do not depend on it.
    assert sum(ref in {"U2", "U4"} for ref in fails) > 0.7 * len(fails) > 10
    assert sum(ref in {"U1", "U3"} for ref in works) > 0.7 * len(works) > 5


def test_a_series_diode_shows_its_forward_voltage_and_an_open_one_over_limit() -> None:
    index = circuit(
        part("J1", {"1": "VUSB", "2": "GND"}), two("C2", "VUSB", "GND", "10u"), two("C1", "+5V", "GND", "10u"),
        part("D1", {"1": ("+5V", "K", "passive"), "2": ("VUSB", "A", "passive")}), supplies=["+5V", "VUSB"],
    )  # fmt: skip
    one = Diagnoser(index)
    spot = Spot("diode", "VUSB", "+5V")
    assert spot in one.spots
    table = one.predicted.readings(spot)
    assert table is not None
    rows = [fault.name for fault in one.hypotheses]
    assert 0.1 < np.median(table[0]) < 0.8
    assert np.median(table[rows.index("open:D1")]) > 2.0
    for name, low, high in (("none:", 0.1, 0.8), ("open:D1", 2.0, np.inf)):
        fault = one.hypotheses[rows.index(name)]
        made = [SimulatedBoard(index, one.supply, fault, np.random.default_rng(seed)) for seed in range(9)]
        assert low < np.median([board.measure(spot).value for board in made]) <= high
