from datetime import UTC, datetime

import pytest

from processors.brain.decide import decide
from processors.brain.diagnostician import Diagnostician
from processors.brain.measurements import TESTS
from processors.brain.state import evolve
from schemas.core.message import Event
from schemas.core.outcome import Emit
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed
from tests.processors.brain.cases import NOW_TICKET, question

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def said(shipped: Diagnostician, complaint: str, category: str = "laptop") -> Event:
    asked = question(complaint, category)
    outcome = decide(asked, shipped.offline(asked), NOW)
    assert isinstance(outcome, Emit)
    (event,) = outcome.messages
    assert isinstance(event, Event)
    return event


def test_states_a_diagnosis_with_its_plan_when_the_fault_is_clear(shipped: Diagnostician) -> None:
    event = said(shipped, "the battery drains within an hour")
    assert isinstance(event, FaultDiagnosed)
    assert (event.ticket_id, event.diagnosed_at, event.degraded) == (NOW_TICKET, NOW, False)
    assert event.plan.fault_family == event.faults[0].family == "battery"
    assert [line.sku for line in event.plan.parts] == ["battery.laptop"]
    assert event.confidence == event.faults[0].probability
    assert len(event.faults) == 5
    assert event.engine.startswith("offline/")


def test_states_an_abstention_when_nothing_is_said(shipped: Diagnostician) -> None:
    event = said(shipped, "please have a look at it")
    assert isinstance(event, DiagnosisAbstained)
    assert (event.reason, event.abstained_at) == ("no_information", NOW)
    assert event.faults


def test_a_danger_raises_the_risk_of_the_plan(shipped: Diagnostician) -> None:
    calm, hot = said(shipped, "battery drains fast"), said(shipped, "battery drains fast and is swollen")
    assert isinstance(calm, FaultDiagnosed)
    assert isinstance(hot, FaultDiagnosed)
    assert (calm.plan.risk, hot.plan.risk) == ("medium", "high")
    assert hot.hazards[0].startswith("STOP swollen_battery")


def test_asks_only_for_a_look_when_a_danger_stops_the_bench(shipped: Diagnostician) -> None:
    event = said(shipped, "smoke came out and it has no sound", "audio")
    assert isinstance(event, FaultDiagnosed | DiagnosisAbstained)
    assert event.next_measurement is not None
    assert event.next_measurement.what.startswith("Look at the device without touching")


def test_asks_for_nothing_that_needs_power_when_liquid_may_be_inside(shipped: Diagnostician) -> None:
    powered = {test.what for test in TESTS if test.powered}
    for category in ("mobile", "laptop", "tv", "appliance", "camera", "other"):
        event = said(shipped, "it got wet, spilled water, and does not charge", category)
        assert isinstance(event, FaultDiagnosed | DiagnosisAbstained)
        assert event.next_measurement is not None
        assert event.next_measurement.what not in powered


def test_events_survive_the_log(shipped: Diagnostician) -> None:
    for complaint in ("the battery drains within an hour", "please have a look at it"):
        event = said(shipped, complaint)
        assert type(event).model_validate_json(event.to_json()) == event


def test_the_view_holds_the_newest_answer_alone(shipped: Diagnostician) -> None:
    first, second = said(shipped, "please have a look at it"), said(shipped, "the battery drains within an hour")
    view = evolve(evolve(None, first), second)
    assert view.diagnosed == second
    assert view.abstained is None
    assert evolve(view, first).diagnosed is None


def test_the_view_ignores_events_of_others(shipped: Diagnostician) -> None:
    class Foreign(Event):
        TYPE = "noizylab.foreign.thing.v1"

    view = evolve(None, said(shipped, "the battery drains within an hour"))
    assert evolve(view, Foreign()) == view
    with pytest.raises(TypeError, match="Foreign"):
        evolve(None, Foreign())
