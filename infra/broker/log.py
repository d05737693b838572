"""Topics and partitions in memory: offsets, the recent tail of each log, producers, who waits for data.

All of it belongs to the event loop. Offsets are assigned at once, but a batch becomes readable only when the
store has committed it, so no consumer sees what a crash could take back.
"""

import bisect
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.broker.errors import DamagedBatchError
from infra.broker.integrity import batch_fault
from infra.broker.producers import ProducerState
from infra.broker.records import first_record_at_or_after
from infra.broker.store import StoredBatch, batch_key

LEADER_EPOCH = 0  # One broker, never a change of leader.
_COMPACT_AFTER = 512
_FORGOTTEN = StoredBatch(-1, -1, -1, -1, b"")


class Tail:
    """The newest committed batches of one partition, contiguous up to its high watermark."""

    __slots__ = ("_batches", "_first", "_head", "_last_offsets")

    def __init__(self) -> None:
        self._batches: list[StoredBatch] = []
        self._last_offsets: list[int] = []
        self._head = 0  # The oldest that counts against the budget.
        self._first = 0  # The oldest that may be read.

    def append(self, batch: StoredBatch) -> None:
        """Add the batch that follows the newest one."""
        self._batches.append(batch)
        self._last_offsets.append(batch.last_offset)

    def drop_oldest(self) -> int:
        """Forget the oldest batch and answer how many bytes that freed."""
        size = len(self._batches[self._head].data)
        self._batches[self._head] = _FORGOTTEN
        self._head += 1
        if self._head >= _COMPACT_AFTER and self._head * 2 >= len(self._batches):
            del self._batches[: self._head]
            del self._last_offsets[: self._head]
            self._first -= self._head
            self._head = 0
        self._first = max(self._first, self._head)
        return size

    def forget(self) -> int:
        """Read nothing that is in memory now any more, and answer how many bytes that freed."""
        freed = sum(len(batch.data) for batch in self._batches[self._head :])
        self._first = len(self._batches)
        self._batches[self._head :] = [_FORGOTTEN] * (self._first - self._head)
        return freed

    def read(self, offset: int, max_bytes: int) -> list[bytes] | None:
        """Whole batches from the one that holds `offset`, at least one; None when it is not in memory."""
        index = bisect.bisect_left(self._last_offsets, offset, self._first)
        if index >= len(self._batches) or self._batches[index].base_offset > offset:
            return None
        found: list[bytes] = []
        while index < len(self._batches):
            data = self._batches[index].data
            max_bytes -= len(data)
            if found and max_bytes < 0:
                break
            found.append(data)
            index += 1
        return found


class AbortedTransaction(NamedTuple):
    """Records of a producer that a read_committed reader skips; `last_offset` is that of the abort marker."""

    producer_id: int
    first_offset: int
    last_offset: int


@dataclass(slots=True, eq=False)
class Partition:
    """One partition. `next_offset` is the next to assign, `high_watermark` the first not yet committed.

    `open_transactions` maps a producer id to the first offset of its undecided transaction. `aborted` is in the
    order of `last_offset`.
    """

    partition_id: int
    topic: str
    index: int
    log_start_offset: int
    next_offset: int
    high_watermark: int
    producers: dict[int, ProducerState] = field(default_factory=dict)
    open_transactions: dict[int, int] = field(default_factory=dict)
    aborted: list[AbortedTransaction] = field(default_factory=list)
    tail: Tail = field(default_factory=Tail)
    waiters: set[Callable[[], None]] = field(default_factory=set)
    deleted: bool = False

    @property
    def last_stable_offset(self) -> int:
        """First offset a read_committed reader may not pass: what stands from there on is not decided yet."""
        if not self.open_transactions:
            return self.high_watermark
        undecided = min(self.open_transactions.values())
        return max(self.log_start_offset, min(undecided, self.high_watermark))

    def aborted_in(self, start: int, end: int) -> list[AbortedTransaction]:
        """Aborted transactions with records from `start` up to and without `end`."""
        first = bisect.bisect_left(self.aborted, start, key=lambda entry: entry.last_offset)
        return [entry for entry in self.aborted[first:] if entry.first_offset < end]


@dataclass(slots=True, eq=False)
class Topic:
    """A topic, its explicit configuration and its partitions by index."""

    topic_id: int
    name: str
    configs: Mapping[str, str]
    partitions: list[Partition]
    max_message_bytes: int


class Log:
    """Every topic of the broker and the memory budget of the tails."""

    def __init__(self, tail_cache_bytes: int, default_max_message_bytes: int) -> None:
        self.topics: dict[str, Topic] = {}
        self.partitions: dict[int, Partition] = {}
        self._budget_bytes = tail_cache_bytes
        self._default_max_message_bytes = default_max_message_bytes
        self._cached: deque[Partition] = deque()
        self._cached_bytes = 0

    def load(self, reader: sqlite3.Connection) -> None:
        """Read topics, ends of logs and producers back from the file."""
        for topic_id, name in reader.execute("SELECT topic_id, name FROM topics").fetchall():
            rows = reader.execute("SELECT name, value FROM topic_configs WHERE topic_id = ?", (topic_id,))
            configs = dict(rows.fetchall())
            partitions = [
                (row[0], row[1], row[2], _next_offset(reader, row[0], row[3]))
                for row in reader.execute(
                    "SELECT partition_id, partition_index, log_start_offset, next_offset_floor FROM partitions"
                    " WHERE topic_id = ? ORDER BY partition_index",
                    (topic_id,),
                ).fetchall()
            ]
            self.add_topic(topic_id, name, configs, partitions)
        for partition_id, producer_id, epoch, batches in reader.execute(
            "SELECT partition_id, producer_id, epoch, batches FROM producers"
        ):
            self.partitions[partition_id].producers[producer_id] = ProducerState.unpack(epoch, batches)
        for partition_id, *entry in reader.execute(
            "SELECT partition_id, producer_id, first_offset, last_offset FROM aborted_transactions ORDER BY last_offset"
        ):
            self.partitions[partition_id].aborted.append(AbortedTransaction(*entry))

    def roll_back(self, reader: sqlite3.Connection) -> None:
        """After writes failed: ends of logs and producers as the file has them, topics back that were not deleted.

        Called when everything that was committed has been published, so the high watermarks are right.
        """
        committed = Log(0, self._default_max_message_bytes)
        committed.load(reader)
        for topic in committed.topics.values():
            if topic.name not in self.topics:
                self.topics[topic.name] = topic
                self.partitions.update((one.partition_id, one) for one in topic.partitions)
        for partition_id, partition in self.partitions.items():
            partition.next_offset = partition.high_watermark
            partition.producers = committed.partitions[partition_id].producers

    def forget_tail(self, partition: Partition) -> None:
        """Read the partition from the file from now on, where it was rewritten."""
        self._cached_bytes -= partition.tail.forget()

    def add_topic(
        self, topic_id: int, name: str, configs: Mapping[str, str], partitions: list[tuple[int, int, int, int]]
    ) -> None:
        """Make a committed topic visible. Partitions are (id, index, log start, next offset) in index order."""
        self.topics[name] = Topic(topic_id, name, configs, [], 0)
        self.configure(name, configs)
        self.add_partitions(name, partitions)

    def add_partitions(self, name: str, partitions: list[tuple[int, int, int, int]]) -> None:
        """Make committed partitions of a known topic visible: (id, index, log start, next offset), in index order."""
        made = [Partition(pid, name, index, start, end, end) for pid, index, start, end in partitions]
        self.topics[name].partitions.extend(made)
        self.partitions.update((partition.partition_id, partition) for partition in made)

    def configure(self, name: str, configs: Mapping[str, str]) -> None:
        """Replace the explicit configuration of a topic."""
        topic = self.topics[name]
        topic.configs = configs
        topic.max_message_bytes = int(configs.get("max.message.bytes", self._default_max_message_bytes))

    def remove_topic(self, name: str) -> Topic:
        """Take a topic out of sight and wake whoever waits for its data."""
        topic = self.topics.pop(name)
        for partition in topic.partitions:
            partition.deleted = True
            del self.partitions[partition.partition_id]
            for wake in list(partition.waiters):
                wake()
        return topic

    def find(self, topic: str, index: int) -> Partition | None:
        """The partition, or None when topic or index do not exist."""
        found = self.topics.get(topic)
        if found is None or not 0 <= index < len(found.partitions):
            return None
        return found.partitions[index]

    def committed(self, batches: list[StoredBatch]) -> None:
        """Publish batches that are now on disk: move watermarks, remember the tail, wake the waiting fetches."""
        touched: dict[int, Partition] = {}
        for batch in batches:
            partition = self.partitions.get(batch.partition_id)
            if partition is None:
                continue
            partition.tail.append(batch)
            partition.high_watermark = batch.last_offset + 1
            self._cached.append(partition)
            self._cached_bytes += len(batch.data)
            touched[batch.partition_id] = partition
        while self._cached_bytes > self._budget_bytes:
            self._cached_bytes -= self._cached.popleft().tail.drop_oldest()
        waiting = {wake for partition in touched.values() for wake in partition.waiters}
        for wake in waiting:
            wake()


def _next_offset(reader: sqlite3.Connection, partition_id: int, floor: int) -> int:
    row = reader.execute(
        "SELECT last_offset FROM batches WHERE batch_key BETWEEN ? AND ? ORDER BY batch_key DESC LIMIT 1",
        _key_range(partition_id),
    ).fetchone()
    return floor if row is None else max(floor, row[0] + 1)


def _key_range(partition_id: int) -> tuple[int, int]:
    return batch_key(partition_id, 0), batch_key(partition_id + 1, 0) - 1


def read_batches(reader: sqlite3.Connection, partition_id: int, offset: int, max_bytes: int) -> list[bytes]:
    """Batches from the file, from the one that holds `offset` (or the next, where it was compacted away).

    Raises:
        DamagedBatchError: the first of them is not what was written; a damaged one behind it ends the list.
    """
    first, last = _key_range(partition_id)
    start = batch_key(partition_id, offset)
    row = reader.execute(
        "SELECT batch_key, last_offset FROM batches WHERE batch_key BETWEEN ? AND ? ORDER BY batch_key DESC LIMIT 1",
        (first, start),
    ).fetchone()
    if row is not None and row[1] >= offset:
        start = row[0]
    found: list[bytes] = []
    for key, last_offset, data in reader.execute(
        "SELECT batch_key, last_offset, data FROM batches WHERE batch_key BETWEEN ? AND ? ORDER BY batch_key",
        (start, last),
    ):
        fault = batch_fault(key, last_offset, data)
        if fault is not None:
            if found:
                break
            raise DamagedBatchError(f"partition {partition_id}: {fault}")
        max_bytes -= len(data)
        if found and max_bytes < 0:
            break
        found.append(data)
    return found


def find_timestamp(reader: sqlite3.Connection, partition_id: int, timestamp_ms: int) -> tuple[int, int] | None:
    """(offset, timestamp) of the first record not older than `timestamp_ms`, None when all are older."""
    row = reader.execute(
        "SELECT data FROM batches WHERE batch_key BETWEEN ? AND ? AND max_timestamp_ms >= ? ORDER BY batch_key LIMIT 1",
        (*_key_range(partition_id), timestamp_ms),
    ).fetchone()
    return None if row is None else first_record_at_or_after(row[0], timestamp_ms)


def find_newest(reader: sqlite3.Connection, partition_id: int) -> tuple[int, int] | None:
    """(offset, timestamp) of the first record with the largest timestamp, None in an empty partition."""
    row = reader.execute(
        "SELECT max(max_timestamp_ms) FROM batches WHERE batch_key BETWEEN ? AND ?", _key_range(partition_id)
    ).fetchone()
    return None if row[0] is None else find_timestamp(reader, partition_id, row[0])
