"""The engine on every broker: what is committed was handled, whatever happens in between.

A real Apache Kafka joins with ``NOIZYLAB_TEST_KAFKA=host:port``. Its topics and group of these tests are deleted.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords

from connectors.bus.admin import apply_topics, plan_topics
from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.epoch import EngineLimits
from connectors.bus.packs import Item, KeptRecords, Pack, count_of, unpacked
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import record_of
from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from connectors.errors import Misconfigured
from infra.bench.kafka_nodes import forget
from infra.broker import Broker, BrokerConfig
from schemas.core.envelope import Envelope
from schemas.core.message import Event
from schemas.core.outcome import Emit, Outcome
from schemas.notifications import NotificationSent, NotifyCustomer, OutboxEntry, OutboxView
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, NOTIFICATION_VIEWS
from topics.registry import dead_letters
from topics.topic import Topic

TOPICS = (NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, NOTIFICATION_VIEWS, dead_letters("notify"))


def evolve(view: OutboxView | None, event: Event) -> OutboxView:
    assert isinstance(event, NotificationSent)
    entry = OutboxEntry(notification_id=event.notification_id, template=event.template, status="sent")
    return OutboxView(ticket_id=event.ticket_id, entries=(*(view.entries if view else ()), entry))


OUTBOX = Aggregate(NOTIFICATION_VIEWS, evolve)
Handler = Callable[[NotifyCustomer], None]


NEVER_COMMITS = EngineLimits(commit_interval_s=3600, revoke_commit_s=0)
"""A worker that dies before it commits."""


def make_app(
    cluster: Cluster,
    publisher: KafkaPublisher,
    seen: list[UUID],
    gate: asyncio.Event | None = None,
    limits: EngineLimits | None = None,
) -> App:
    app = App("notify", cluster, publisher, engine_limits=limits)

    @app.agent(NOTIFICATION_COMMANDS, emits=NOTIFICATION_EVENTS, state=OUTBOX)
    async def tell(command: NotifyCustomer, envelope: Envelope, view: OutboxView | None) -> Outcome:
        if gate is not None:
            await gate.wait()
        seen.append(envelope.id)
        return Emit.of(
            NotificationSent(
                ticket_id=command.ticket_id,
                notification_id=str(envelope.id),
                template=command.template,
                channel="mail",
                provider_id="1",
                sent_at=envelope.time,
            )
        )

    return app


@asynccontextmanager
async def embedded(path: Path) -> AsyncIterator[str]:
    broker = Broker(BrokerConfig(path=path / "log.sqlite3", port=0))
    await broker.start()
    yield f"127.0.0.1:{broker.port}"
    await broker.stop()


@asynccontextmanager
async def live(path: Path) -> AsyncIterator[str]:
    bootstrap = os.environ.get("NOIZYLAB_TEST_KAFKA")
    if not bootstrap:
        pytest.skip("set NOIZYLAB_TEST_KAFKA=host:port to run against a real Kafka; `make test-live` does")
    await asyncio.to_thread(forget, bootstrap, [topic.name for topic in TOPICS], ["noizylab.notify"])
    yield bootstrap


BROKERS = {"embedded": embedded, "live": live}


@pytest.fixture(params=["embedded", pytest.param("live", marks=pytest.mark.live)])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with BROKERS[request.param](tmp_path) as bootstrap:
        cluster = Cluster(bootstrap, session_timeout_ms=6000, heartbeat_interval_ms=500)
        await apply_topics(cluster, TOPICS, replicas=1)
        yield cluster


@asynccontextmanager
async def publishing(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster, client_id="test")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def working(app: App) -> AsyncIterator[App]:
    await app.start()
    assert app.engine is not None
    await asyncio.wait_for(app.engine.assigned.wait(), 10)
    try:
        yield app
    finally:
        await app.stop()


async def submit(publisher: KafkaPublisher, count: int, tickets: int = 8) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    now = SystemClock().now()
    records = []
    for number, message_id in enumerate(ids):
        message = NotifyCustomer(ticket_id=f"T-{number % tickets:04}", customer_id="C-0001", template="quote_ready")
        envelope = Envelope(
            message_id, "/test", message.TYPE, message.ticket_id, now, now, correlation_id=message.ticket_id
        )
        records.append(record_of(message, NOTIFICATION_COMMANDS.name, envelope))
    await publisher.publish(records)
    return ids


async def causes_in(cluster: Cluster, topic: Topic = NOTIFICATION_EVENTS) -> list[UUID]:
    found = []
    async with LogReader(cluster, "test-read") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name])):
            cause = Envelope.from_headers(record.headers).causation_id
            assert cause is not None
            found.append(cause)
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def test_handles_every_record_once_and_resumes_after_a_clean_stop(cluster: Cluster) -> None:
    seen: list[UUID] = []
    async with publishing(cluster) as publisher:
        first = await submit(publisher, 300)
        async with working(make_app(cluster, publisher, seen)):
            await until(lambda: len(seen) >= 300)
        second = await submit(publisher, 50)
        async with working(make_app(cluster, publisher, seen)):
            await until(lambda: len(seen) >= 350)

    assert sorted(seen) == sorted(first + second)
    assert sorted(await causes_in(cluster)) == sorted(first + second)


async def test_drops_from_restored_views_what_was_handled_but_not_committed(cluster: Cluster) -> None:
    seen: list[UUID] = []
    async with publishing(cluster) as publisher:
        ids = await submit(publisher, 100)
        async with working(make_app(cluster, publisher, seen, limits=NEVER_COMMITS)):
            await until(lambda: len(seen) >= 100)
        async with working(make_app(cluster, publisher, seen)) as again:
            await until(lambda: again.counts.dropped["duplicate"] == 100)

    assert len(seen) == 100
    assert sorted(await causes_in(cluster)) == sorted(ids)


async def test_commits_nothing_beyond_a_slow_record(cluster: Cluster) -> None:
    gate = asyncio.Event()
    async with publishing(cluster) as publisher:
        await submit(publisher, 40)
        async with working(make_app(cluster, publisher, [], gate)) as app:
            assert app.engine is not None
            await until(lambda: len(app.engine._epoch.busy) == 4)  # type: ignore[union-attr]  # started, so it is there
            await app.engine._commit(app.engine._epoch)  # type: ignore[arg-type]  # typed for more than is given here
            assert {ledger.committed for ledger in app.engine.ledgers().values()} == {0}
            gate.set()
            await until(lambda: sum(one.committed for one in app.engine.ledgers().values()) == 40)  # type: ignore[union-attr]  # started, so it is there


async def test_loses_nothing_when_workers_join_and_leave(cluster: Cluster) -> None:
    seen: list[UUID] = []
    async with publishing(cluster) as publisher, working(make_app(cluster, publisher, seen)):
        ids = await submit(publisher, 400)
        async with working(make_app(cluster, publisher, seen)) as second:
            ids += await submit(publisher, 400)
            assert second.engine is not None
            await until(lambda: bool(second.engine.ledgers()))  # type: ignore[union-attr]  # started, so it is there
            ids += await submit(publisher, 200)
        ids += await submit(publisher, 200)
        await until(lambda: set(seen) == set(ids))

    assert set(await causes_in(cluster)) == set(ids)


async def test_a_worker_with_a_name_takes_its_place_back_and_disturbs_nobody(
    cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    seen: list[UUID] = []
    async with publishing(cluster) as publisher:
        first = make_app(replace(cluster, instance="first"), publisher, seen)
        second = make_app(replace(cluster, instance="second"), publisher, seen)
        async with working(first), working(second):
            await until(lambda: all(app.engine and len(app.engine.ledgers()) == 2 for app in (first, second)))
            engine = second.engine
            assert engine is not None
            assignments = engine.counts.assignments
            await first.stop()
            again = make_app(replace(cluster, instance="first"), publisher, seen)
            async with working(again):
                ids = await submit(publisher, 200)
                await until(lambda: set(seen) >= set(ids))
                # The embedded broker lets the others join again as well, which costs a moment and loses nothing.
                if request.node.callspec.params["cluster"] == "live":
                    assert engine.counts.assignments == assignments
                assert again.engine is not None
                assert len(again.engine.ledgers()) == 2


async def test_stops_rather_than_writes_when_its_partitions_were_taken(cluster: Cluster) -> None:
    gate = asyncio.Event()
    async with publishing(cluster) as publisher, working(make_app(cluster, publisher, [], gate)) as app:
        await submit(publisher, 1)
        engine = app.engine
        assert engine is not None
        assert app.failed is not None
        await until(lambda: bool(engine._epoch and engine._epoch.busy))
        # A frozen worker: long not heard from, and its generation is not the group's any more.
        engine._last_proof_s -= 100
        engine._transport._consumer._coordinator.generation = 999
        gate.set()
        error = await asyncio.wait_for(app.failed, 10)

    assert "not heard from the group" in str(error)
    assert await causes_in(cluster) == []


async def test_private_names_of_the_client_are_where_the_transport_expects_them(cluster: Cluster) -> None:
    async with publishing(cluster) as publisher, working(make_app(cluster, publisher, [])) as app:
        assert app.engine is not None
        transport = app.engine._transport
        assert transport.generation > 0
        assert transport.current(transport.generation)
        tp = TopicPartition(NOTIFICATION_COMMANDS.name, 0)
        assert await transport.committed([tp]) == {}
        assert list(transport._states([tp])) == [tp]
        await asyncio.wait_for(transport.wait(0.01), 1)
        records = PartitionRecords(tp, MemoryRecords(b""), None, 0, None, None, True, 0)
        assert FetchResult(tp, assignment=None, partition_records=records, backoff=0)._partition_records is records
        assert callable(records._consumer_record)
        assert fetcher.MemoryRecords is KeptRecords
        assert records._records.size_in_bytes() == 0
        assert transport._consumer._fetcher._records == {}


async def test_a_packed_sink_gets_whole_batches_and_goes_on_within_one(cluster: Cluster) -> None:
    got: list[Item] = []
    async with publishing(cluster) as publisher:
        ids = await submit(publisher, 300)
        reader = App("packed", cluster, publisher)

        @reader.sink(NOTIFICATION_COMMANDS, packed=True)
        async def take(items: Sequence[Item]) -> None:
            got.extend(items)

        async with working(reader):
            await until(lambda: count_of(got) >= len(ids))
    packs = [one for one in got if isinstance(one, Pack)]
    assert sum(map(len, packs)) == len(ids)
    assert len(packs) < len(ids)
    records = unpacked(got)
    assert sorted(dict(one.headers)["ce_id"].decode() for one in records) == sorted(map(str, ids))
    assert {(one.topic, one.partition) for one in packs} == {(one.topic, one.partition) for one in records}
    for pack in packs:
        values = [one.value for one in pack.records()]
        assert [pack.data[begin:end] for begin, end, _ in pack.places()] == values


async def test_plans_and_refuses_topics_with_another_number_of_partitions(cluster: Cluster) -> None:
    assert (await plan_topics(cluster, TOPICS)).missing == ()
    other = Topic("notifications.events.v1", "notify", "", (), "", partitions=7)

    with pytest.raises(Misconfigured, match="has 4 partitions, the registry says 7"):
        await apply_topics(cluster, [other], replicas=1)
