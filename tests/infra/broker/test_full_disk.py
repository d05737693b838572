import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig
from infra.broker.store import Write
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values
from tests.infra.broker.test_transactions import Producer

PAYLOAD = b"x" * 100_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux":
        pytest.skip("a small file system is mounted on Linux alone")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@asynccontextmanager
async def _serving(path: Path, floor_bytes: int = 0) -> AsyncIterator[tuple[Broker, WireClient]]:
    broker = Broker(BrokerConfig(path=path, port=0, free_space_floor_bytes=floor_bytes))
    await broker.start()
    client = await WireClient.connect(broker.port)
    try:
        yield broker, client
    finally:
        await client.close()
        await broker.stop()


async def _produce(client: WireClient, batch: bytes) -> ErrorCode:
    answer = await client.call(0, 8, **produce_values("t", 0, batch))
    return ErrorCode(answer.responses[0].partition_responses[0].error_code)


async def _commit(client: WireClient) -> ErrorCode:
    part = {"partition_index": 0, "committed_offset": 1, "committed_metadata": "m" * 4000}
    answer = await client.call(
        8, 2, group_id="g", generation_id_or_member_epoch=-1, member_id="", retention_time=-1,
        topics=[{"name": "t", "partitions": [part]}],
    )  # fmt: skip
    return ErrorCode(answer.topics[0].partitions[0].error_code)


async def _fill(client: WireClient) -> int:
    """Produce until the disk is full; answers how many records were acknowledged."""
    stored = 0
    while (code := await _produce(client, make_batch(PAYLOAD))) is ErrorCode.none:
        stored += 1
        assert stored < 500
    assert code is ErrorCode.kafka_storage_error
    return stored


async def _count(client: WireClient) -> int:
    """Records that can be read, each with the payload it was sent with."""
    offset = 0
    while True:
        answer = await client.call(1, 11, **fetch_values("t", offset))
        part = answer.responses[0].partitions[0]
        assert part.error_code == 0
        if not part.records:
            assert part.high_watermark == offset
            return offset
        offset += part.records.count(PAYLOAD)


async def _until_taken(client: WireClient) -> None:
    async with asyncio.timeout(10):
        while await _produce(client, make_batch(PAYLOAD)) is not ErrorCode.none:
            await asyncio.sleep(0.05)


async def test_writes_are_refused_on_a_full_disk_and_taken_again_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_000_000))
    async with _serving(small_disk / "bus.db") as (broker, client):
        await create_topic(client, "t")
        stored = await _fill(client)
        assert await _count(client) == stored
        assert await create_topic(client, "more") == ErrorCode.kafka_storage_error
        assert await _commit(client) is ErrorCode.coordinator_not_available
        ballast.unlink()
        await _until_taken(client)
        assert await _count(client) == stored + 1
        assert await create_topic(client, "more") == ErrorCode.none
        assert await _commit(client) is ErrorCode.none
    async with _serving(small_disk / "bus.db") as (broker, client):
        assert await _count(client) == stored + 1
        assert broker._failed is not None
        assert not broker._failed.done()


async def test_offsets_and_sequences_go_on_without_a_gap_after_a_full_file(tmp_path: Path) -> None:
    async with _serving(tmp_path / "bus.db") as (broker, client):
        await create_topic(client, "t")
        await _limit(broker, 300)
        producer = await client.call(22, 0, transactional_id=None)
        batches = [
            make_batch(PAYLOAD, producer_id=producer.producer_id, epoch=0, sequence=number) for number in range(40)
        ]
        # One commit takes all that waits for it: of forty at once, none might be stored.
        codes = [await _produce(client, batch) for batch in batches[:3]]
        # All at once: those behind the one that does not fit were placed behind offsets that never came to be.
        for batch in batches[3:]:
            client.send(0, 8, produce_values("t", 0, batch))
        for _ in batches[3:]:
            answer = await client.receive(0, 8)
            codes.append(ErrorCode(answer.responses[0].partition_responses[0].error_code))
        stored = codes.count(ErrorCode.none)
        assert 3 <= stored < 40
        assert set(codes[stored:]) == {ErrorCode.kafka_storage_error}
        assert await _count(client) == stored
        await _limit(broker, 100_000)
        async with asyncio.timeout(10):
            for batch in batches[stored - 1 :]:  # The last one that was stored is told again, not stored again.
                while await _produce(client, batch) is not ErrorCode.none:
                    await asyncio.sleep(0.05)
        assert await _count(client) == 40


async def test_a_producer_waits_out_a_full_disk_by_its_own_retries(tmp_path: Path) -> None:
    async with _serving(tmp_path / "bus.db") as (broker, client):
        await create_topic(client, "t")
        await _limit(broker, 300)
        await _fill(client)
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{broker.port}", enable_idempotence=True)
        await producer.start()
        sending = asyncio.gather(*(producer.send_and_wait("t", PAYLOAD) for _ in range(5)))
        await asyncio.wait([sending], timeout=0.3)
        assert not sending.done()
        before = await _count(client)
        await _limit(broker, 100_000)
        assert [one.offset for one in await asyncio.wait_for(sending, 10)] == list(range(before, before + 5))
        await producer.stop()


async def test_a_transaction_is_ended_once_there_is_room(tmp_path: Path) -> None:
    async with _serving(tmp_path / "bus.db") as (broker, client):
        await create_topic(client, "t")
        producer = Producer(client)
        await producer.init()
        await producer.add(0)
        assert (await producer.send(b"first")).base_offset == 0
        await _limit(broker, 300)
        ending = {"transactional_id": "x", "producer_id": producer.id, "producer_epoch": producer.epoch}
        for _ in range(40):
            client.send(0, 8, produce_values("t", 0, make_batch(PAYLOAD)))
        client.send(26, 2, ending | {"committed": True})
        for _ in range(40):
            await client.receive(0, 8)
        # It fails with those before it, or comes after they were taken back.
        assert (await client.receive(26, 2)).error_code in {ErrorCode.none, ErrorCode.coordinator_not_available}
        await _limit(broker, 100_000)
        async with asyncio.timeout(10):
            while await producer.end(commit=True) is not ErrorCode.none:
                await asyncio.sleep(0.05)
        await _until_taken(client)
        everything = await client.call(1, 11, **fetch_values("t", 0))
        part = everything.responses[0].partitions[0]
        assert part.last_stable_offset == part.high_watermark
        await producer.add(0)
        assert (await producer.send(b"next")).base_offset == part.high_watermark


async def test_a_deleted_topic_is_back_when_the_deletion_found_no_room(tmp_path: Path) -> None:
    async with _serving(tmp_path / "bus.db") as (broker, client):
        await create_topic(client, "t")
        assert await _produce(client, make_batch(PAYLOAD)) is ErrorCode.none
        assert broker._context is not None
        topic = broker._context.log.remove_topic("t")
        broker._take_back()
        assert broker._context.log.topics["t"].topic_id == topic.topic_id
        assert await _count(client) == 1


async def test_a_reserve_is_kept_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with _serving(tmp_path / "bus.db") as (_, client):
        await create_topic(client, "t")
    async with _serving(tmp_path / "bus.db", floor_bytes=2**60) as (_, client):
        answer = await client.call(0, 8, **produce_values("t", 0, make_batch(b"v")))
        part = answer.responses[0].partition_responses[0]
        assert part.error_code is ErrorCode.kafka_storage_error
        assert "are kept as a reserve; make room" in part.error_message
        assert await _count(client) == 0
        answer = await client.call(20, 1, topic_names=["t"], timeout=1000)
        assert answer.responses[0].error_code is ErrorCode.none
    assert sum("writes are refused, reads go on" in line for line in caplog.messages) == 1


async def _limit(broker: Broker, pages: int) -> None:
    """Let the file grow to so many pages, as a quota would."""
    assert broker._context is not None
    limited = asyncio.Event()

    def change(writer: object) -> None:
        writer.execute(f"PRAGMA max_page_count = {pages}").fetchone()  # type: ignore[attr-defined]

    broker._context.store.submit(Write(lambda _: limited.set(), change=change, frees=True))
    await asyncio.wait_for(limited.wait(), 5)
