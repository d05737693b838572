"""Webhooks on a real log: from an event to an endpoint, whoever is killed in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.aggregate import Held
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.lookup import LogFollower, LogLookup
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, command_record, record_of
from connectors.bus.restore import restore_views
from connectors.callbacks.https import HttpsCallbacks
from infra.broker import Broker, BrokerConfig
from processors.gateway.visibility import visible
from processors.webhooks.agent import wire
from processors.webhooks.config import Policy
from processors.webhooks.directory import FOLDED, Directory
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from schemas.webhooks import AmendWebhook, WebhookView
from tests.processors.gateway.world import NOW, quote, ticket_view
from tests.processors.webhooks.builders import add
from tests.support.fakes.endpoint import Endpoint, endpoint
from topics.registry import ALL, topic_of
from topics.webhooks import WEBHOOK_VIEWS

QUICK = Policy(
    retry_after=(timedelta(milliseconds=50),) * 7, look_every_s=0.02, ticket_wait_s=5.0, pause_after_failures=10_000
)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    found = Cluster(f"127.0.0.1:{broker.port}", session_timeout_ms=6000, heartbeat_interval_ms=300)
    await apply_topics(found, ALL, replicas=1)
    yield found
    await broker.stop()


@pytest.fixture
async def publisher(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    opened = KafkaPublisher(cluster, client_id="test")
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


@asynccontextmanager
async def running(cluster: Cluster, publisher: KafkaPublisher, policy: Policy = QUICK) -> AsyncIterator[App]:
    directory = Directory()
    lookup = LogLookup(cluster, "test-lookup")
    follower = LogFollower(cluster, "test-follower", FOLDED, lambda one: directory.take(one.topic, one.key, one.value))
    app = App("webhooks", cluster, publisher)
    callbacks = HttpsCallbacks(local=True)
    dispatcher = wire(app, callbacks, "master", lookup, follower, directory, visible, policy)
    await app.start()
    assert app.engine is not None
    await app.engine.assigned.wait()
    try:
        yield app
    finally:
        await dispatcher.close()
        await app.stop()
        await lookup.close()
        await follower.close()


def happened(message: Message, key: str, number: int = 0) -> Outgoing:
    now = NOW + timedelta(days=3650)  # after any subscription of these tests
    envelope = Envelope(UUID(int=number) if number else uuid4(), "/noizylab/test", message.TYPE, key, now, now, key)
    record = record_of(message, topic_of(message.TYPE).name, envelope)
    if isinstance(message, View):
        return Outgoing(record.topic, record.key, Held(message, 1, ()).to_value(), record.headers)
    return record


async def wish(publisher: KafkaPublisher, command: Message) -> None:
    record = command_record(command, source="test", now=NOW, correlation_id="test", message_id=uuid4())
    await publisher.publish([record])


async def subscription(cluster: Cluster, webhook_id: str = "W-0001") -> WebhookView | None:
    held = await restore_views(cluster, WEBHOOK_VIEWS, range(4))
    found = [one.held[webhook_id].state for one in held.values() if webhook_id in one.held]
    assert all(isinstance(one, WebhookView) for one in found)
    return found[0] if found else None  # type: ignore[return-value]  # asserted above


async def until(cluster: Cluster, fits: Any, webhook_id: str = "W-0001") -> WebhookView:
    deadline = time.monotonic() + 30
    while (view := await subscription(cluster, webhook_id)) is None or not fits(view):
        assert time.monotonic() < deadline, view
        await asyncio.sleep(0.02)
    return view


def url(server: Endpoint) -> str:
    return f"http://127.0.0.1:{server.port}/in"


async def test_an_event_arrives_signed_and_cut_to_the_scopes(
    cluster: Cluster, publisher: KafkaPublisher, server: Endpoint
) -> None:
    server.answers = [500, 503]
    async with running(cluster, publisher):
        await wish(publisher, add(url=url(server)))
        await until(cluster, lambda view: view.status == "active")
        await publisher.publish([happened(ticket_view(), "T-0001"), happened(quote(), "T-0001", 7)])
        await publisher.publish([happened(quote(), "T-0001", 7)])
        view = await until(cluster, lambda view: view.delivered == 1)
    assert (len(server.got), view.recent[0].attempts, view.waiting) == (3, 3, ())
    assert len({headers["webhook-id"] for _, headers, _ in server.got}) == 1
    body = orjson.loads(server.got[0][2])
    assert (body["id"], body["data"]["total_cents"]) == (str(UUID(int=7)), 8900)
    assert "expected_profit_cents" not in body["data"]


async def test_no_other_workspace_hears_of_it(cluster: Cluster, publisher: KafkaPublisher, server: Endpoint) -> None:
    async with running(cluster, publisher):
        await wish(publisher, add("W-0001", url=url(server), workspace_id="north"))
        await wish(publisher, add("W-0002", url=url(server)))
        for name in ("W-0001", "W-0002"):
            await until(cluster, lambda view: view.status == "active", name)
        north = ticket_view("T-0002", workspace_id="north")
        await publisher.publish([happened(quote("T-0001"), "T-0001", 1), happened(quote("T-0002"), "T-0002", 2)])
        # The views come after the events, as the tickets' stage writes them.
        await publisher.publish([happened(ticket_view(), "T-0001"), happened(north, "T-0002")])
        for name in ("W-0001", "W-0002"):
            await until(cluster, lambda view: view.delivered == 1, name)
    told = {orjson.loads(body)["subject"]: headers["webhook-id"] for _, headers, body in server.got}
    assert len(server.got) == 2
    assert set(told) == {"T-0001", "T-0002"}


async def test_an_event_of_a_ticket_that_nobody_knows_goes_to_nobody(
    cluster: Cluster, publisher: KafkaPublisher, server: Endpoint
) -> None:
    async with running(cluster, publisher, Policy(ticket_wait_s=0.1, look_every_s=0.02)) as app:
        await wish(publisher, add(url=url(server)))
        await until(cluster, lambda view: view.status == "active")
        await publisher.publish([happened(quote("T-0009"), "T-0009")])
        async with asyncio.timeout(20):
            while not app.counts.dropped["ticket_unknown"]:
                await asyncio.sleep(0.02)
    assert server.got == []


async def test_what_was_under_way_when_a_process_died_arrives(
    cluster: Cluster, publisher: KafkaPublisher, server: Endpoint
) -> None:
    server.gate.clear()
    async with running(cluster, publisher):
        await wish(publisher, add(url=url(server)))
        await until(cluster, lambda view: view.status == "active")
        await publisher.publish([happened(ticket_view(), "T-0001")])
        await publisher.publish([happened(quote(), "T-0001", number) for number in range(1, 9)])
        await until(cluster, lambda view: len(view.waiting) == 8)
        await asyncio.to_thread(server.wait_for, QUICK.tries_at_once_each)
    assert (await until(cluster, lambda view: True)).delivered == 0
    server.gate.set()
    async with running(cluster, publisher):
        view = await until(cluster, lambda view: view.delivered == 8)
    assert view.waiting == ()
    assert len({headers["webhook-id"] for _, headers, _ in server.got}) == 8


async def test_goes_on_after_an_address_that_was_gone_is_taken_up_again(
    cluster: Cluster, publisher: KafkaPublisher, server: Endpoint
) -> None:
    server.answers = [410]
    async with running(cluster, publisher):
        await wish(publisher, add(url=url(server)))
        await until(cluster, lambda view: view.status == "active")
        await publisher.publish([happened(ticket_view(), "T-0001"), happened(quote(), "T-0001", 1)])
        await until(cluster, lambda view: view.paused_because == "address_gone")
        await wish(publisher, AmendWebhook(webhook_id="W-0001", enabled=True, actor="ada"))
        await until(cluster, lambda view: view.status == "active")
        await publisher.publish([happened(quote(), "T-0001", 2)])
        view = await until(cluster, lambda view: view.delivered == 1)
    assert (view.given_up, len(server.got)) == (1, 2)
