"""The clocks as they are wired: killed, redelivered, and asleep for a day."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.engine import EngineLimits
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import record_of
from connectors.bus.restore import LogReader
from connectors.clock.clock import SettableClock
from processors.tickets.following.agent import wire_following
from processors.tickets.sla.agent import looks_at, wire_clocks
from processors.tickets.sla.hours import HoursOf, WorkspaceHours
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.report import report
from processors.tickets.sla.tracking import TRACKED, track_of
from schemas.core.envelope import Envelope
from schemas.core.message import Event
from schemas.devices import Device
from schemas.sla import CheckClocks, ClocksTracked, ClocksView, SlaBreached, SlaMet, SlaWarned
from schemas.tickets import TicketMoved, TicketOpened
from schemas.workspaces import WorkingHours, WorkspaceView
from tests.schemas.examples import examples_of
from tests.support.driver import Driver
from topics.clocks import CLOCK_COMMANDS, CLOCK_EVENTS
from topics.registry import class_of
from topics.tickets import TICKET_EVENTS

T = "T-0001"
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RULES = SlaPolicy.model_validate(
    {"targets": {"first_response": 1, "diagnose": 2}, "hours": {"default": {"monday": ("09:00-17:00",)}}}
)


def opened(at: datetime = MORNING) -> TicketOpened:
    return TicketOpened(
        ticket_id=T,
        workspace_id="north",
        customer_id="C-0001",
        state="received",
        device=Device(category="laptop"),
        complaint="Dead.",
        channel="kiosk",
        consent_version="1",
        opened_at=at,
    )


def moved(at: datetime) -> TicketMoved:
    return TicketMoved(
        ticket_id=T, from_state="received", to_state="triage", reason="r", actor="a", version=2, moved_at=at
    )


async def none_set(_workspace: str) -> None:
    """No workspace has set hours."""


def setting(workspace: str, hours: dict[str, Any], version: int) -> bytes:
    """A record of the views of access that says which hours a workspace has."""
    view = WorkspaceView.model_validate(
        {
            "access_id": f"W-{workspace}",
            "workspace_id": workspace,
            "settings": {"name": workspace, "hours": hours},
            "amended_at": MORNING,
        }
    )
    return orjson.dumps({"version": version, "state": view.model_dump(mode="json")})


def _wire(app: App, hours_of: HoursOf = none_set) -> None:
    wire_following(app)
    wire_clocks(app, RULES, hours_of)


class Shop:
    """The processor over a log in memory, its inbox fed back to it."""

    def __init__(self, *, times: int = 1, restart: bool = False) -> None:
        self.hours = WorkspaceHours()
        clock = SettableClock(MORNING)
        self.driver = Driver(lambda app: _wire(app, self.hours_of), "tickets", clock=clock)
        self.times, self.restart, self.fed = times, restart, 0

    async def hours_of(self, workspace: str) -> WorkingHours | None:
        return self.hours.of(workspace)

    async def hear(self, event: Event, id: UUID) -> None:
        for _ in range(self.times):
            await self.driver.pipe(event, id=id)
        inbox = self.driver.log.of(CLOCK_COMMANDS)
        while self.fed < len(inbox):
            for _ in range(self.times):
                await self.driver.feed(inbox[self.fed])
                if self.restart:
                    self.driver.restart()
            self.fed += 1

    async def look(self, at: datetime) -> None:
        for _ in range(self.times):
            await self.driver.pipe(CheckClocks(ticket_id=T, looked_at=at), id=UUID(int=int(at.timestamp())))
            if self.restart:
                self.driver.restart()


@pytest.mark.parametrize(("times", "restart"), [(1, False), (2, False), (2, True)])
async def test_says_each_thing_once_however_often_it_is_killed_and_asked(times: int, restart: bool) -> None:
    shop = Shop(times=times, restart=restart)
    await shop.hear(opened(), UUID(int=1))
    for minutes in (47, 49, 61, 62, 500):
        await shop.look(MORNING + timedelta(minutes=minutes))
    await shop.hear(moved(MORNING + timedelta(minutes=70)), UUID(int=2))
    [warned] = shop.driver.read(SlaWarned)
    [breached] = shop.driver.read(SlaBreached)
    assert (warned.warned_at, warned.elapsed_s) == (MORNING + timedelta(minutes=48), 2880)
    assert (breached.breached_at, breached.workspace_id) == (MORNING + timedelta(hours=1), "north")
    assert shop.driver.read(SlaMet) == []
    assert len(shop.driver.read(ClocksTracked)) == 2
    view = shop.driver.views()[T]
    assert isinstance(view, ClocksView)
    assert [stay.state for stay in view.stays] == ["received", "triage"]
    assert shop.driver.dead() == []


async def test_a_run_keeps_the_hours_of_its_workspace_that_it_began_under() -> None:
    shop = Shop()
    afternoon = {"week": {"monday": [{"opens": "14:00", "closes": "18:00"}]}}
    shop.hours.take(b"W-north", setting("north", afternoon, 2))
    shop.hours.take(b"W-north", setting("north", {}, 1))
    shop.hours.take(b"W-south", setting("south", {}, 1))
    await shop.hear(opened(), UUID(int=1))
    shop.hours.take(b"W-north", setting("north", {"week": {"monday": [{"opens": "06:00", "closes": "20:00"}]}}, 3))
    await shop.look(MORNING + timedelta(hours=5, minutes=55))
    await shop.hear(moved(MORNING + timedelta(hours=5, minutes=55)), UUID(int=2))
    [warned] = shop.driver.read(SlaWarned)
    assert (warned.warned_at, warned.elapsed_s) == (MORNING + timedelta(hours=5, minutes=48), 2880)
    view = shop.driver.views()[T]
    assert isinstance(view, ClocksView)
    first, second = (next(run for run in view.runs if run.clock == clock) for clock in ("first_response", "diagnose"))
    assert (first.hours, second.hours) == (WorkingHours.model_validate(afternoon), shop.hours.of("north"))
    told = report(view, MORNING + timedelta(hours=6), RULES)
    due = {clock.clock: (clock.due_at, clock.elapsed_s) for clock in told.clocks}
    assert due["first_response"] == (None, 55 * 60)
    assert due["diagnose"] == (MORNING + timedelta(hours=7, minutes=55), 5 * 60)


async def test_hours_that_cannot_be_used_leave_the_clock_to_the_policy() -> None:
    monday = {"monday": [{"opens": "14:00", "closes": "18:00"}]}
    for useless in ({}, {"week": monday, "country": "ZZ"}):
        shop = Shop()
        shop.hours.take(b"W-north", setting("north", useless, 1))
        shop.hours.take(b"W-north", b"{}")
        await shop.hear(opened(), UUID(int=1))
        await shop.look(MORNING + timedelta(hours=1))
        assert len(shop.driver.read(SlaBreached)) == 1
        assert shop.driver.dead() == []
        assert shop.hours.unreadable == 1


async def test_a_look_that_found_nothing_does_not_silence_a_later_one_with_its_id() -> None:
    shop = Shop()
    await shop.hear(opened(), UUID(int=1))
    await shop.driver.pipe(CheckClocks(ticket_id=T, looked_at=MORNING), id=UUID(int=9))
    await shop.driver.pipe(CheckClocks(ticket_id=T, looked_at=MORNING + timedelta(hours=1)), id=UUID(int=9))
    assert len(shop.driver.read(SlaBreached)) == 1


def test_every_event_that_is_followed_is_translated() -> None:
    for kind in TRACKED:
        for example in examples_of(kind).values():
            command = track_of(example)
            assert command is not None
            assert command.ticket_id == getattr(example, "ticket_id")  # noqa: B009 - no common base has it
    assert track_of(CheckClocks(ticket_id=T, looked_at=MORNING)) is None


async def test_what_is_due_next_is_worked_out_again_only_after_a_change() -> None:
    shop = Shop()
    await shop.hear(opened(), UUID(int=1))
    looks, due_at = looks_at(shop.driver.app, RULES), MORNING + timedelta(minutes=48)
    view = shop.driver.views()[T]
    assert looks.fallen([view], due_at - timedelta(seconds=1)) == []
    assert looks.fallen([view], due_at) == [(T, due_at)]
    assert looks.fallen([view.model_copy(update={"runs": ()})], due_at) == []


# --- on a real log, with its own timer


async def _say(publisher: KafkaPublisher, *events: Event) -> None:
    records = []
    for event in events:
        at = getattr(event, "opened_at", None) or getattr(event, "moved_at", MORNING)
        envelope = Envelope(uuid4(), "/noizylab/tickets", event.TYPE, T, at, at, T)
        records.append(record_of(event, TICKET_EVENTS.name, envelope))
    await publisher.publish(records)


async def _said(cluster: Cluster, until: type[Event]) -> list[Event]:
    """Follow the events of the clocks until one of a type comes; each id counts once."""
    found: dict[UUID, Event] = {}
    async with LogReader(cluster, "test") as reader, asyncio.timeout(40):
        async for batch in reader.follow(await reader.partitions([CLOCK_EVENTS.name]), from_start=True):
            for record in batch:
                envelope = Envelope.from_headers(record.headers)
                event = class_of(envelope.type).model_validate_json(record.value or b"")
                assert isinstance(event, Event)
                found.setdefault(envelope.id, event)
            if any(isinstance(event, until) for event in found.values()):
                return list(found.values())
    raise AssertionError("the log ended")


def _app(cluster: Cluster, publisher: KafkaPublisher, clock: SettableClock) -> App:
    # Within this time the broker must answer where its logs end, on a busy machine too.
    limits = EngineLimits(watch_interval_s=1.0)
    app = App("tickets", cluster, publisher, clock=clock, engine_limits=limits)
    _wire(app)
    return app


async def test_after_a_day_of_standstill_says_in_order_what_fell_due_and_at_its_true_time(cluster: Cluster) -> None:
    publisher, clock = KafkaPublisher(cluster, client_id="test"), SettableClock(MORNING)
    await publisher.start()
    try:
        first = _app(cluster, publisher, clock)
        await first.start()
        await _say(publisher, opened())
        await _said(cluster, ClocksTracked)
        await first.stop()
        # While nobody is there a move comes in that beats the breach of one clock and starts another.
        triaged = MORNING + timedelta(minutes=50)
        await _say(publisher, moved(triaged))
        clock.advance(timedelta(days=1))
        second = _app(cluster, publisher, clock)
        await second.start()
        events = await _said(cluster, SlaBreached)
        await second.stop()
    finally:
        await publisher.stop()
    assert [type(event) for event in events] == [
        ClocksTracked, SlaWarned, ClocksTracked, SlaMet, SlaWarned, SlaBreached,
    ]  # fmt: skip
    breached = events[-1]
    assert isinstance(breached, SlaBreached)
    assert (breached.clock, breached.breached_at) == ("diagnose", triaged + timedelta(hours=2))
