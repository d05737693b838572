"""A worker that stands still ends with the reason; what was lost to retention is counted; memory stays bounded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from aiokafka.errors import KafkaConnectionError

from connectors.bus.admin import apply_topics
from connectors.bus.batch import BatchStage, OpenHandler
from connectors.bus.cluster import Cluster
from connectors.bus.engine import Engine
from connectors.bus.epoch import EngineLimits
from connectors.bus.publisher import MAX_BATCH_BYTES, KafkaPublisher
from connectors.bus.records import Fetched, Outgoing, record_of
from connectors.bus.transport import PARTITION_BYTES
from connectors.bus.watchdog import Patience
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.broker import Broker, BrokerConfig
from schemas.core.envelope import Envelope
from schemas.notifications import NotifyCustomer
from tests.connectors.bus.faulty import FaultyTransport, World
from tests.connectors.bus.test_engine import TOPICS, make_app, publishing, until, working
from tests.support.proxy import proxied
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS

SOON = EngineLimits(
    commit_interval_s=0.001,
    watch_interval_s=0.01,
    patience=Patience(batch_s=0.05, fetch_s=0.05, commit_s=0.05, assignment_s=0.05, truncated_s=0.05),
)


async def take_all(records: Sequence[Fetched]) -> None:
    return


@asynccontextmanager
async def engine_over(
    world: World,
    handler: Callable[[Sequence[Fetched]], Awaitable[None]] = take_all,
    limits: EngineLimits = SOON,
    opens: OpenHandler | None = None,
    ahead: int = 0,
) -> AsyncIterator[tuple[Engine, FaultyTransport, "asyncio.Future[str]"]]:
    """An engine with an assignment, its transport, and the reason it gives when it stops."""
    reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def crash(error: BaseException) -> None:
        reason.set_result(str(error))

    transport = FaultyTransport(world)
    stage = BatchStage("test.handle", (NOTIFICATION_EVENTS,), handler, opens, ahead=ahead)
    engine = Engine("g", Cluster("127.0.0.1:1"), [stage], crash, limits, transport=lambda *_: transport)  # type: ignore[arg-type,return-value]  # a stand-in with the calls that are used
    transport.expects = lambda: engine.ledgers()[world.tp].expected
    await engine.start()
    world.assigned, world.generation = True, 1
    await engine.on_partitions_assigned({world.tp})
    try:
        yield engine, transport, reason
    finally:
        await engine.stop()


def world(**changes: int) -> World:
    return World(NOTIFICATION_EVENTS.name, **{"end": 10} | changes)  # type: ignore[arg-type]  # typed for more than is given here


async def test_stops_when_a_topic_was_made_anew_under_a_running_worker() -> None:
    log = world()
    async with engine_over(log) as (_, transport, reason):
        await until(lambda: log.committed == 10)
        log.end = transport.position = 3
        assert "ends at 3, but was read up to 10" in await asyncio.wait_for(reason, 10)


async def test_stops_when_a_batch_finishes_no_record_any_more() -> None:
    async def stuck(records: Sequence[Fetched]) -> None:
        await asyncio.Event().wait()

    async with engine_over(world(), stuck) as (engine, _, reason):
        assert "has finished no record for" in await asyncio.wait_for(reason, 10)
        assert engine.crashed is not None


async def test_stops_when_nothing_can_be_committed() -> None:
    log = world()
    async with engine_over(log) as (engine, transport, reason):
        transport.commit_fails = KafkaConnectionError()
        log.end = 20
        transport.wake()
        assert "nothing was committed for" in await asyncio.wait_for(reason, 10)
        assert engine.counts.commits_failed > 0


async def test_stops_when_records_are_there_and_none_is_fetched() -> None:
    log = world()
    async with engine_over(log) as (_, transport, reason):
        await until(lambda: log.committed == 10)
        transport.position, log.end = None, 20
        assert "none was fetched for" in await asyncio.wait_for(reason, 10)


async def test_stops_when_its_partitions_do_not_come_back() -> None:
    log = world()
    async with engine_over(log) as (engine, _, reason):
        await engine.on_partitions_revoked({log.tp})
        assert "no assignment for" in await asyncio.wait_for(reason, 10)


async def test_stops_when_a_handler_is_cancelled_from_within() -> None:
    async def cancelled(records: Sequence[Fetched]) -> None:
        raise asyncio.CancelledError

    async with engine_over(world(), cancelled) as (_, _, reason):
        assert "was cancelled" in await asyncio.wait_for(reason, 10)


async def test_counts_what_retention_took_while_it_was_away() -> None:
    log = world(first=7)
    log.committed = 4
    async with engine_over(log) as (engine, _, _):
        await until(lambda: log.committed == 10)
        assert dict(engine.counts.retention_records) == {log.topic: 3}
        assert dict(engine.counts.retention_holes) == {log.topic: 1}


async def test_stops_at_once_when_more_was_committed_than_the_log_holds() -> None:
    log = world()
    log.committed = 11
    async with engine_over(log) as (_, _, reason):
        assert "committed offset 11" in await asyncio.wait_for(reason, 10)


AHEAD = EngineLimits(batch_records=10, commit_interval_s=0.001)


async def test_hands_over_ahead_in_order_up_to_the_bound_and_commits_only_what_is_done() -> None:
    log = world(end=100)
    begun: list[int] = []
    gates = {offset: asyncio.Event() for offset in range(0, 100, 10)}

    async def handle(records: Sequence[Fetched]) -> None:
        begun.append(records[0].offset)
        await gates[records[0].offset].wait()

    async with engine_over(log, handle, AHEAD, ahead=25) as (engine, _, _):
        await until(lambda: begun == [0, 10, 20])
        gates[10].set()
        gates[20].set()
        await until(lambda: begun == [0, 10, 20, 30, 40])
        assert engine.ledgers()[log.tp].watermark == 0
        gates[0].set()
        await until(lambda: log.committed == 30)
        for gate in gates.values():
            gate.set()
        await until(lambda: log.committed == 100)
        assert begun == list(range(0, 100, 10))


async def test_the_first_batch_of_a_partition_is_alone_until_it_is_open() -> None:
    log = world(end=100)
    begun: list[int] = []
    tried = 0

    async def opens(topic: str, partition: int, offset: int) -> None:
        nonlocal tried
        assert (offset, begun) == (0, [])
        tried += 1
        if tried < 3:
            raise Transient("not yet")

    async def handle(records: Sequence[Fetched]) -> None:
        begun.append(records[0].offset)

    async with engine_over(log, handle, AHEAD, opens, ahead=1_000) as (_, _, _):
        await until(lambda: log.committed == 100)
    assert (tried, begun) == (3, list(range(0, 100, 10)))


async def fill(publisher: KafkaPublisher, count: int, padding: int) -> None:
    now = SystemClock().now()
    records = []
    for number in range(count):
        message = NotifyCustomer(ticket_id=f"T-{number % 8:04}", customer_id="C-0001", template="quote_ready")
        record = record_of(
            message,
            NOTIFICATION_COMMANDS.name,
            Envelope(uuid4(), "/test", message.TYPE, message.ticket_id, now, now, message.ticket_id),
        )
        records.append(Outgoing(record.topic, record.key, record.value, [*record.headers, ("pad", b"x" * padding)]))
    await publisher.publish(records)


async def test_buffers_no_more_than_the_bound_while_a_handler_is_slow(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "log.sqlite3", port=0))
    await broker.start()
    direct = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(direct, TOPICS, replicas=1)
    seen: list[object] = []
    gate = asyncio.Event()
    async with publishing(direct) as publisher, proxied(broker.port) as proxy:
        await fill(publisher, 800, 40_000)  # 32 MB over four partitions
        app = make_app(Cluster(f"127.0.0.1:{proxy.port}"), publisher, seen, gate)  # type: ignore[arg-type]  # typed for more than is given here
        async with working(app):
            assert app.engine is not None
            await until(lambda: len(app.engine._epoch.busy) == 4)  # type: ignore[union-attr]  # started, so it is there
            before = -1
            while proxy.answered_bytes != before:  # until nothing more comes for as long as a fetch may wait
                before = proxy.answered_bytes
                await asyncio.sleep(0.7)
            # What is in hand, what waits behind it, and what was under way: three fetches a partition at most, each
            # with one batch more than was asked for.
            assert 4 * PARTITION_BYTES < proxy.answered_bytes < 4 * 3 * (PARTITION_BYTES + MAX_BATCH_BYTES)
            gate.set()
            await until(lambda: len(seen) == 800)
    await broker.stop()
