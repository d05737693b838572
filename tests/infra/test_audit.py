from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, record_of
from infra.audit import Replayed, replay_all, states_at
from schemas.inventory import StockReceived
from schemas.tickets import TicketOpened, TicketView
from tests.infra.tickets import OTHER, TICKET, two_tickets
from tests.support.driver import START
from topics.registry import topic_of
from topics.tickets import TICKET_EVENTS, TICKET_VIEWS


async def _replayed(cluster: Cluster) -> Replayed:
    result, *others = await replay_all(cluster, ["tickets"])
    assert all(one == Replayed(one.processor) for one in others)
    return result


async def _records() -> list[Outgoing]:
    return (await two_tickets()).log.records


def _last_view(records: list[Outgoing], ticket_id: str) -> Outgoing:
    return [one for one in records if one.topic == TICKET_VIEWS.name and one.key == ticket_id.encode()][-1]


async def test_is_equal_when_the_views_are_what_their_events_say(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _records())
    assert await _replayed(shop_log) == Replayed("tickets", events=3, repeated=0, aggregates=2)


async def test_is_equal_when_an_event_was_written_twice(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    records = await _records()
    await publisher.publish([*records, *(one for one in records if one.topic == TICKET_EVENTS.name)])
    result = await _replayed(shop_log)
    assert (result.equal, result.events, result.repeated) == (True, 6, 3)


async def test_names_the_field_when_a_view_was_tampered_with(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    records = await _records()
    view = _last_view(records, TICKET)
    assert view.value is not None
    held = orjson.loads(view.value)
    held["state"] |= {"state": "ready", "bin": "elsewhere"}
    await publisher.publish([*records, replace(view, value=orjson.dumps(held))])
    result = await _replayed(shop_log)
    assert result.different == [f"{TICKET}: differs in state, bin"]
    assert not result.equal


async def test_says_how_far_a_view_is_behind_its_events(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    records = await _records()
    await publisher.publish([one for one in records if one is not _last_view(records, TICKET)])
    assert (await _replayed(shop_log)).different == [f"{TICKET}: version 1 live, 2 replayed"]


@pytest.mark.parametrize(("kept", "difference"), [(TICKET_EVENTS, "replay"), (TICKET_VIEWS, "live view")])
async def test_says_on_which_side_a_ticket_is_missing(
    shop_log: Cluster, publisher: KafkaPublisher, kept: object, difference: str
) -> None:
    await publisher.publish(
        [one for one in await _records() if one.key != OTHER.encode() or one.topic == getattr(kept, "name", "")]
    )
    assert (await _replayed(shop_log)).different == [f"{OTHER}: only in the {difference}"]


async def test_passes_over_what_no_processor_wrote(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    records = await _records()
    event = next(one for one in records if one.topic == TICKET_EVENTS.name)
    await publisher.publish(
        [
            *records,
            replace(event, headers=[]),
            replace(event, value=b'{"ticket_id": 7}'),
            replace(event, headers=[*event.headers, ("ce_type", b"noizylab.ticket.juggled.v1")]),
        ]
    )
    assert await _replayed(shop_log) == Replayed("tickets", events=3, repeated=0, aggregates=2)


async def test_replays_every_processor_that_keeps_state(shop_log: Cluster) -> None:
    results = await replay_all(shop_log)
    assert [one.processor for one in results] == [
        "tickets", "devices", "clocks", "conditions", "passcodes", "vision", "brain", "inventory", "pricing", "notify",
        "orchestrator", "webhooks", "gateway", "qc", "schematics",
    ]  # fmt: skip
    assert all(one.equal and one.events == 0 for one in results)


# --- as of a moment


async def test_shows_a_state_as_it_was_at_a_moment(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _records())
    [opened] = await states_at(shop_log, START, TICKET)
    assert isinstance(opened.state, TicketView)
    assert (opened.processor, opened.key, opened.version, opened.since) == ("tickets", TICKET, 1, START)
    assert opened.state.state == "received"
    [moved] = await states_at(shop_log, START + timedelta(seconds=1), TICKET)
    assert isinstance(moved.state, TicketView)
    assert (moved.version, moved.state.state) == (2, "triage")


async def test_shows_nothing_of_what_did_not_exist_yet(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish(await _records())
    assert await states_at(shop_log, START - timedelta(seconds=1)) == []
    assert [one.key for one in await states_at(shop_log, START)] == [TICKET]
    assert [one.key for one in await states_at(shop_log, START + timedelta(days=1))] == [TICKET, OTHER]
    assert await states_at(shop_log, START, "T-nobody") == []


async def test_finds_the_part_on_a_shelf_and_the_shelf(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    received = StockReceived(
        location_id="front", receipt_id="r-1", sku="battery.laptop", quantity=3, unit_cost_cents=2500, received_at=START
    )
    driver = await two_tickets()
    cause = next(iter(driver.envelopes(TicketOpened)))[0]
    envelope = replace(cause, type=received.TYPE, subject="front", id=UUID(int=9))
    await publisher.publish([record_of(received, topic_of(received.TYPE).name, envelope)])
    for asked in ("front", "front/battery.laptop", "battery.laptop"):
        assert [one.key for one in await states_at(shop_log, START, asked)] == ["front/battery.laptop"]
    assert await states_at(shop_log, START, "laptop") == []
