import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig
from infra.broker.limits import Budget, PeerLog
from infra.broker.wire import FrameReader
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

MIB = 1024 * 1024


@asynccontextmanager
async def _serving(path: Path, **settings: float) -> AsyncIterator[Broker]:
    broker = Broker(BrokerConfig(path=path / "bus.db", port=0, **settings))  # type: ignore[arg-type]
    await broker.start()
    yield broker
    await broker.stop()


def test_a_length_alone_costs_nothing() -> None:
    reader = FrameReader(lambda _: 100 * MIB)
    assert reader.feed((100 * MIB).to_bytes(4, "big") + b"\0\0") == []
    assert reader.awaited == 100 * MIB
    assert reader._buffer.__alloc__() < 1000


def test_budget_is_given_in_turn_and_what_is_too_large_goes_alone() -> None:
    budget = Budget(100)
    granted: list[int] = []

    def wish(size: int) -> bool:
        return budget.take(size, lambda: granted.append(size) or True)  # type: ignore[func-returns-value]

    assert wish(60)
    assert not wish(50)
    assert not wish(10)  # Though it would fit: the large one is not to wait for ever.
    assert not wish(500)
    budget.give(60)
    assert granted == [50, 10]
    budget.give(50)
    assert granted == [50, 10]
    budget.give(10)
    assert granted == [50, 10, 500]


def test_budget_passes_over_who_has_gone() -> None:
    budget = Budget(100)
    assert budget.take(100, lambda: True)
    assert not budget.take(100, lambda: False)
    budget.give(100)
    assert budget.used_bytes == 0


def test_a_peer_has_a_few_lines_a_minute_and_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    peers = PeerLog(lambda: now[0])
    for number in range(100):
        peers.say(logging.WARNING, "192.0.2.1", f"line {number}")
    peers.say(logging.WARNING, "192.0.2.2", "another peer")
    now[0] = 61.0
    peers.say(logging.WARNING, "192.0.2.1", "later")
    assert [line for line in caplog.messages if "192.0.2.1" in line][4:] == [
        "192.0.2.1: line 4", "192.0.2.1: later (95 more lines were left out)",
    ]  # fmt: skip
    assert "192.0.2.2: another peer" in caplog.messages


async def test_large_requests_wait_for_their_bytes_and_all_are_answered(tmp_path: Path) -> None:
    async with _serving(tmp_path, requests_total_max_bytes=3 * MIB, message_max_bytes=8 * MIB) as broker:
        clients = [await WireClient.connect(broker.port) for _ in range(6)]
        await create_topic(clients[0], "t", max_message_bytes=str(8 * MIB))
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, broker.budget.used_bytes)
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        batch = make_batch(b"x" * MIB)
        answers = await asyncio.gather(*(one.call(0, 8, **produce_values("t", 0, batch)) for one in clients))
        watching.cancel()
        assert {answer.responses[0].partition_responses[0].error_code for answer in answers} == {ErrorCode.none}
        assert MIB < most <= 3 * MIB
        # One that is larger than the whole budget goes alone.
        answer = await clients[0].call(0, 8, **produce_values("t", 0, make_batch(b"x" * (4 * MIB))))
        assert answer.responses[0].partition_responses[0].error_code is ErrorCode.none
        assert broker.budget.used_bytes == 0
        # And one that is never finished gives its bytes back when its client goes.
        clients[1].writer.write((3 * MIB).to_bytes(4, "big") + b"\0\0")
        async with asyncio.timeout(5):
            while broker.budget.used_bytes != 3 * MIB:
                await asyncio.sleep(0)
            await clients[1].close()
            while broker.budget.used_bytes:
                await asyncio.sleep(0)
        for client in clients:
            await client.close()


async def test_only_produce_may_be_large(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with _serving(tmp_path) as broker:
        client = await WireClient.connect(broker.port)
        client.writer.write((2 * MIB).to_bytes(4, "big") + (3).to_bytes(2, "big"))
        assert await client.closed_by_broker()
        await client.close()
    assert any("announces 2097152 bytes, allowed are 8 to 1048576" in line for line in caplog.messages)


async def test_a_connection_with_enough_in_work_is_read_no_further(tmp_path: Path) -> None:
    async with _serving(tmp_path, connection_max_bytes=200_000) as broker:
        client = await WireClient.connect(broker.port)
        await create_topic(client, "t")
        batch = make_batch(b"x" * 50_000)
        for _ in range(60):
            client.send(0, 8, produce_values("t", 0, batch))
        [connection] = broker._connections
        most = 0
        for _ in range(60):
            most = max(most, connection._in_work_bytes)
            answer = await client.receive(0, 8)
            assert answer.responses[0].partition_responses[0].error_code is ErrorCode.none
        assert most < 200_000 + 60_000
        await client.close()


async def test_one_fetch_at_a_time_and_other_requests_beside_it(tmp_path: Path) -> None:
    async with _serving(tmp_path) as broker:
        client = await WireClient.connect(broker.port)
        await create_topic(client, "t")
        client.send(1, 11, fetch_values("t", 0, max_wait=60_000))
        for _ in range(5):
            client.send(1, 11, fetch_values("t", 0))
        await client.writer.drain()
        other = await WireClient.connect(broker.port)
        await other.call(18, 0)
        async with asyncio.timeout(5):
            while not broker.context.waiting:
                await asyncio.sleep(0)
        assert len(broker.context.waiting) == 1
        await other.call(0, 8, **produce_values("t", 0, make_batch(b"v")))
        for _ in range(6):
            assert (await client.receive(1, 11)).responses[0].partitions[0].high_watermark == 1
        await client.close()
        await other.close()


async def test_who_does_not_read_is_closed_and_gets_no_more_than_the_rest_leaves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with _serving(
        tmp_path, slow_reader_s=0.3, sweep_every_s=0.05, answers_total_max_bytes=20 * MIB, message_max_bytes=MIB
    ) as broker:
        client = await WireClient.connect(broker.port)
        await create_topic(client, "t")
        for _ in range(30):
            await client.call(0, 8, **produce_values("t", 0, make_batch(b"x" * 900_000)))
        deaf = await WireClient.connect(broker.port)
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
        limits = {"max_bytes": 50 * MIB, "partition_max_bytes": 50 * MIB}
        deaf.send(1, 11, fetch_values("t", 0, **limits))
        await deaf.writer.drain()
        async with asyncio.timeout(5):
            while not broker.unread:
                await asyncio.sleep(0)
        # What the deaf one holds is missing to the next.
        assert broker.context.fetch_room() < 20 * MIB - 5 * MIB
        answer = await client.call(1, 11, **fetch_values("t", 0, **limits))
        assert 0 < len(answer.responses[0].partitions[0].records) < 20 * MIB
        async with asyncio.timeout(5):
            while broker.unread:
                await asyncio.sleep(0.01)
        assert any("bytes of answers unread for 0.3 s" in line for line in caplog.messages)
        await client.call(18, 0)
        await client.close()
        deaf.writer.transport.abort()


async def test_idle_and_unfinished_connections_are_closed_and_waiting_ones_are_not(tmp_path: Path) -> None:
    async with _serving(tmp_path, connections_max_idle_s=0.4, sweep_every_s=0.05) as broker:
        idle, unfinished, waiting = [await WireClient.connect(broker.port) for _ in range(3)]
        await create_topic(idle, "t")
        unfinished.writer.write((100).to_bytes(4, "big") + b"\0\3")
        waiting.send(1, 11, fetch_values("t", 0, max_wait=1_000))
        assert await idle.closed_by_broker()
        assert await unfinished.closed_by_broker()
        assert (await waiting.receive(1, 11)).responses[0].partitions[0].error_code is ErrorCode.none
        for client in (idle, unfinished, waiting):
            await client.close()


async def test_partitions_over_all_topics_are_limited(tmp_path: Path) -> None:
    async with _serving(tmp_path, max_partitions_total=5) as broker:
        client = await WireClient.connect(broker.port)
        assert await create_topic(client, "a", partitions=4) == ErrorCode.none
        assert await create_topic(client, "b", partitions=2) == ErrorCode.policy_violation
        assert await create_topic(client, "b", partitions=1) == ErrorCode.none
        await client.close()


async def test_null_where_the_schema_has_none_closes_the_connection(broker: Broker, client: WireClient) -> None:
    client.send_raw(b"\0\2" + b"\0\1" + b"\0\0\0\1" + b"\xff\xff" + b"\xff\xff\xff\xff" + b"\xff\xff\xff\xff")
    assert await client.closed_by_broker()
