import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from processors.gateway.config import Policy
from processors.gateway.views import ReadModel
from schemas.core.envelope import Envelope
from schemas.inventory import PartsReserved, StockReceived, StockView
from schemas.tickets import IntakeRefused, TicketMoved, TicketOpened, TicketView
from tests.processors.gateway.world import NOW, TICKET, World, quote, ticket_view
from topics.inventory import INVENTORY_VIEWS
from topics.tickets import TICKET_VIEWS


def _moved(version: int = 2) -> TicketMoved:
    return TicketMoved(
        ticket_id=TICKET, from_state="received", to_state="triage", reason="r", actor="a", version=version, moved_at=NOW
    )


def _cause() -> Envelope:
    return Envelope(uuid4(), "/t", "noizylab.ticket.move.v1", TICKET, NOW, NOW, TICKET)


def test_keeps_the_newest_version_and_forgets_what_was_deleted(world: World) -> None:
    world.feed(ticket_view())
    newer = world.feed(ticket_view(state="triage"))
    stale = world.feed(ticket_view(state="quoted"))
    world.views.apply(replace(stale, offset=90, value=(newer.value or b"").replace(b'"version":2', b'"version":1', 1)))
    held = world.views.view(TICKET_VIEWS, TICKET, TicketView)
    assert held is not None
    assert held.state == "quoted"
    world.views.apply(replace(newer, offset=91, value=None))
    assert world.views.view(TICKET_VIEWS, TICKET, TicketView) is None


def test_tells_two_kinds_of_view_in_one_topic_apart(world: World) -> None:
    stock = StockView(
        location_id="main", sku="dc_jack.laptop", on_hand=3, reserved=0, unit_cost_cents=5, reorder_point=1
    )
    world.feed(stock, key="main/dc_jack.laptop")
    assert list(world.views.views(INVENTORY_VIEWS, StockView)) == [stock]
    assert world.views.view(INVENTORY_VIEWS, "main/dc_jack.laptop", TicketView) is None


def test_takes_every_record_once_however_often_it_comes(world: World) -> None:
    record = world.feed(_moved())
    world.views.apply(record)
    world.views.apply(replace(record, offset=7))
    assert len(world.views.timelines.of(TICKET)) == 1


def test_counts_and_skips_what_cannot_be_read(world: World) -> None:
    good = world.feed(_moved())
    view = world.feed(ticket_view())
    world.views.apply(replace(good, offset=10, headers=[("ce_id", b"x")]))
    world.views.apply(replace(view, offset=11, value=b"{}"))
    world.views.apply(replace(view, offset=12, value=b"\xff"))
    world.views.apply(replace(view, topic="unknown.events.v1", offset=13))
    assert world.views.unreadable == 3
    assert world.views.view(TICKET_VIEWS, TICKET, TicketView) == ticket_view()


def test_puts_stock_events_on_the_ticket_they_are_about(world: World) -> None:
    world.feed(PartsReserved(ticket_id=TICKET, location_id="main", reserved_at=NOW))
    received = StockReceived(
        location_id="main", receipt_id="r", sku="dc_jack.laptop", quantity=1, unit_cost_cents=1, received_at=NOW
    )
    world.feed(received)
    assert [entry.envelope.type for entry in world.views.timelines.of(TICKET)] == ["noizylab.parts.reserved.v1"]


async def test_gives_the_outcome_whether_it_came_before_or_after_the_question(world: World) -> None:
    before, after = _cause(), _cause()
    world.feed(_moved(), cause=before)
    known = await world.views.outcome_of(before.id, 1, (TicketMoved,))
    assert known is not None
    assert known.event == _moved()
    waiting = asyncio.create_task(world.views.outcome_of(after.id, 5, (TicketMoved, IntakeRefused)))
    await asyncio.sleep(0)
    world.feed(quote(), cause=after)
    world.feed(_moved(3), cause=after)
    found = await waiting
    assert found is not None
    assert found.event == _moved(3)


async def test_has_no_outcome_when_none_of_the_kinds_comes_in_time(world: World) -> None:
    cause = _cause()
    world.feed(_moved(), cause=cause)
    assert await world.views.outcome_of(cause.id, 0.01, (TicketOpened,)) is None
    assert await world.views.outcome_of(uuid4(), 0.01, (TicketMoved,)) is None
    assert not await world.views.settled(TICKET_VIEWS, TICKET, cause.id, 0.01)
    assert not world.views._waiters
    assert not world.views._settling


async def test_is_settled_once_the_view_carries_the_cause(world: World) -> None:
    cause = _cause()
    waiting = asyncio.create_task(world.views.settled(TICKET_VIEWS, TICKET, cause.id, 5))
    await asyncio.sleep(0)
    world.feed(ticket_view())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    world.feed(ticket_view(), cause=cause)
    assert await waiting
    assert await world.views.settled(TICKET_VIEWS, TICKET, cause.id, 0)


def test_bounds_what_it_holds_and_says_what_is_missing(tmp_path: Path) -> None:
    policy = Policy(timeline_events_max=3, timelines_max=2, outcomes_max=2)
    world = World(tmp_path, policy=policy)
    for number in range(5):
        world.feed(_moved(number + 2), cause=_cause(), at=NOW + timedelta(seconds=number))
    timelines = world.views.timelines
    assert [entry.offset for entry in timelines.of(TICKET)] == [2, 3, 4]
    assert not timelines.complete(TICKET)
    assert len(world.views._outcomes) == 2
    for ticket_id in ("T-0002", "T-0003"):
        world.feed(quote(ticket_id))
    assert timelines.of(TICKET) == ()
    assert not timelines.complete(TICKET)
    assert timelines.complete("T-0003")
    assert timelines.complete("T-0404")


async def test_is_not_ready_and_says_why_until_it_has_caught_up(world: World) -> None:
    async with world.client() as client:
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert "not started" in response.json()["detail"]
        assert (await client.get("/healthz")).json() == {"status": "alive"}


async def test_keeps_trying_when_no_broker_answers_and_stops_when_told() -> None:
    from connectors.bus.cluster import Cluster

    model = ReadModel()
    await model.start(Cluster("127.0.0.1:1"))
    async with asyncio.timeout(10):
        while "broker" not in (model.failure or ""):
            await asyncio.sleep(0.01)
    assert not model.ready
    await model.stop()
    assert model.failure == "stopped"
