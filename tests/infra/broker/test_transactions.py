"""Transactions on the wire, where no client library would go: markers, epochs, timeouts, restarts."""

import asyncio
import contextlib
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig
from infra.broker.batches import read_header
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

PRODUCE, FETCH, OFFSET_FETCH, LIST_OFFSETS, DELETE_TOPICS, DELETE_RECORDS = 0, 1, 9, 2, 20, 21
INIT, ADD_PARTITIONS, ADD_OFFSETS, END, TXN_OFFSETS = 22, 24, 25, 26, 28
DESCRIBE_PRODUCERS, DESCRIBE, LIST = 61, 65, 66

Connect = Callable[[], Coroutine[Any, Any, WireClient]]


class Producer:
    """A transactional producer in bare requests. `t` is its topic."""

    def __init__(self, client: WireClient, name: str = "x") -> None:
        self.client = client
        self.name = name
        self.id = self.epoch = -1
        self.sequence = 0

    async def init(self, timeout_ms: int = 60_000, *, again: bool = False) -> ErrorCode:
        known = {"producer_id": self.id, "producer_epoch": self.epoch} if again else {}
        unknown = {"producer_id": -1, "producer_epoch": -1}
        response = await self.client.call(
            INIT, 4, transactional_id=self.name, transaction_timeout=timeout_ms, **(unknown | known)
        )
        if response.error_code is ErrorCode.none:
            self.id, self.epoch, self.sequence = response.producer_id, response.producer_epoch, 0
        return ErrorCode(response.error_code)

    async def add(self, *partitions: int) -> ErrorCode:
        response = await self.client.call(
            ADD_PARTITIONS, 2,
            v3_and_below_transactional_id=self.name, v3_and_below_producer_id=self.id,
            v3_and_below_producer_epoch=self.epoch, v3_and_below_topics=[{"name": "t", "partitions": partitions}],
        )  # fmt: skip
        return ErrorCode(response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code)

    async def send(self, *values: bytes, partition: int = 0, transactional: bool = True) -> Any:
        batch = make_batch(
            *values, producer_id=self.id, epoch=self.epoch, sequence=self.sequence, transactional=transactional
        )
        response = await self.client.call(
            PRODUCE, 8, **(produce_values("t", partition, batch) | {"transactional_id": self.name})
        )
        answer = response.responses[0].partition_responses[0]
        if answer.error_code is ErrorCode.none:
            self.sequence += len(values)
        return answer

    async def end(self, *, commit: bool) -> ErrorCode:
        response = await self.client.call(
            END, 2, transactional_id=self.name, producer_id=self.id, producer_epoch=self.epoch, committed=commit
        )
        return ErrorCode(response.error_code)

    async def add_offsets(self) -> ErrorCode:
        response = await self.client.call(
            ADD_OFFSETS, 2, transactional_id=self.name, producer_id=self.id, producer_epoch=self.epoch, group_id="g"
        )
        return ErrorCode(response.error_code)

    async def commit_offset(self, offset: int) -> ErrorCode:
        part = {"partition_index": 0, "committed_offset": offset, "committed_leader_epoch": -1}
        response = await self.client.call(
            TXN_OFFSETS, 3, transactional_id=self.name, group_id="g", producer_id=self.id, producer_epoch=self.epoch,
            generation_id=-1, member_id="", group_instance_id=None,
            topics=[{"name": "t", "partitions": [part | {"committed_metadata": None}]}],
        )  # fmt: skip
        return ErrorCode(response.topics[0].partitions[0].error_code)


async def fetch(client: WireClient, offset: int, *, committed: bool, version: int = 11) -> Any:
    wanted = fetch_values("t", offset) | {"isolation_level": int(committed)}
    return (await client.call(FETCH, version, **wanted)).responses[0].partitions[0]


def bases(records: bytes | None) -> list[tuple[int, bool]]:
    """(base offset, is an end marker) of every batch."""
    data, found = bytes(records or b""), []
    while data:
        header = read_header(data)
        found.append((header.base_offset, header.is_control))
        data = data[header.size :]
    return found


async def latest(client: WireClient, *, committed: bool) -> int:
    part = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": -1}
    response = await client.call(
        LIST_OFFSETS, 5, replica_id=-1, isolation_level=int(committed), topics=[{"name": "t", "partitions": [part]}]
    )
    return int(response.topics[0].partitions[0].offset)


async def committed_offset(client: WireClient, *, stable: bool = False) -> tuple[int, ErrorCode]:
    topics = [{"name": "t", "partition_indexes": [0]}]
    response = await client.call(OFFSET_FETCH, 7, group_id="g", topics=topics, require_stable=stable)
    entry = response.topics[0].partitions[0]
    return entry.committed_offset, ErrorCode(entry.error_code)


@pytest.fixture
async def producer(client: WireClient) -> Producer:
    await create_topic(client, "t", partitions=2)
    made = Producer(client)
    assert await made.init() is ErrorCode.none
    return made


async def test_readers_of_the_committed_stop_at_an_open_transaction_and_skip_an_aborted_one(
    client: WireClient, producer: Producer
) -> None:
    await client.call(PRODUCE, 8, **produce_values("t", 0, make_batch(b"plain")))
    assert await producer.add(0) is ErrorCode.none
    assert (await producer.send(b"a", b"b")).base_offset == 1
    await client.call(PRODUCE, 8, **produce_values("t", 0, make_batch(b"behind")))

    part = await fetch(client, 0, committed=True)
    assert (bases(part.records), part.last_stable_offset, part.high_watermark) == ([(0, False)], 1, 4)
    assert part.aborted_transactions == ()
    everything = await fetch(client, 0, committed=False)
    assert bases(everything.records) == [(0, False), (1, False), (3, False)]
    assert everything.aborted_transactions is None
    assert (await latest(client, committed=True), await latest(client, committed=False)) == (1, 4)

    assert await producer.end(commit=False) is ErrorCode.none
    part = await fetch(client, 0, committed=True)
    assert bases(part.records) == [(0, False), (1, False), (3, False), (4, True)]
    assert [(entry.producer_id, entry.first_offset) for entry in part.aborted_transactions] == [(producer.id, 1)]
    assert (part.last_stable_offset, part.high_watermark) == (5, 5)
    assert (await fetch(client, 4, committed=True)).aborted_transactions != ()
    await client.call(PRODUCE, 8, **produce_values("t", 0, make_batch(b"later")))
    assert (await fetch(client, 5, committed=True)).aborted_transactions == ()


async def test_waiting_reader_of_the_committed_wakes_when_the_transaction_ends(
    connect: Connect, client: WireClient, producer: Producer
) -> None:
    reader = await connect()
    await producer.add(0)
    await producer.send(b"a")
    reader.send(FETCH, 11, fetch_values("t", 0, max_wait=30_000) | {"isolation_level": 1})
    waiting = asyncio.ensure_future(reader.receive(FETCH, 11))
    await producer.send(b"b")
    assert not waiting.done()
    assert await producer.end(commit=True) is ErrorCode.none
    part = (await waiting).responses[0].partitions[0]
    assert bases(part.records) == [(0, False), (1, False), (2, True)]
    assert part.aborted_transactions == ()


async def test_every_partition_gets_its_marker_and_the_sequence_runs_on(client: WireClient, producer: Producer) -> None:
    await producer.add(0, 1)
    await producer.send(b"a")
    assert await producer.end(commit=True) is ErrorCode.none
    assert await producer.end(commit=True) is ErrorCode.none
    assert await producer.end(commit=False) is ErrorCode.invalid_txn_state
    await producer.add(0)
    assert (await producer.send(b"b")).base_offset == 2
    assert await producer.end(commit=True) is ErrorCode.none
    response = await client.call(FETCH, 11, **fetch_values("t", 0, partition=1))
    assert bases(response.responses[0].partitions[0].records) == [(0, True)]


async def test_records_are_refused_when_no_transaction_covers_them(producer: Producer) -> None:
    assert (await producer.send(b"a")).error_code is ErrorCode.invalid_txn_state
    await producer.add(1)
    assert (await producer.send(b"a")).error_code is ErrorCode.invalid_txn_state
    assert (await producer.send(b"a", partition=1)).error_code is ErrorCode.none
    refused = await producer.send(b"a", partition=1, transactional=False)
    assert refused.error_code is ErrorCode.invalid_txn_state


async def test_nothing_joins_a_transaction_when_one_partition_is_unknown(producer: Producer) -> None:
    assert await producer.add(0, 9) is ErrorCode.operation_not_attempted
    assert await producer.end(commit=True) is ErrorCode.invalid_txn_state


async def test_zombie_is_fenced_and_its_transaction_aborted_when_a_successor_starts(
    client: WireClient, producer: Producer
) -> None:
    await producer.add(0)
    await producer.send(b"lost")
    successor = Producer(client)
    assert await successor.init() is ErrorCode.none
    assert successor.id == producer.id
    assert successor.epoch > producer.epoch
    assert (await producer.send(b"more")).error_code is ErrorCode.invalid_producer_epoch
    assert await producer.add(0) is ErrorCode.producer_fenced
    assert await producer.end(commit=True) is ErrorCode.producer_fenced
    assert await producer.commit_offset(1) is ErrorCode.invalid_producer_epoch
    assert await producer.init(again=True) is ErrorCode.producer_fenced
    await successor.add(0)
    assert (await successor.send(b"kept")).base_offset == 2
    assert await successor.end(commit=True) is ErrorCode.none
    part = await fetch(client, 0, committed=True)
    assert [entry.first_offset for entry in part.aborted_transactions] == [0]


async def test_producer_that_goes_on_after_an_error_gets_the_next_epoch_and_the_same_when_it_asks_twice(
    producer: Producer,
) -> None:
    before = (producer.id, producer.epoch)
    assert await producer.init(again=True) is ErrorCode.none
    after = (producer.id, producer.epoch)
    assert after == (before[0], before[1] + 1)
    producer.id, producer.epoch = before
    assert await producer.init(again=True) is ErrorCode.none
    assert (producer.id, producer.epoch) == after


async def test_old_versions_say_epoch_where_new_ones_say_fenced(client: WireClient, producer: Producer) -> None:
    await Producer(client).init()
    response = await client.call(
        END, 1, transactional_id="x", producer_id=producer.id, producer_epoch=producer.epoch, committed=True
    )
    assert response.error_code is ErrorCode.invalid_producer_epoch
    stranger = Producer(client, "nobody")
    assert await stranger.end(commit=True) is ErrorCode.invalid_producer_id_mapping


async def test_offsets_count_only_when_the_transaction_is_committed(client: WireClient, producer: Producer) -> None:
    assert await producer.commit_offset(5) is ErrorCode.invalid_txn_state
    for commit, expected in ((False, -1), (True, 5)):
        assert await producer.add_offsets() is ErrorCode.none
        assert await producer.commit_offset(5) is ErrorCode.none
        assert await committed_offset(client) == (-1, ErrorCode.none)
        assert await committed_offset(client, stable=True) == (-1, ErrorCode.unstable_offset_commit)
        assert await producer.end(commit=commit) is ErrorCode.none
        assert await committed_offset(client, stable=True) == (expected, ErrorCode.none)


async def test_transaction_is_aborted_and_its_producer_fenced_when_it_lasts_too_long(
    connect: Connect, client: WireClient
) -> None:
    await create_topic(client, "t")
    producer, reader = Producer(client), await connect()
    assert await producer.init(timeout_ms=50) is ErrorCode.none
    await producer.add(0)
    await producer.send(b"late")
    reader.send(FETCH, 11, fetch_values("t", 0, max_wait=30_000) | {"isolation_level": 1})
    part = (await reader.receive(FETCH, 11)).responses[0].partitions[0]
    assert bases(part.records) == [(0, False), (1, True)]
    assert [entry.first_offset for entry in part.aborted_transactions] == [0]
    assert await producer.end(commit=True) is ErrorCode.producer_fenced
    assert (await producer.send(b"later")).error_code is ErrorCode.invalid_producer_epoch


@pytest.mark.parametrize("timeout_ms", [0, 900_001])
async def test_timeout_is_refused_when_it_is_out_of_bounds(client: WireClient, timeout_ms: int) -> None:
    assert await Producer(client).init(timeout_ms) is ErrorCode.invalid_transaction_timeout
    assert await Producer(client, "").init() is ErrorCode.invalid_request


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[WireClient]:
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    yield client
    await client.close()
    await broker.stop()


@pytest.mark.parametrize("commit", [True, False])
async def test_open_transaction_stays_open_when_the_broker_restarts(tmp_path: Path, commit: bool) -> None:
    async with running(tmp_path / "bus.db") as client:
        await create_topic(client, "t", partitions=2)
        producer = Producer(client)
        await producer.init()
        await producer.add(0, 1)
        await producer.send(b"a", b"b")
        await producer.add_offsets()
        await producer.commit_offset(7)
    async with running(tmp_path / "bus.db") as client:
        assert (await fetch(client, 0, committed=True)).last_stable_offset == 0
        assert (await committed_offset(client, stable=True))[1] is ErrorCode.unstable_offset_commit
        producer.client = client
        assert (await producer.send(b"c")).base_offset == 2
        assert await producer.end(commit=commit) is ErrorCode.none
    async with running(tmp_path / "bus.db") as client:
        part = await fetch(client, 0, committed=True)
        assert bases(part.records) == [(0, False), (2, False), (3, True)]
        assert [entry.first_offset for entry in part.aborted_transactions] == ([] if commit else [0])
        assert await committed_offset(client, stable=True) == (7 if commit else -1, ErrorCode.none)


async def test_open_transaction_goes_on_without_a_partition_that_a_repaired_file_has_lost(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    async with running(path) as client:
        await create_topic(client, "t", partitions=2)
        producer = Producer(client)
        await producer.init()
        await producer.add(0, 1)
        await producer.send(b"a")
        await producer.send(b"b", partition=1)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM partitions WHERE partition_index = 1")
        file.execute("DELETE FROM producers")
        file.commit()
    async with running(path) as client:
        producer.client = client
        assert await producer.end(commit=True) is ErrorCode.none
        assert bases((await fetch(client, 0, committed=True)).records) == [(0, False), (1, True)]


async def test_open_transaction_is_aborted_when_its_time_ran_out_while_the_broker_was_down(tmp_path: Path) -> None:
    async with running(tmp_path / "bus.db") as client:
        await create_topic(client, "t")
        producer = Producer(client)
        await producer.init(timeout_ms=1)
        await producer.add(0)
    async with running(tmp_path / "bus.db") as client:
        wanted = fetch_values("t", 0, max_wait=30_000) | {"isolation_level": 1}
        part = (await client.call(FETCH, 11, **wanted)).responses[0].partitions[0]
        assert bases(part.records) == [(0, True)]


async def test_transaction_ends_without_a_partition_when_its_topic_is_deleted(
    client: WireClient, producer: Producer
) -> None:
    await producer.add(0)
    await producer.send(b"a")
    await producer.add_offsets()
    await producer.commit_offset(1)
    await client.call(DELETE_TOPICS, 3, topic_names=["t"])
    assert await producer.end(commit=True) is ErrorCode.none
    await create_topic(client, "t")
    assert await committed_offset(client) == (-1, ErrorCode.none)
    assert (await fetch(client, 0, committed=True)).last_stable_offset == 0


async def test_sequences_are_still_known_when_the_records_were_deleted(client: WireClient, producer: Producer) -> None:
    await producer.add(0)
    await producer.send(b"a", b"b")
    await producer.end(commit=True)
    part = {"partition_index": 0, "offset": -1}
    response = await client.call(DELETE_RECORDS, 1, topics=[{"name": "t", "partitions": [part]}], timeout=1000)
    assert response.topics[0].partitions[0].low_watermark == 3
    await producer.add(0)
    producer.sequence = 0
    assert (await producer.send(b"a", b"b")).base_offset == 0
    producer.sequence = 5
    assert (await producer.send(b"c")).error_code is ErrorCode.out_of_order_sequence_number
    producer.sequence = 2
    assert (await producer.send(b"c")).base_offset == 3


async def test_epochs_run_out_into_a_new_producer_id(broker: Broker, client: WireClient) -> None:
    producer = Producer(client)
    await producer.init()
    old = producer.id
    broker.context.transactions.by_id["x"].epoch = 32_760  # as after so many starts of the producer
    epochs = []
    while producer.id == old:
        assert await producer.init() is ErrorCode.none
        epochs.append(producer.epoch)
    assert producer.id > old
    assert epochs == [32_761, 32_762, 32_763, 32_764, 32_765, 32_766, 0]


async def test_operator_sees_what_is_open(client: WireClient, producer: Producer) -> None:
    await producer.add(0)
    await producer.send(b"a")
    (mine,) = (await client.call(DESCRIBE, 0, transactional_ids=["x"])).transaction_states
    assert (mine.transaction_state, mine.producer_id, mine.topics[0].partitions) == ("Ongoing", producer.id, (0,))
    client.send(DESCRIBE, 0, {"transactional_ids": ["nobody"]})
    _, answer = await client.receive_raw()  # kio does not read the start time -1, which Kafka too sends for "none".
    assert answer[6:8] == struct.pack(">h", ErrorCode.transactional_id_not_found)
    wanted = {"state_filters": ["Ongoing", "Strange"], "producer_id_filters": [], "duration_filter": -1}
    listed = await client.call(LIST, 1, **wanted)
    assert [each.transactional_id for each in listed.transaction_states] == ["x"]
    assert listed.unknown_state_filters == ("Strange",)
    assert (await client.call(LIST, 1, **(wanted | {"duration_filter": 60_000}))).transaction_states == ()
    assert (await client.call(LIST, 1, **(wanted | {"producer_id_filters": [999]}))).transaction_states == ()
    topics = [{"name": "t", "partition_indexes": [0, 9]}]
    found, missing = (await client.call(DESCRIBE_PRODUCERS, 0, topics=topics)).topics[0].partitions
    assert [(p.producer_id, p.last_sequence, p.current_txn_start_offset) for p in found.active_producers] == [
        (producer.id, 0, 0)
    ]
    assert missing.error_code is ErrorCode.unknown_topic_or_partition


async def test_what_the_file_does_not_have_did_not_happen_when_it_is_read_again(
    broker: Broker, client: WireClient, producer: Producer
) -> None:
    await producer.add(0)
    await producer.send(b"a")
    context = broker._context
    assert context is not None
    found, part = context.transactions.by_id["x"], context.log.topics["t"].partitions[0]
    # As a write that failed would leave it, one that began an end and another producer's transaction.
    found.ending = True
    found.partitions[context.log.topics["t"].partitions[1].partition_id] = 0
    part.open_transactions[77] = 1
    context.transactions.load(context.store.reader, context.log)
    assert part.open_transactions == {producer.id: 0}
    assert await producer.end(commit=True) is ErrorCode.none
    assert (await latest(client, committed=True)) == 2
