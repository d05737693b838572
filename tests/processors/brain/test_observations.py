import math
from typing import Any

import pytest

from processors.brain.assess import ON_THE_BOARD
from processors.brain.diagnostician import Diagnostician
from processors.brain.measurements import TESTS
from processors.brain.observations import history_weights, is_normal, reading_weights, suspect_weights
from schemas.diagnoses import DiagnoseFault, EarlierRepair, Measurement, Reading
from schemas.suspects import BoardSuspect
from tests.processors.brain.cases import finding, question

BATTERY = "Battery voltage at rest and under load"
VAGUE = question("it switches off after a while")


def share(engine: Diagnostician, family: str, **evidence: Any) -> float:
    asked = DiagnoseFault.model_validate(VAGUE.model_dump() | evidence)
    return next(one.probability for one in engine._ranked(asked).faults if one.family == family)


def test_a_reading_speaks_by_the_table_that_it_was_chosen_by() -> None:
    test = next(one for one in TESTS if one.what == BATTERY)
    (bad,) = reading_weights([Reading(what=BATTERY, normal=False)])
    (good,) = reading_weights([Reading(what=BATTERY.upper(), normal=True)])
    assert bad.nats["battery"] == pytest.approx(math.log(test.shows["battery"] / 0.05))
    assert good.nats["battery"] == pytest.approx(math.log((1 - test.shows["battery"]) / 0.95))
    assert "not as it should be" in bad.text


def test_limits_judge_a_value_and_a_technician_overrules_them() -> None:
    rail = Reading(what="PP3V3", measured=0.1, unit="V", low=3.2, high=3.4)
    assert is_normal(rail) is False
    assert is_normal(rail.model_copy(update={"measured": 3.3})) is True
    assert is_normal(rail.model_copy(update={"normal": True})) is True
    assert is_normal(Reading(what="PP3V3", measured=3.3, unit="V")) is None
    assert reading_weights([rail])[0].nats["power"] > 2
    assert reading_weights([rail.model_copy(update={"low": None, "high": None})]) == ()
    assert reading_weights([rail.model_copy(update={"unit": "furlong"})]) == ()


def test_the_newest_of_two_readings_of_one_test_counts() -> None:
    (one,) = reading_weights([Reading(what=BATTERY, normal=False), Reading(what=BATTERY, normal=True)])
    assert one.nats["battery"] < 0


def test_a_bad_battery_voltage_raises_the_battery_and_a_good_one_lowers_it(shipped: Diagnostician) -> None:
    before = share(shipped, "battery")
    assert share(shipped, "battery", readings=[{"what": BATTERY, "normal": False}]) > 2 * before
    assert VAGUE.device.category == "laptop"


def test_a_test_that_was_done_is_not_asked_for_again(shipped: Diagnostician) -> None:
    first = shipped.offline(VAGUE).next_measurement
    assert first is not None
    assert first.expected_bits is not None
    done = VAGUE.model_copy(update={"readings": (Reading(what=first.what, normal=True),)})
    second = shipped.offline(done).next_measurement
    assert second is not None
    assert second.what != first.what


def test_a_suspect_counts_by_its_probability_and_the_likeliest_of_a_kind_alone() -> None:
    high = BoardSuspect(kind="short", net="PP3V3", parts=("C1", "C2", "C3", "C4"), probability=0.6, separable=False)
    low = high.model_copy(update={"probability": 0.2})
    (only,) = suspect_weights([low, high])
    assert only.nats["system_board"] == pytest.approx(0.6 * 2.8)
    assert only.text == (
        "Schematic: short on PP3V3 in C1, C2, C3 and 1 more (60 %); which of them is not separable by these readings"
    )
    assert suspect_weights([BoardSuspect(kind="cold_joint", probability=1)])[0].nats["system_board"] == 1.5


def test_suspects_raise_the_system_board(shipped: Diagnostician) -> None:
    suspects = [{"kind": "short", "net": "PP3V3", "parts": ["C1"], "probability": 0.9}]
    assert share(shipped, "system_board", suspects=suspects) > 2 * share(shipped, "system_board")


def test_what_failed_before_fails_again_the_sooner_the_likelier() -> None:
    def nats(days: int, outcome: str = "fixed") -> float:
        repair = EarlierRepair.model_validate({"fault_family": "screen", "outcome": outcome, "days_ago": days})
        return history_weights([repair])[0].nats["screen"]

    assert nats(0) == 1.5
    assert nats(180) == pytest.approx(0.75)
    assert nats(900, "unrepairable") == 1.5
    assert history_weights([EarlierRepair(fault_family="no_such_family", days_ago=1)]) == ()


def test_the_evidence_of_every_claim_is_told(shipped: Diagnostician) -> None:
    asked = VAGUE.model_copy(
        update={
            "readings": (Reading(what=BATTERY, measured=6.9, unit="V", normal=False),),
            "earlier": (EarlierRepair(fault_family="battery", outcome="fixed", days_ago=20),),
        }
    )
    battery = next(one for one in shipped.offline(asked).faults if one.family == "battery")
    told = {one.source: one.text for one in battery.evidence}
    assert told["measurement"] == f"{BATTERY}: 6.9 V, not as it should be"
    assert told["history"] == "Battery worn out or defective was repaired 20 days ago"


def test_a_language_that_is_not_read_gives_a_degraded_answer_from_what_was_seen(shipped: Diagnostician) -> None:
    answer = shipped.offline(question("画面が割れました", "laptop", finding("corrosion"), finding("residue")))
    assert answer.abstained is None
    assert answer.degraded
    assert "(ja) that is not read here" in answer.summary
    silent = shipped.offline(question("画面が割れました", "laptop"))
    assert silent.abstained is not None
    assert silent.degraded


ASKED = Measurement(what="resistance +3V3 to ground", where="+3V3", expected="1 kilohm", why="Tells most.", minutes=2)
SHORT = BoardSuspect(kind="short", net="+3V3", parts=("C1",), probability=0.95)


def test_what_the_board_asks_for_is_next_where_the_fault_is_likely_on_the_board(shipped: Diagnostician) -> None:
    on_it = question("dead, no sign of life").model_copy(
        update={"board_measurement": ASKED, "suspects": (SHORT,)}
    )  # fmt: skip
    off_it = question("the screen is cracked").model_copy(update={"board_measurement": ASKED})
    answer = shipped.offline(on_it)
    assert answer.faults[0].family in ON_THE_BOARD
    assert answer.next_measurement == ASKED
    assert answer.raise_confidence == "resistance +3V3 to ground (2 min): tells most."
    elsewhere = shipped.offline(off_it)
    assert elsewhere.faults[0].family not in ON_THE_BOARD
    assert elsewhere.next_measurement != ASKED


def test_nothing_is_measured_on_a_board_that_must_stay_off(shipped: Diagnostician) -> None:
    wet = question("coffee spilled over it, dead since").model_copy(
        update={"board_measurement": ASKED, "suspects": (SHORT,)}
    )  # fmt: skip
    assert shipped.offline(wet).next_measurement != ASKED


def test_a_supply_without_a_fault_speaks_against_the_board_and_a_missing_source_for_the_port() -> None:
    (none,) = suspect_weights([BoardSuspect(kind="none", probability=0.9)])
    assert none.nats["system_board"] < -1
    assert none.text == "Schematic: no fault of the supply (90 %)"
    (source,) = suspect_weights([BoardSuspect(kind="no_source", net="VIN", probability=1)])
    assert source.nats["charging_port"] > 0
    assert "system_board" not in source.nats
