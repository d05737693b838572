import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as CTopicPartition

from infra.broker import Broker, BrokerConfig
from infra.broker.stats import read_stats
from infra.broker.trim import trim_rows
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

NOW_MS = int(time.time() * 1000)


@pytest.fixture
async def tidy(tmp_path: Path) -> AsyncIterator[Broker]:
    running = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, cleanup_every_s=0.05, compaction_max_keys=50))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def wire(tidy: Broker) -> AsyncIterator[WireClient]:
    connected = await WireClient.connect(tidy.port)
    yield connected
    await connected.close()


async def _produce(client: WireClient, topic: str, batch: bytes) -> None:
    answer = await client.call(0, 8, **produce_values(topic, 0, batch))
    assert answer.responses[0].partition_responses[0].error_code == 0


async def _ends(client: WireClient, topic: str) -> tuple[int, int]:
    """First offset of the log and high watermark."""
    answer = await client.call(1, 11, **fetch_values(topic, 0))
    part = answer.responses[0].partitions[0]
    return part.log_start_offset, part.high_watermark


async def _until_start(client: WireClient, topic: str, start: int) -> None:
    async with asyncio.timeout(10):
        while (await _ends(client, topic))[0] != start:
            await asyncio.sleep(0.02)


async def test_old_batches_go_by_time_and_the_newest_stays(wire: WireClient) -> None:
    await create_topic(wire, "t", retention_ms="60000")
    for number in range(5):
        await _produce(wire, "t", make_batch(b"%d" % number, timestamp_ms=NOW_MS - 600_000 + number))
    await _until_start(wire, "t", 4)
    await _produce(wire, "t", make_batch(b"fresh", timestamp_ms=NOW_MS))
    await _until_start(wire, "t", 5)
    assert await _ends(wire, "t") == (5, 6)


async def test_old_batches_go_by_size_and_never_below_the_limit(wire: WireClient, tidy: Broker) -> None:
    await create_topic(wire, "t", retention_bytes="10000", retention_ms="-1")
    for _ in range(30):
        await _produce(wire, "t", make_batch(b"x" * 1000, timestamp_ms=NOW_MS))
    size = len(make_batch(b"x" * 1000, timestamp_ms=NOW_MS))
    kept = -(-10_000 // size) + 1
    await _until_start(wire, "t", 30 - kept)
    [stats] = read_stats(tidy._config.path).partitions
    assert (stats.start, stats.end, stats.batches) == (30 - kept, 30, kept)


async def test_start_and_end_of_a_log_are_remembered_when_all_of_it_is_gone(tmp_path: Path) -> None:
    config = BrokerConfig(path=tmp_path / "bus.db", port=0)
    for expected in ((0, 3), (3, 3)):
        broker = Broker(config)
        await broker.start()
        client = await WireClient.connect(broker.port)
        if expected == (0, 3):
            await create_topic(client, "t")
            await _produce(client, "t", make_batch(b"a", b"b", b"c"))
        assert (await client.call(1, 11, **fetch_values("t", 3))).responses[0].partitions[0].high_watermark == 3
        assert (await _ends(client, "t")) == expected
        await client.close()
        await broker.stop()
        with contextlib.closing(sqlite3.connect(config.path, isolation_level=None)) as connection:
            trim_rows(connection, 1, 3)


async def test_a_compacted_topic_is_read_over_its_holes_by_both_client_families(wire: WireClient, tidy: Broker) -> None:
    await create_topic(wire, "t", cleanup_policy="compact", min_cleanable_dirty_ratio="0.01")
    for number in range(200):
        keys = (b"k%d" % (number % 13), b"same")
        await _produce(wire, "t", make_batch(b"%d" % number, b"s%d" % number, keys=keys, compression=number % 5))
    expected = {
        **{b"k%d" % (number % 13): (2 * number, b"%d" % number) for number in range(200)},
        b"same": (399, b"s199"),
    }
    consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{tidy.port}", fetch_max_bytes=2000)
    await consumer.start()
    partition = TopicPartition("t", 0)
    consumer.assign([partition])
    async with asyncio.timeout(20):
        while True:
            await consumer.seek_to_beginning(partition)
            found: list[Any] = []
            while not found or found[-1].offset < 399:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
            assert {one.key: (one.offset, one.value) for one in found} == expected
            if len(found) <= 16:
                break
    await consumer.stop()
    assert await asyncio.to_thread(_read_with_librdkafka, tidy.port) == [(one.offset, one.value) for one in found]
    # In the middle of a hole the next batch is answered.
    answer = await wire.call(1, 11, **fetch_values("t", 101))
    assert int.from_bytes(answer.responses[0].partitions[0].records[:8], "big") > 101


def _read_with_librdkafka(port: int) -> list[tuple[int, bytes]]:
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": "g", "enable.auto.commit": False})
    consumer.assign([CTopicPartition("t", 0, 0)])
    found: list[tuple[int, bytes]] = []
    while not found or found[-1][0] < 399:
        message = consumer.poll(5)
        assert message is not None
        assert message.error() is None
        found.append((message.offset(), message.value()))
    consumer.close()
    return found


async def test_producing_reading_and_compacting_go_on_side_by_side(wire: WireClient, tidy: Broker) -> None:
    await create_topic(wire, "t", cleanup_policy="compact,delete", min_cleanable_dirty_ratio="0", retention_ms="-1")
    consumer = AIOKafkaConsumer("t", bootstrap_servers=f"127.0.0.1:{tidy.port}", auto_offset_reset="earliest")
    await consumer.start()
    newest: dict[bytes, int] = {}

    async def read() -> dict[bytes, int]:
        seen: dict[bytes, int] = {}
        last = -1
        while last < 399:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for one in records:
                    assert one.offset > last
                    last = one.offset
                    seen[one.key] = int(one.value)
        return seen

    reading = asyncio.create_task(read())
    for number in range(400):
        key = b"k%d" % (number % 7)
        await _produce(wire, "t", make_batch(b"%d" % number, keys=(key,), compression=(number % 2) * 4))
        newest[key] = number
    assert await asyncio.wait_for(reading, 20) == newest
    await consumer.stop()
    async with asyncio.timeout(10):
        while read_stats(tidy._config.path).partitions[0].batches > 8:
            await asyncio.sleep(0.05)


async def test_free_pages_go_back_to_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    broker = Broker(BrokerConfig(path=path, port=0, cleanup_every_s=0.05))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "t", retention_ms="1000")
    for _ in range(60):
        await _produce(client, "t", make_batch(b"x" * 1_000_000, timestamp_ms=NOW_MS + 600_000))
    await _produce(client, "t", make_batch(b"x", timestamp_ms=NOW_MS + 600_000))
    large = read_stats(path)
    assert large.file_bytes + large.wal_bytes > 55_000_000
    # A topic that is deleted leaves its pages free.
    await client.call(20, 1, topic_names=["t"], timeout=1000)
    async with asyncio.timeout(20):
        while read_stats(path).free_bytes > 35_000_000:
            await asyncio.sleep(0.05)
    await client.close()
    await broker.stop()
    assert read_stats(path).file_bytes < 45_000_000
