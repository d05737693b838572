import asyncio
import contextlib
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.broker import Broker, BrokerConfig, BrokerError, BrokerFileInUseError, NotLoopbackError
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

PRODUCE, FETCH, INIT_PRODUCER_ID, HEARTBEAT, OFFSET_COMMIT = 0, 1, 22, 12, 8


@asynccontextmanager
async def broker_process(
    path: Path, port: int = 0, module: str = "infra.broker"
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--path", str(path), "--port", str(port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line.startswith("listening on 127.0.0.1:")
        yield process, int(line.rsplit(":", 1)[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_every_acknowledged_record_is_there_when_the_broker_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    acknowledged: list[int] = []
    async with broker_process(path) as (process, port):
        address = f"127.0.0.1:{port}"
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("t", 2, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
        await producer.start()
        enough = asyncio.Event()

        async def send(lane: int) -> None:
            number = lane
            while not process.returncode:
                await producer.send_and_wait("t", b"%d" % number, partition=lane % 2)
                acknowledged.append(number)
                number += 8
                if len(acknowledged) >= 150:
                    enough.set()

        lanes = [asyncio.create_task(send(lane)) for lane in range(8)]
        await asyncio.wait_for(enough.wait(), 20)
        process.kill()
        await process.wait()
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

        async with broker_process(path, port):
            # The producer that lived through the crash goes on with its sequence numbers.
            await asyncio.wait_for(producer.send_and_wait("t", b"after", partition=0), 10)
            await producer.stop()
            consumer = AIOKafkaConsumer("t", bootstrap_servers=address, auto_offset_reset="earliest")
            await consumer.start()
            stored: list[bytes] = []
            while b"after" not in stored or len(stored) < len(acknowledged) + 1:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    stored += [record.value for record in records]
            await consumer.stop()
    numbers = [int(value) for value in stored if value != b"after"]
    assert set(acknowledged) <= set(numbers)
    assert len(numbers) == len(set(numbers))


async def test_process_ends_cleanly_and_lets_the_file_go_when_it_gets_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    async with broker_process(path) as (process, port):
        client = await WireClient.connect(port)
        await create_topic(client, "t")
        client.send(FETCH, 11, fetch_values("t", 0, max_wait=60_000))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await client.close()
    again = Broker(BrokerConfig(path=path, port=0))
    await again.start()
    await again.stop()


async def test_second_broker_is_refused_when_the_file_is_in_use(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(BrokerFileInUseError, match=r"another broker is running on .*bus\.db.*--path"):
        await Broker(BrokerConfig(path=tmp_path / "bus.db", port=0)).start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.broker", "--path", str(tmp_path / "bus.db"), "--port", "0",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"another broker is running" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "shop.example"])
def test_address_is_refused_with_advice_when_others_could_reach_it(tmp_path: Path, host: str) -> None:
    with pytest.raises(NotLoopbackError, match=r"--tls-cert.*--users.*Apache Kafka"):
        Broker(BrokerConfig(path=tmp_path / "bus.db", host=host))


async def test_port_is_refused_and_the_file_let_go_when_it_is_taken(broker: Broker, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with pytest.raises(BrokerError, match="cannot listen on"):
        await Broker(BrokerConfig(path=other, port=broker.port)).start()
    free = Broker(BrokerConfig(path=other, port=0))
    await free.start()
    await free.stop()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"not a database" * 100), "cannot be used as the broker's file"),
        (lambda path: _execute(path, "CREATE TABLE theirs (x)"), "another program"),
        (lambda path: _execute(path, "PRAGMA user_version = 99"), "schema 99"),
    ],
)
async def test_file_is_refused_when_it_is_not_the_brokers(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "bus.db"
    spoil(path)
    with pytest.raises(BrokerError, match=said):
        await Broker(BrokerConfig(path=path, port=0)).start()


def _execute(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)


async def test_child_that_cannot_start_says_why_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(b"not a database" * 100)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.broker", "--path", str(path), "--port", "0", "--lifeline",
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = await asyncio.wait_for(process.stderr.read(), 20)
    assert await process.wait() == 1
    assert said.startswith(b"broker: ")
    assert said.count(b"\n") == 1


async def test_everything_but_members_is_remembered_when_the_broker_restarts(tmp_path: Path) -> None:
    config = BrokerConfig(path=tmp_path / "bus.db", port=0)
    first = Broker(config)
    await first.start()
    client = await WireClient.connect(first.port)
    await create_topic(client, "t", cleanup_policy="compact")
    producer = await client.call(INIT_PRODUCER_ID, 0, transactional_id=None)
    batch = make_batch(b"a", b"b", keys=(b"1", b"2"), producer_id=producer.producer_id, epoch=0, sequence=0)
    await client.call(PRODUCE, 8, **produce_values("t", 0, batch))
    joined = await _join(client)
    await _commit(client, joined.member_id, joined.generation_id, 2)
    await client.close()
    await first.stop()

    second = Broker(config)
    await second.start()
    client = await WireClient.connect(second.port)
    repeated = await client.call(PRODUCE, 8, **produce_values("t", 0, batch))
    assert repeated.responses[0].partition_responses[0].base_offset == 0
    assert (await _join(client)).generation_id == joined.generation_id + 1
    refused = await _commit(client, joined.member_id, joined.generation_id, 1)
    assert refused == 25
    fetched = await client.call(9, 5, group_id="g", topics=None)
    assert fetched.topics[0].partitions[0].committed_offset == 2
    newcomer = await client.call(INIT_PRODUCER_ID, 0, transactional_id=None)
    assert newcomer.producer_id > producer.producer_id
    configs = await client.call(32, 3, resources=[
        {"resource_type": 2, "resource_name": "t", "configuration_keys": ["cleanup.policy"]}
    ])  # fmt: skip
    assert configs.results[0].configs[0].value == "compact"
    await client.close()
    await second.stop()


async def _join(client: WireClient) -> object:
    return await client.call(
        11, 2, group_id="g", session_timeout=10_000, rebalance_timeout=10_000, member_id="",
        protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}],
    )  # fmt: skip


async def _commit(client: WireClient, member_id: str, generation: int, offset: int) -> int:
    await client.call(14, 0, group_id="g", generation_id=generation, member_id=member_id, assignments=[])
    part = {"partition_index": 0, "committed_offset": offset, "committed_metadata": None}
    response = await client.call(
        OFFSET_COMMIT, 2, group_id="g", generation_id_or_member_epoch=generation,
        member_id=member_id, retention_time=-1, topics=[{"name": "t", "partitions": [part]}],
    )  # fmt: skip
    return int(response.topics[0].partitions[0].error_code)
