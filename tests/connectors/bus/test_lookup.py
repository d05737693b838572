"""Questions to a real log: one record by its place, and a compacted topic as it is now."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from connectors.bus.lookup import LogFollower, LogLookup
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Fetched, Outgoing
from connectors.errors import Transient
from infra.broker import Broker, BrokerConfig
from topics.quotes import QUOTE_EVENTS
from topics.webhooks import WEBHOOK_VIEWS


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    started = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def cluster(broker: Broker) -> Cluster:
    found = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(found, (QUOTE_EVENTS, WEBHOOK_VIEWS), replicas=1)
    return found


@pytest.fixture
async def publisher(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    opened = KafkaPublisher(cluster, client_id="test")
    await opened.start()
    yield opened
    await opened.stop()


def said(topic: str, key: bytes, value: bytes, partition: int | None = None) -> Outgoing:
    return Outgoing(topic, key, value, [("n", value)], partition)


async def test_reads_one_record_by_its_place(cluster: Cluster, publisher: KafkaPublisher) -> None:
    await publisher.publish([said(QUOTE_EVENTS.name, b"T-1", b"%d" % number, 2) for number in range(3)])
    lookup = LogLookup(cluster, "test-lookup")
    for number in (1, 0, 2):
        found = await lookup.read(QUOTE_EVENTS.name, 2, number)
        assert found is not None
        assert (found.value, found.offset, dict(found.headers)) == (b"%d" % number, number, {"n": b"%d" % number})
    assert await lookup.read(QUOTE_EVENTS.name, 2, 3) is None
    assert await lookup.read(QUOTE_EVENTS.name, 0, 0) is None
    await lookup.close()


async def test_answers_from_memory_what_was_noted_and_fits() -> None:
    lookup = LogLookup(Cluster("127.0.0.1:1"), "test-lookup", keep_bytes=10)
    for offset in range(4):
        record = Fetched("t", 0, offset, 0, b"k", b"1234", ())
        lookup.note(record)
        lookup.note(record)
    assert [await lookup.read("t", 0, offset) is not None for offset in (2, 3)] == [True, True]
    with pytest.raises(Transient, match="test-lookup"):
        await lookup.read("t", 0, 0)


async def test_has_taken_everything_that_was_there_when_it_was_asked(
    cluster: Cluster, publisher: KafkaPublisher
) -> None:
    taken: list[bytes] = []
    follower = LogFollower(cluster, "test-follower", (WEBHOOK_VIEWS,), lambda one: taken.append(one.value or b""))
    await follower.catch_up()
    assert taken == []
    for number in range(5):
        value = b"%d" % number
        await publisher.publish([said(WEBHOOK_VIEWS.name, b"W-%d" % number, value)])
        await follower.catch_up()
        assert taken[-1] == value
    await asyncio.gather(*(follower.catch_up() for _ in range(20)))
    assert taken == [b"%d" % number for number in range(5)]
    await follower.close()


async def test_does_not_look_again_within_the_time_that_the_caller_can_wait(
    cluster: Cluster, publisher: KafkaPublisher
) -> None:
    taken: list[bytes] = []
    follower = LogFollower(cluster, "test-follower", (WEBHOOK_VIEWS,), lambda one: taken.append(one.value or b""))
    await follower.catch_up(within_s=60)
    await publisher.publish([said(WEBHOOK_VIEWS.name, b"W-1", b"1")])
    await follower.catch_up(within_s=60)
    assert taken == []
    await follower.catch_up(within_s=1e-9)
    assert taken == [b"1"]
    await follower.close()


async def test_goes_on_where_it_was_after_the_log_was_away(
    broker: Broker, cluster: Cluster, publisher: KafkaPublisher
) -> None:
    taken: list[bytes] = []
    follower = LogFollower(cluster, "test-follower", (WEBHOOK_VIEWS,), lambda one: taken.append(one.value or b""))
    await publisher.publish([said(WEBHOOK_VIEWS.name, b"W-1", b"1")])
    await follower.catch_up()
    await follower.close()
    await publisher.publish([said(WEBHOOK_VIEWS.name, b"W-1", b"2")])
    await follower.catch_up()
    assert taken == [b"1", b"2"]
    await follower.close()


async def test_says_that_the_log_does_not_answer() -> None:
    follower = LogFollower(Cluster("127.0.0.1:1"), "test-follower", (WEBHOOK_VIEWS,), lambda one: None)
    for _ in range(2):
        with pytest.raises(Transient):
            await follower.catch_up()
