"""From readings to suspects: the ranking, what it cannot tell apart, and what it wants to know next."""

import json
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.schematics.faults.diagnose import Diagnoser
from processors.schematics.faults.readings import Measured, Spot
from processors.schematics.faults.suspects import Diagnosis
from processors.schematics.faults.symptoms import SYMPTOMS, Complaint
from processors.schematics.index import Index
from processors.schematics.model import Design
from tests.processors.schematics.faults.board import board, diagnoser, place

GOOD = [
    Measured(Spot("volt", "+5V"), 5.02), Measured(Spot("volt", "+3V3"), 3.31), Measured(Spot("volt", "VDDA"), 1.79),
    Measured(Spot("volt", "SDA"), 3.28), Measured(Spot("volt", "SCL"), 3.3),
]  # fmt: skip


def first(*readings: Measured, complaint: Complaint | None = None) -> Diagnosis:
    return diagnoser().diagnose(readings, complaint or Complaint())


def test_a_rail_of_half_an_ohm_is_shorted_and_no_reading_says_by_which_part() -> None:
    top = first(Measured(Spot("ohm", "+3V3"), 0.5)).suspects[0]
    assert (top.kind, top.net, top.separable) == ("short", "+3V3", False)
    assert {"C2", "C3"} <= set(top.parts)
    assert top.probability > 0.9
    assert "not separable by these readings" in top.note
    assert "look for heat" in top.note
    assert any("+3V3 to ground is 0.5 ohm" in one and "speaks for it" in one for one in top.evidence)


def test_a_short_behind_a_bead_is_told_with_the_bead_to_lift() -> None:
    top = first(Measured(Spot("ohm", "VDDA"), 0.6), Measured(Spot("ohm", "+1V8"), 0.8)).suspects[0]
    assert top.kind == "short"
    assert "lift FB1" in top.note


def test_an_open_fuse_is_one_part_and_separable() -> None:
    top = first(
        Measured(Spot("ohm", "+5V", "VIN"), inf), Measured(Spot("volt", "VIN"), 0.02),
    ).suspects[0]  # fmt: skip
    assert (top.kind, top.parts, top.separable, top.note) == ("open", ("F1",), True, "")


def test_input_without_output_and_without_a_short_is_the_regulator() -> None:
    top = first(
        Measured(Spot("volt", "VIN"), 4.95), Measured(Spot("volt", "+3V3"), 0.05), Measured(Spot("ohm", "+3V3"), 900.0),
    ).suspects[0]  # fmt: skip
    assert (top.kind, top.net, top.parts) == ("dead_regulator", "+3V3", ("U1",))


def test_a_low_enable_is_told_from_a_dead_regulator() -> None:
    rail = [Measured(Spot("volt", "+1V8"), 0.02), Measured(Spot("volt", "+3V3"), 3.3)]
    assert first(*rail, Measured(Spot("volt", "EN_1V8"), 0.05)).suspects[0].kind == "no_enable"
    assert first(*rail, Measured(Spot("volt", "EN_1V8"), 3.25)).suspects[0].kind == "dead_regulator"


def test_a_line_without_its_pull_up_is_found_across_it() -> None:
    top = first(Measured(Spot("ohm", "SDA", "+3V3"), 410_000.0), Measured(Spot("volt", "+3V3"), 3.3)).suspects[0]
    assert (top.kind, top.net) == ("no_pull_up", "SDA")


def test_a_board_that_measures_well_has_no_fault_of_the_supply() -> None:
    found = first(*GOOD)
    assert found.suspects[0].kind == "none"
    assert "look at signals" in found.suspects[0].note


def test_a_complaint_alone_moves_the_ranking_towards_what_its_chip_hangs_on() -> None:
    rows = diagnoser().hypotheses

    def chance(complaint: Complaint) -> float:
        weights = diagnoser().weights((), complaint)
        return float(sum(weights[at] for at, one in enumerate(rows) if one.net in {"+1V8", "VDDA"}))

    assert chance(Complaint(fails=("U4",), works=("U3",))) > 1.3 * chance(Complaint())
    assert chance(Complaint(works=("U4",))) < chance(Complaint())


def test_what_draws_too_much_is_a_short_rather_than_an_open_part() -> None:
    weights = diagnoser().weights((), Complaint("draws_too_much"))
    plain = diagnoser().weights()
    assert weights[place("short:VIN")] / plain[place("short:VIN")] > weights[place("open:F1")] / plain[place("open:F1")]


def test_the_next_measurement_is_one_that_was_not_made_and_tells_something() -> None:
    taken: list[Measured] = []
    for _ in range(5):
        step = first(*taken).measure
        assert step is not None
        assert step.bits > 0
        spot = Spot(step.quantity, step.net, step.other)  # type: ignore[arg-type]  # one of the four
        assert spot not in [one.spot for one in taken]
        taken.append(Measured(spot, {"ohm": 900.0, "diode": 0.5, "amp": 0.05}.get(step.quantity, 1.0)))


def test_nothing_more_is_measured_when_it_is_sure() -> None:
    found = first(
        Measured(Spot("ohm", "+3V3"), 0.5), Measured(Spot("volt", "VIN"), 4.9), Measured(Spot("volt", "+3V3"), 0.3)
    )
    assert found.suspects[0].probability > 0.98
    assert found.measure is None


def test_before_a_board_that_may_be_shorted_is_switched_on_its_hazard_is_told() -> None:
    spot = Spot("volt", "+3V3")
    unknown = diagnoser().belief((), Complaint("dead"))
    good = diagnoser().belief([*GOOD, Measured(Spot("ohm", "+1V8"), 850.0)])
    assert "current limit" in diagnoser().described(spot, unknown).hazard
    assert diagnoser().described(spot, good).hazard == ""
    assert "let capacitors discharge" in diagnoser().described(Spot("ohm", "+3V3"), good).hazard


def test_a_reading_where_the_diagnosis_knows_nothing_is_told_and_changes_nothing() -> None:
    found = first(Measured(Spot("volt", "IO7"), 1.0))
    assert found.unused == ("voltage IO7 to ground",)
    assert [one.probability for one in found.suspects] == [one.probability for one in first().suspects]


def test_a_reading_between_two_nets_counts_in_either_order() -> None:
    one = first(Measured(Spot("ohm", "+5V", "VIN"), 80_000.0))
    other = first(Measured(Spot("ohm", "VIN", "+5V"), 80_000.0))
    assert one == other
    assert one.suspects[0].parts == ("F1",)
    assert first(Measured(Spot("diode", "+5V", "VIN"), 0.4)).unused == ("diode reading from +5V to VIN",)


def test_a_second_good_rail_says_less_than_the_first_against_a_fault_that_may_not_show() -> None:
    """A short of many ohms leaves its rail up, and what hangs on that: then good readings come together."""
    one, two = Measured(Spot("volt", "+1V8"), 1.8), Measured(Spot("volt", "VDDA"), 1.8)

    def odds(*readings: Measured) -> float:
        weights = diagnoser().weights(readings)
        return float(weights[place("short:+1V8")] / weights[place("none:")])

    assert odds(one) < 0.7 * odds()
    assert odds(two) < 0.7 * odds()
    assert odds(one, two) / odds() > 1.5 * odds(one) / odds() * odds(two) / odds()


def test_the_same_spot_measured_twice_counts_once() -> None:
    once, twice = (first(*[Measured(Spot("ohm", "+3V3"), 60.0)] * times).suspects for times in (1, 2))
    assert [one.probability for one in once] == [one.probability for one in twice]


def test_the_same_readings_give_the_same_diagnosis() -> None:
    assert Diagnoser(board()).diagnose(GOOD) == first(*GOOD)


def test_a_diagnosis_is_plain_json() -> None:
    found = json.loads(json.dumps(first(Measured(Spot("ohm", "+3V3"), 0.5)).as_json()))
    assert found["suspects"][0]["kind"] == "short"
    assert set(found["suspects"][0]) == {"kind", "net", "parts", "probability", "evidence", "separable", "note"}


def test_no_fault_shares_its_class_with_no_fault_at_all() -> None:
    none = place("none:")
    assert diagnoser().classes[diagnoser().class_of[none]] == (none,)


def test_a_design_without_supply_has_one_suspect_and_nothing_to_measure() -> None:
    found = Diagnoser(Index(Design("x", "test"))).diagnose()
    assert [one.kind for one in found.suspects] == ["none"]
    assert found.measure is None


values = st.one_of(st.floats(min_value=0, max_value=1e9), st.just(inf))
readings = st.lists(
    st.builds(
        lambda at, value: Measured(diagnoser().spots[at % len(diagnoser().spots)], value), st.integers(0), values
    ),
    max_size=8,
)
complaints = st.builds(
    Complaint, st.one_of(st.none(), st.sampled_from(SYMPTOMS)), st.lists(st.sampled_from(["U3", "U4", "X"])).map(tuple)
)


@settings(max_examples=60, deadline=None)
@given(some=readings, complaint=complaints)
def test_probabilities_sum_to_one_and_no_fault_ever_becomes_impossible(
    some: list[Measured], complaint: Complaint
) -> None:
    weights = diagnoser().weights(some, complaint)
    assert float(weights.sum()) == pytest.approx(1.0)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    assert float(diagnoser().posterior(weights).sum()) == pytest.approx(1.0)


@settings(max_examples=30, deadline=None)
@given(some=readings, data=st.data())
def test_the_order_of_readings_does_not_matter(some: list[Measured], data: st.DataObject) -> None:
    unique = list({one.spot: one for one in some}.values())
    shuffled = data.draw(st.permutations(unique))
    assert diagnoser().weights(unique) == pytest.approx(diagnoser().weights(shuffled), rel=1e-6)
