"""A made-up year onto the log of a home that has no tickets yet, and from there into the warehouse.

Whoever else would act on these events must not: an orchestrator that found a year of openings would begin a year of
repairs. So the shop is not open while this runs, and every other processor's place in the log is set behind it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.cluster import Cluster, unreachable
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from connectors.clickhouse.server import ServerWarehouse
from connectors.errors import Misconfigured, Transient
from infra.ports import warehouse_connection
from infra.settings import Settings
from infra.shop import ALL_WORKERS, Shop
from infra.year.year import Plan, Year
from topics.registry import EVENTS
from topics.tickets import TICKET_EVENTS
from topics.topic import Topic

AT_ONCE = 4_000
"""Records in one acknowledged write."""
TELL_EVERY = 50_000
STUCK_AFTER_S = 60.0
LOOK_EVERY_S = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it: tickets, events, and seconds until the log had all and until the warehouse had all."""

    tickets: int
    events: int
    log_s: float
    warehouse_s: float


async def write_year(settings: Settings, plan: Plan, say: Say) -> Written:
    """Start what is needed, write the year, wait until the figures have it, and stop again.

    Raises:
        Misconfigured: the log has tickets already.
        ConnectorError: a server does not answer, or the sink stands still.
        ChildFailedError: a process did not come up.
    """
    shop = Shop(settings, ("analytics",), gateway=False)
    try:
        await shop.start(say)
        cluster = settings.cluster()
        if await _has_tickets(cluster):
            raise Misconfigured(
                f"the log of {settings.home} has tickets already; a made-up year needs a home of its own: "
                "NOIZYLAB_HOME=trial noizylab analytics seed"
            )
        started = monotonic()
        year = Year(plan)
        await _publish(cluster, year, say)
        await pass_by(cluster, [name for name in ALL_WORKERS if name != "analytics"])
        logged = monotonic()
        await _stored(settings, year.events, say)
        return Written(year.tickets, year.events, logged - started, monotonic() - started)
    finally:
        await shop.stop()


async def _publish(cluster: Cluster, year: Year, say: Say) -> None:
    publisher = KafkaPublisher(cluster, client_id="noizylab-seed")
    await publisher.start()
    try:
        told, started = 0, monotonic()
        for records in _chunks(year):
            await publisher.publish(records)
            if year.events - told >= TELL_EVERY:
                told = year.events
                say(f"{told} events, {told / (monotonic() - started):.0f}/s")
    finally:
        await publisher.stop()


def _chunks(year: Year) -> Iterator[list[Outgoing]]:
    records = year.records()
    while chunk := list(islice(records, AT_ONCE)):
        yield chunk


async def pass_by(cluster: Cluster, processors: list[str]) -> None:
    """Set the place of processors that do not run behind every event that is on the log now.

    Raises:
        Transient: the log does not answer, or one of them runs.
    """
    for processor in processors:
        consumer = AIOKafkaConsumer(
            group_id=f"noizylab.{processor}", enable_auto_commit=False, **cluster.client_options("noizylab-seed")
        )
        try:
            await consumer.start()
            partitions = _partitions(EVENTS)
            consumer.assign(partitions)
            await consumer.commit(await consumer.end_offsets(partitions))
        except KafkaError as error:
            raise await unreachable(cluster, error) from error
        finally:
            await consumer.stop()


async def _has_tickets(cluster: Cluster) -> bool:
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **cluster.client_options("noizylab-seed"))
    try:
        await consumer.start()
        ends = await consumer.end_offsets(_partitions((TICKET_EVENTS,)))
        return any(ends.values())
    except KafkaError as error:
        raise await unreachable(cluster, error) from error
    finally:
        await consumer.stop()


def _partitions(topics: Iterable[Topic]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]


async def _stored(settings: Settings, expected: int, say: Say) -> None:
    """Wait until the warehouse has all events."""
    say(f"waiting until the figures have {expected} events")
    warehouse = ServerWarehouse(warehouse_connection(settings, "noizylab_reader"))
    try:
        seen, moved = -1, monotonic()
        while True:
            [row] = await warehouse.query("SELECT count() AS rows FROM events")
            if row["rows"] >= expected:
                return
            if row["rows"] != seen:
                seen, moved = row["rows"], monotonic()
            elif monotonic() - moved > STUCK_AFTER_S:
                raise Transient(f"the sink stands still at {seen} of {expected} events; see {settings.home}/logs")
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await warehouse.close()
