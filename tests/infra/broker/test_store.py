import asyncio
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig, StorageFailedError
from infra.broker.store import Store, StoredBatch, Write
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values


def _batch(offset: int) -> StoredBatch:
    return StoredBatch(1, offset, offset, 0, b"data")


async def test_writes_are_reported_in_order_when_many_are_committed_together(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "bus.db")
    reported: list[int] = []
    finished = asyncio.Event()
    for number in range(50):
        store.submit(Write(lambda failure, n=number: reported.append(n), [_batch(number)]))  # type: ignore[misc]
    store.submit(Write(lambda _: finished.set()))
    store.start(asyncio.get_running_loop(), lambda _: None)
    await asyncio.wait_for(finished.wait(), 5)
    assert reported == list(range(50))
    assert store.reader.execute("SELECT count(*) FROM batches").fetchone() == (50,)
    store.close()


async def test_nothing_is_written_after_a_failed_commit(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "bus.db")
    outcomes: list[bool] = []
    failures: list[StorageFailedError] = []
    store.start(asyncio.get_running_loop(), failures.append)
    first, last = asyncio.Event(), asyncio.Event()
    store.submit(Write(lambda _: first.set(), [_batch(0)]))
    await asyncio.wait_for(first.wait(), 5)
    store.submit(Write(lambda f: outcomes.append(f is None), [_batch(0)]))  # The offset is taken.
    store.submit(Write(lambda f: outcomes.append(f is None), [_batch(1)]))
    store.submit(Write(lambda _: last.set()))
    await asyncio.wait_for(last.wait(), 5)
    assert outcomes == [False, False]
    assert len(failures) == 1
    assert "start the broker again" in str(failures[0])
    assert store.reader.execute("SELECT count(*) FROM batches").fetchone() == (1,)
    store.close()


async def test_produce_is_refused_reads_go_on_and_serving_ends_when_the_disk_fails(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "t")
    await client.call(0, 8, **produce_values("t", 0, make_batch(b"kept")))
    assert broker._context is not None
    broker._context.store.submit(Write(lambda _: None, change=lambda writer: writer.execute("no statement") and None))
    response = await client.call(0, 8, **produce_values("t", 0, make_batch(b"lost")))
    assert response.responses[0].partition_responses[0].error_code is ErrorCode.kafka_storage_error
    fetched = await client.call(1, 11, **fetch_values("t", 0))
    assert fetched.responses[0].partitions[0].high_watermark == 1
    with pytest.raises(StorageFailedError):
        await asyncio.wait_for(broker.serve_forever(), 5)
    await client.close()
    await broker.stop()


async def test_waiting_fetch_is_forgotten_when_its_client_goes(broker: Broker, client: WireClient) -> None:
    await create_topic(client, "t")
    leaving = await WireClient.connect(broker.port)
    await leaving.call(18, 0)
    leaving.send(1, 11, fetch_values("t", 0, max_wait=600_000))
    await leaving.writer.drain()
    assert broker._context is not None
    async with asyncio.timeout(5):
        while not broker._context.waiting:
            await asyncio.sleep(0)
        await leaving.close()
        while broker._context.waiting:
            await asyncio.sleep(0)
    assert not broker._context.log.topics["t"].partitions[0].waiters
