"""The publisher keeps the order of a key whatever fails on the way, loses nothing, and gives up in time."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, NotEnoughReplicasError, OutOfOrderSequenceNumber
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher, hash_of
from connectors.bus.records import Outgoing
from connectors.bus.restore import LogReader
from connectors.bus.stage import WorkerStop
from infra.broker import Broker, BrokerConfig
from tests.support.proxy import proxied
from topics.topic import Topic

TOPIC = Topic("orders.events.v1", "test", "", (), "")


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(BrokerConfig(path=tmp_path / "log.sqlite3", port=0))
    await broker.start()
    await apply_topics(Cluster(f"127.0.0.1:{broker.port}"), [TOPIC], replicas=1)
    yield broker
    await broker.stop()


@asynccontextmanager
async def opened(publisher: KafkaPublisher) -> AsyncIterator[KafkaPublisher]:
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


class FaultyProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """Fails or delays sends by a seed; what fails is stored all the same now and then, as a broker may do it."""

    def __init__(self, chance: random.Random, error: type[KafkaError], **options: Any) -> None:
        super().__init__(**options)
        self.chance, self.error, self.injected = chance, error, 0

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        lot = self.chance.random()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if lot < 0.15:
            self.injected += 1
            raise self.error
        if lot < 0.3:
            self.injected += 1
            return asyncio.ensure_future(
                self._store_and_fail(await super().send_batch(batch, topic, partition=partition))
            )
        if lot < 0.4:
            self.injected += 1
            answer.cancel()
            return answer
        stored: asyncio.Future[Any] = await super().send_batch(batch, topic, partition=partition)
        if lot < 0.6:
            await asyncio.sleep(0.01)  # the fault itself: an answer that is late
        return stored

    async def _store_and_fail(self, stored: "asyncio.Future[Any]") -> None:
        await stored
        raise self.error


class FaultyPublisher(KafkaPublisher):
    def __init__(self, cluster: Cluster, seed: int, error: type[KafkaError]) -> None:
        super().__init__(cluster, client_id="test")
        self.chance, self.error = random.Random(seed), error
        self.made: list[FaultyProducer] = []

    def _make_producer(self) -> FaultyProducer:
        # Small batches, so that one call takes several and something is left to overtake a failed one.
        options = self._cluster.client_options(self._client_id) | {"max_batch_size": 300}
        self.made.append(FaultyProducer(self.chance, self.error, **options, acks="all", enable_idempotence=True))
        return self.made[-1]


def numbered(caller: int, start: int, count: int, keys: int = 7) -> list[Outgoing]:
    """Records of a caller; the value counts up within a key of that caller."""
    return [
        Outgoing(TOPIC.name, f"{caller}-{number % keys}".encode(), b"%d" % number, [])
        for number in range(start, start + count)
    ]


async def first_occurrences(broker: Broker) -> dict[bytes, list[int]]:
    found: dict[bytes, dict[int, None]] = {}
    async with LogReader(Cluster(f"127.0.0.1:{broker.port}"), "test") as reader:
        async for record in reader.to_end(await reader.partitions([TOPIC.name])):
            found.setdefault(record.key or b"", {}).setdefault(int(record.value or b"0"))
    return {key: list(numbers) for key, numbers in found.items()}


async def publish_side_by_side(publisher: KafkaPublisher, callers: int, calls: int, count: int) -> None:
    async def one(caller: int) -> None:
        for call in range(calls):
            await publisher.publish(numbered(caller, call * count, count))

    await asyncio.gather(*(one(caller) for caller in range(callers)))


def assert_whole_and_in_order(found: dict[bytes, list[int]], total: int) -> None:
    assert sum(len(numbers) for numbers in found.values()) == total
    assert {key: numbers for key, numbers in found.items() if numbers != sorted(numbers)} == {}


@pytest.mark.parametrize("error", [NotEnoughReplicasError, OutOfOrderSequenceNumber], ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_keeps_the_order_of_first_occurrences_when_sends_fail(
    broker: Broker, seed: int, error: type[KafkaError]
) -> None:
    publisher = FaultyPublisher(Cluster(f"127.0.0.1:{broker.port}"), seed, error)
    async with opened(publisher):
        await publish_side_by_side(publisher, callers=3, calls=2, count=60)

    assert sum(producer.injected for producer in publisher.made) > 5
    assert_whole_and_in_order(await first_occurrences(broker), 360)


@pytest.mark.parametrize("seed", [1, 2])
async def test_keeps_the_order_when_answers_are_lost_with_their_connection(broker: Broker, seed: int) -> None:
    chance = random.Random(seed)
    async with proxied(broker.port) as proxy:
        async with opened(KafkaPublisher(Cluster(f"127.0.0.1:{proxy.port}"), client_id="test")) as publisher:
            proxy.loses = lambda: chance.random() < 0.3
            await publish_side_by_side(publisher, callers=3, calls=20, count=20)
        assert proxy.lost >= 3

    assert_whole_and_in_order(await first_occurrences(broker), 1200)


async def test_gives_up_in_time_when_no_broker_answers_and_the_lane_goes_on_later(broker: Broker) -> None:
    async with proxied(broker.port) as proxy:
        publisher = KafkaPublisher(Cluster(f"127.0.0.1:{proxy.port}"), client_id="test", give_up_after_s=2)
        async with opened(publisher):
            await publisher.publish(numbered(1, 0, 1))
            proxy.open.clear()
            with pytest.raises(WorkerStop, match=r"5 records unacknowledged after 2 s"):
                await publisher.publish(numbered(1, 1, 5))
            proxy.open.set()
            await publisher.publish(numbered(2, 0, 5))

    assert len((await first_occurrences(broker))[b"2-0"]) == 1


async def test_takes_back_what_a_cancelled_call_has_not_sent(broker: Broker) -> None:
    async with (
        proxied(broker.port) as proxy,
        opened(KafkaPublisher(Cluster(f"127.0.0.1:{proxy.port}"), client_id="test")) as publisher,
    ):
        await publisher.publish([Outgoing(TOPIC.name, b"a", b"0", [])])
        proxy.open.clear()
        first = asyncio.create_task(publisher.publish([Outgoing(TOPIC.name, b"a", b"1", [])]))
        while publisher.batches < 2:
            await asyncio.sleep(0)
        second = asyncio.create_task(publisher.publish([Outgoing(TOPIC.name, b"a", b"2", [])]))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        proxy.open.set()
        await first

    assert await first_occurrences(broker) == {b"a": [0, 1]}


async def test_sends_what_piles_up_for_a_partition_in_one_batch(broker: Broker) -> None:
    async with opened(KafkaPublisher(Cluster(f"127.0.0.1:{broker.port}"), client_id="test")) as publisher:
        await asyncio.gather(*(publisher.publish([Outgoing(TOPIC.name, b"a", b"%d" % n, [])]) for n in range(100)))
        assert publisher.batches <= 2

    assert await first_occurrences(broker) == {b"a": list(range(100))}


async def test_refuses_a_record_that_is_too_large_and_writes_its_neighbours(broker: Broker) -> None:
    async with opened(KafkaPublisher(Cluster(f"127.0.0.1:{broker.port}"), client_id="test")) as publisher:
        large = publisher.publish([Outgoing(TOPIC.name, b"a", b"x" * 1_500_000, [])])
        small = publisher.publish([Outgoing(TOPIC.name, b"a", b"7", [])])
        results = await asyncio.gather(large, small, return_exceptions=True)

    assert isinstance(results[0], WorkerStop)
    assert "refuses a record for its size" in str(results[0])
    assert results[1] is None
    assert await first_occurrences(broker) == {b"a": [7]}


async def test_splits_what_does_not_fit_into_one_batch(broker: Broker) -> None:
    async with opened(KafkaPublisher(Cluster(f"127.0.0.1:{broker.port}"), client_id="test")) as publisher:
        padding = b" " * 20_000
        await publisher.publish([Outgoing(TOPIC.name, b"a", padding + b"%d" % n, []) for n in range(30)])
        assert publisher.batches >= 5

    assert await first_occurrences(broker) == {b"a": list(range(30))}


@given(st.binary(min_size=1, max_size=40), st.integers(1, 50))
def test_finds_the_partition_that_every_client_finds(key: bytes, count: int) -> None:
    every = list(range(count))
    assert (hash_of(key) & 0x7FFFFFFF) % count == DefaultPartitioner()(key, every, every)


async def test_writes_to_a_given_partition(broker: Broker) -> None:
    async with opened(KafkaPublisher(Cluster(f"127.0.0.1:{broker.port}"), client_id="test")) as publisher:
        await publisher.publish([Outgoing(TOPIC.name, b"a", b"1", [], partition=n) for n in (3, 0)])

    async with LogReader(Cluster(f"127.0.0.1:{broker.port}"), "test") as reader:
        read = [record.partition async for record in reader.to_end([TopicPartition(TOPIC.name, n) for n in range(4)])]
    assert [key for key, _ in groupby(sorted(read))] == [0, 3]
