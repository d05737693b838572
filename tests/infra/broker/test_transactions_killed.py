"""Transactions and `kill -9` of the broker: what was committed is whole, what was not is not seen."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.infra.broker.test_process import broker_process

pytestmark = pytest.mark.slow


async def create(address: str, **topics: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in topics.items()])
    await admin.close()


async def read_committed(address: str, topic: str, partitions: int, last: bytes) -> list[tuple[int, bytes]]:
    """(partition, value) of everything up to the record `last` in partition 0, and all of the other partitions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    parts = [TopicPartition(topic, index) for index in range(partitions)]
    consumer.assign(parts)
    ends = await consumer.end_offsets(parts)
    found: list[tuple[int, bytes]] = []
    async with asyncio.timeout(20):
        while (0, last) not in found or [await consumer.position(part) for part in parts] != [*ends.values()]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(record.partition, record.value) for record in records]
    await consumer.stop()
    return found


async def test_every_transaction_is_whole_or_absent_when_the_broker_is_killed_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    committed: list[int] = []
    done: asyncio.Queue[int] = asyncio.Queue()
    port = 0
    producer: AIOKafkaProducer | None = None

    async def transactions() -> None:
        assert producer is not None
        for number in range(1, 41):
            await producer.begin_transaction()
            for step in range(4):
                await producer.send_and_wait("t", b"%d.%d" % (number, step), partition=step % 2)
            if number % 3:
                await producer.commit_transaction()
                committed.append(number)
            else:
                await producer.abort_transaction()
            done.put_nowait(number)

    running: asyncio.Task[None] | None = None
    for life in range(4):
        async with broker_process(path, port) as (process, now_at):
            port = now_at
            address = f"127.0.0.1:{port}"
            if producer is None:
                await create(address, t=2)
                producer = AIOKafkaProducer(bootstrap_servers=address, transactional_id="x", retry_backoff_ms=20)
                await producer.start()
            if running is None:
                running = asyncio.create_task(transactions())
            for _ in range(10):
                await asyncio.wait_for(done.get(), 20)
            if life < 3:
                # The next transaction has begun: its producer does not pause.
                process.kill()
                await process.wait()
                continue
            await asyncio.wait_for(running, 20)
            await producer.begin_transaction()
            await producer.send_and_wait("t", b"last", partition=0)
            await producer.commit_transaction()
            await producer.stop()
            found = await read_committed(address, "t", 2, b"last")
    expected = [(step % 2, b"%d.%d" % (each, step)) for each in committed for step in range(4)]
    assert sorted(found) == sorted([*expected, (0, b"last")])


async def test_transaction_of_a_producer_that_never_returns_is_aborted_when_the_killed_broker_is_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bus.db"
    async with broker_process(path) as (process, port):
        await create(f"127.0.0.1:{port}", t=1)
        settings: dict[str, Any] = {"bootstrap_servers": f"127.0.0.1:{port}"}
        gone = AIOKafkaProducer(transactional_id="x", transaction_timeout_ms=1000, **settings)
        await gone.start()
        await gone.begin_transaction()
        await gone.send_and_wait("t", b"lost", partition=0)
        process.kill()
        await process.wait()
    async with broker_process(path, port):
        async with AIOKafkaProducer(**settings) as other:
            await other.send_and_wait("t", b"last", partition=0)
        consumer = AIOKafkaConsumer("t", auto_offset_reset="earliest", isolation_level="read_committed", **settings)
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 10)
        assert record.value == b"last"
        await consumer.stop()
        await gone.stop()
