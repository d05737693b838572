import sqlite3
from collections.abc import Iterator
from itertools import count

import pytest
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from infra.broker import Broker
from infra.broker.batches import TRANSACTIONAL, read_header, with_position
from infra.broker.compaction import Cleaned, Pass, Policy
from infra.broker.integrity import batch_fault
from infra.broker.records import UnreadableRecordsError, is_sound, unpack
from infra.broker.store import Store, batch_key
from tests.infra.broker.support import WireClient, create_topic, make_batch, produce_values

NOW_MS = 1_000_000_000
POLICY = Policy(min_lag_ms=0, max_lag_ms=2**62, dirty_ratio=0.0, delete_retention_ms=1000)
_ids = count(1)

Written = list[tuple[bytes, bytes | None]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    store = Store.open(tmp_path_factory.mktemp("log") / "bus.db")
    connection = sqlite3.connect(store.path, isolation_level=None)
    yield connection
    connection.close()
    store.close()


class PartitionFile:
    """A partition of the file, written and compacted without a broker."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self.file = file
        self.id = next(_ids)
        self.end = 0
        file.execute(
            "INSERT INTO partitions (partition_id, topic_id, partition_index) VALUES (?, ?, 0)", (self.id,) * 2
        )

    def add(self, records: Written, compression: int = 0, timestamp_ms: int = 1_000, attributes: int = 0) -> None:
        keys, values = [key for key, _ in records], [value for _, value in records]
        made = make_batch(*values, keys=keys, compression=compression, timestamp_ms=timestamp_ms)
        batch = bytearray(with_position(made, self.end, 0))
        if attributes:
            batch[22] |= attributes
            batch[17:21] = crc32c(bytes(batch[21:])).to_bytes(4, "big")
        last = self.end + len(records) - 1
        row = (batch_key(self.id, self.end), last, read_header(batch).max_timestamp_ms, len(batch), bytes(batch))
        self.file.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
        self.end = last + 1

    def compact(
        self, now_ms: int = NOW_MS, policy: Policy = POLICY, max_keys: int = 1000, stop_after: int = -1
    ) -> Pass:
        work = Pass(self.file, self.id, policy, now_ms, lambda: None)
        cleaned = Cleaned.load(self.file, self.id)
        for number, (change, _) in enumerate(work.changes(0, self.end, cleaned, max_keys)):
            if number == stop_after:
                break
            change(self.file)
        return work

    def rows(self) -> list[tuple[int, int, int, int, bytes]]:
        low, high = batch_key(self.id, 0), batch_key(self.id + 1, 0)
        found = self.file.execute(
            "SELECT * FROM batches WHERE batch_key >= ? AND batch_key < ? ORDER BY batch_key", (low, high)
        )
        return found.fetchall()

    def records(self) -> list[tuple[int, int, bytes, bytes | None]]:
        """Offset, timestamp, key and value of everything, as a client's library reads it."""
        found = []
        for key, last, newest_ms, size, data in self.rows():
            assert batch_fault(key, last, data) is None
            assert size == len(data)
            batch = MemoryRecords(data).next_batch()
            assert batch is not None
            assert batch.validate_crc()
            read = [(one.offset, one.timestamp, one.key, one.value) for one in batch]
            assert max(timestamp for _, timestamp, _, _ in read) == newest_ms
            found += read
        return found


def _state(records: list[tuple[int, int, bytes, bytes | None]]) -> dict[bytes, tuple[int, int, bytes]]:
    """Newest record per key; a tombstone takes its key away."""
    state: dict[bytes, tuple[int, int, bytes]] = {}
    for offset, timestamp, key, value in records:
        state.pop(key, None)
        if value is not None:
            state[key] = (offset, timestamp, value)
    return state


_records = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.none() | st.binary(max_size=30)), min_size=1, max_size=6
)
_batches = st.lists(st.tuples(_records, st.integers(0, 4), st.booleans()), min_size=1, max_size=10)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_batches, st.lists(st.integers(0, 3000), min_size=1, max_size=4), st.integers(1, 5), st.data())
def test_what_a_log_says_is_the_same_before_and_after(
    file: sqlite3.Connection,
    batches: list[tuple[Written, int, bool]],
    waits_ms: list[int],
    max_keys: int,
    data: st.DataObject,
) -> None:
    partition = PartitionFile(file)
    for number, (records, compression, transactional) in enumerate(batches):
        partition.add(records, compression, 1_000 * number, TRANSACTIONAL if transactional and number % 3 == 0 else 0)
    before, first_rows = partition.records(), partition.rows()
    now_ms = NOW_MS
    for wait_ms in waits_ms:
        now_ms += wait_ms
        partition.compact(now_ms, max_keys=max_keys, stop_after=data.draw(st.integers(-1, 2)))
        after = partition.records()
        assert _state(after) == _state(before)
        assert set(after) <= set(before)
        assert after[-1] == before[-1]
        assert partition.rows()[-1] == first_rows[-1]


def test_only_the_newest_record_of_a_key_stays_where_it_was(file: sqlite3.Connection) -> None:
    partition = PartitionFile(file)
    partition.add([(b"a", b"1"), (b"b", b"1"), (b"a", b"2")])
    partition.add([(b"b", b"2")])
    partition.add([(b"c", b"1")])
    work = partition.compact()
    assert [(offset, key, value) for offset, _, key, value in partition.records()] == [
        (2, b"a", b"2"), (3, b"b", b"2"), (4, b"c", b"1"),
    ]  # fmt: skip
    assert work.records_removed == 2
    first = read_header(partition.rows()[0][4])
    assert (first.base_offset, first.last_offset_delta, first.record_count) == (0, 2, 1)
    assert Cleaned.load(file, partition.id).to == 4


@pytest.mark.parametrize("compression", range(5))
def test_compression_stays_what_the_producer_chose(file: sqlite3.Connection, compression: int) -> None:
    partition = PartitionFile(file)
    partition.add([(b"a", b"old" * 100), (b"b", b"kept" * 10_000)], compression)
    partition.add([(b"a", b"new")])
    partition.compact()
    data = partition.rows()[0][4]
    assert read_header(data).attributes & 7 == compression
    assert [value for _, _, _, value in partition.records()] == [b"kept" * 10_000, b"new"]


def test_a_tombstone_stays_for_its_time_and_then_goes_with_its_key(file: sqlite3.Connection) -> None:
    partition = PartitionFile(file)
    partition.add([(b"a", b"1")])
    partition.add([(b"a", None), (b"b", b"1")], timestamp_ms=5_000)
    partition.add([(b"end", b"1")])
    partition.compact(NOW_MS)
    assert [(key, stamp) for _, stamp, key, _ in partition.records()][:2] == [(b"a", 5_000), (b"b", 5_010)]
    assert Cleaned.load(file, partition.id).horizon_ms == NOW_MS + 1000
    partition.compact(NOW_MS + 999)
    assert len(partition.records()) == 3
    partition.compact(NOW_MS + 1000)
    assert partition.records()[0][:3] == (2, 5_010, b"b")
    assert Cleaned.load(file, partition.id).horizon_ms is None


def test_a_tombstone_stays_for_good_behind_what_may_not_be_opened(file: sqlite3.Connection) -> None:
    partition = PartitionFile(file)
    partition.add([(b"a", b"of a transaction")], attributes=TRANSACTIONAL)
    partition.add([(b"a", None)])
    partition.add([(b"end", b"1")])
    for late in range(0, 5000, 1000):
        partition.compact(NOW_MS + late)
    assert [(key, value) for _, _, key, value in partition.records()][:2] == [(b"a", b"of a transaction"), (b"a", None)]


def test_what_is_younger_than_the_lag_is_left_alone(file: sqlite3.Connection) -> None:
    partition = PartitionFile(file)
    partition.add([(b"a", b"1")], timestamp_ms=NOW_MS - 2_000)
    partition.add([(b"a", b"2")], timestamp_ms=NOW_MS - 100)
    partition.add([(b"end", b"1")], timestamp_ms=NOW_MS)
    lagging = Policy(min_lag_ms=1_000, max_lag_ms=2**62, dirty_ratio=0, delete_retention_ms=0)
    partition.compact(policy=lagging)
    assert len(partition.records()) == 3
    partition.compact(NOW_MS + 5_000, policy=lagging)
    assert [value for _, _, _, value in partition.records()] == [b"2", b"1"]


def test_a_small_key_table_needs_more_passes_and_comes_to_the_same(file: sqlite3.Connection) -> None:
    partition = PartitionFile(file)
    for number in range(40):
        partition.add([(b"%d" % (number % 20), b"%d" % number)])
    for _ in range(50):
        partition.compact(max_keys=3)
    assert [value for _, _, _, value in partition.records()] == [b"%d" % number for number in range(20, 40)]


def test_records_that_unpack_to_more_than_the_limit_are_not_held(file: sqlite3.Connection) -> None:
    for compression in (1, 2, 3, 4):
        batch = make_batch(b"\0" * 1_000_000, compression=compression)
        assert is_sound(batch)
        with pytest.raises(UnreadableRecordsError):
            unpack(batch, read_header(batch), 200_000)
        assert len(unpack(batch, read_header(batch))) > 1_000_000


async def test_compacted_topic_takes_no_record_without_a_key(broker: Broker, client: WireClient) -> None:
    await create_topic(client, "t", cleanup_policy="compact,delete")

    async def code(batch: bytes) -> ErrorCode:
        response = await client.call(0, 8, **produce_values("t", 0, batch))
        return ErrorCode(response.responses[0].partition_responses[0].error_code)

    assert await code(make_batch(b"x", b"y", keys=(b"k", None))) is ErrorCode.invalid_record
    assert await code(make_batch(b"x", b"y", keys=(b"k", b""), compression=4)) is ErrorCode.none
