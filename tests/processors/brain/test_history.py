"""What was repaired on a device before counts in its diagnosis, and is told in it."""

from datetime import datetime, timedelta
from typing import Any

from connectors.bus.aggregate import Held
from processors.brain.agent import wire
from processors.brain.diagnostician import Diagnostician
from processors.brain.history import EARLIER_MOST, History
from processors.brain.replay import differences
from schemas.device_history import DeviceHistoryView, DeviceVisit, device_id
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault, EarlierRepair, FaultDiagnosed
from tests.support.driver import START, Driver
from tests.support.vault import NO_PLACE, vault_in

LAPTOP = Device(category="laptop", brand="Lumen", serial="LB-1")
DEAD = DiagnoseFault(
    ticket_id="T-0009", workspace_id="main", device=LAPTOP, complaint="the battery drains within an hour"
)
AFRESH = EarlierRepair(fault_family="screen", days_ago=1)


async def nothing() -> None:
    return


def visit(number: int, days_ago: int | None = 30, family: str | None = "charging_port", **more: Any) -> DeviceVisit:
    closed = None if days_ago is None else START - timedelta(days=days_ago)
    opened = START - timedelta(days=400)
    return DeviceVisit(ticket_id=f"T-{number:04}", opened_at=opened, closed_at=closed, fault_family=family, **more)


def record(*visits: DeviceVisit, version: int = 1) -> tuple[bytes, bytes]:
    name = device_id("main", LAPTOP)
    assert name is not None
    view = DeviceHistoryView(device_id=name, workspace_id="main", device=LAPTOP, visits=visits)
    return name.encode(), Held(view, version).to_value()


def history(*records: tuple[bytes, bytes]) -> History:
    made = History(nothing)
    for one in records:
        made.take(*one)
    return made


async def told(made: History, question: DiagnoseFault = DEAD, now: datetime = START) -> list[tuple[str, int]]:
    return [(one.fault_family, one.days_ago) for one in await made.before(question, now)]


async def test_repairs_that_ended_with_a_named_fault_are_told_the_newest_first() -> None:
    made = history(
        record(visit(1, 200, "battery"), visit(2, 30), visit(3, 5, None), visit(4, None), visit(9, 1, "screen"))
    )
    assert await told(made) == [("charging_port", 30), ("battery", 200)]
    assert await told(made, now=START - timedelta(days=100)) == [("battery", 100)], "what came later is not known yet"
    many = history(record(*(visit(number + 100, number) for number in range(EARLIER_MOST + 9))))
    assert len(await told(many)) == EARLIER_MOST


async def test_nothing_is_told_of_another_workspace_or_of_a_device_that_cannot_be_told_apart() -> None:
    made = history(record(visit(1)))
    assert await told(made) == [("charging_port", 30)]
    for changes in (
        {"workspace_id": "hafen"},
        {"workspace_id": None},
        {"device": LAPTOP.model_copy(update={"serial": None})},
        {"device": LAPTOP.model_copy(update={"serial": "LB-2"})},
    ):
        assert await told(made, DEAD.model_copy(update=changes)) == []


async def test_what_the_question_names_stands_and_nobody_is_asked() -> None:
    async def away() -> None:
        raise AssertionError

    made = History(away)
    assert await made.before(DEAD.model_copy(update={"earlier": (AFRESH,)}), START) == (AFRESH,)


async def test_an_erased_visit_is_forgotten_and_a_late_older_view_changes_nothing() -> None:
    made = history(record(visit(1), visit(2, 60, "battery")), record(visit(1), version=3))
    made.take(*record(visit(1), visit(2, 60, "battery"), version=2))
    assert await told(made) == [("charging_port", 30)]
    made.take(*record(version=4))
    assert await told(made) == []


async def test_a_view_that_cannot_be_read_is_counted_and_one_that_is_gone_is_forgotten() -> None:
    key, value = record(visit(1))
    made = history((key, value))
    for broken in (b"x", b"{}", b'{"version":9,"state":{}}', b"[]"):
        made.take(key, broken)
    assert (made.unreadable, await told(made)) == (4, [("charging_port", 30)])
    made.take(key, None)
    assert await told(made) == []


async def test_the_history_counts_as_evidence_and_the_diagnosis_is_made_again_from_what_it_tells() -> None:
    engine = Diagnostician.shipped()
    events = []
    for made in (history(), history(record(visit(1, 3, "battery", outcome="unrepairable")))):
        driver = Driver(lambda app, made=made: wire(app, engine, vault_in(NO_PLACE), made), "brain", redeliver=True)
        await driver.pipe(DEAD)
        [event] = driver.read(FaultDiagnosed)
        assert driver.dead() == []
        events.append(event)
    alone, again = events
    assert (alone.earlier, [one.fault_family for one in again.earlier]) == ((), ["battery"])
    chance = [next(one.probability for one in event.faults if one.family == "battery") for event in events]
    assert chance[1] > chance[0]
    assert any(one.source == "history" for fault in again.faults for one in fault.evidence)
    assert "3 days ago, without success" in str(again.faults)
    assert differences(DEAD, again, engine) == ()
    assert differences(DEAD, again.model_copy(update={"earlier": (AFRESH,)}), engine) != ()


async def test_a_diagnosis_from_before_events_told_of_the_history_is_made_again_from_its_question() -> None:
    engine = Diagnostician.shipped()
    asked = DEAD.model_copy(update={"earlier": (AFRESH,)})
    driver = Driver(lambda app: wire(app, engine, vault_in(NO_PLACE)), "brain")
    await driver.pipe(asked)
    [event] = driver.read(FaultDiagnosed)
    assert differences(asked, event.model_copy(update={"earlier": ()}), engine) == ()
