"""Key compaction: of every key the newest record stays, in its place, at its offset.

Two readings of a partition, as in Kafka's log cleaner. The first goes over what was added since the last time and
notes, per key, the newest offset: a 16-byte digest and a number, so a bounded table (`max_keys`, about 150 bytes
each) serves any log; what does not fit waits for the next pass. The second goes over everything from the start and
rewrites the batches that hold something older. A key's tombstone stays for `delete.retention.ms` after it was first
seen here, so that whoever reads the log meanwhile learns of it.

Never touched: the newest batch (readers of a changelog wait for its last record), control and transactional batches,
and what does not unpack. As such a batch may hold an older record of a key, tombstones behind it stay for good.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from infra.broker.batches import BatchInfo, read_header
from infra.broker.integrity import batch_fault
from infra.broker.records import (
    DELETE_HORIZON,
    Record,
    UnreadableRecordsError,
    iterate,
    rebuild,
    unpack,
)
from infra.broker.retention import newest_base, setting
from infra.broker.store import batch_key

_DIGEST_BYTES = 16
_PAGE_BYTES = 1024 * 1024
_PAGE_ROWS = 100
_CHUNK_BYTES = 1024 * 1024
_CHUNK_ROWS = 100

Change = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a topic is compacted. Durations in milliseconds."""

    min_lag_ms: int
    max_lag_ms: int
    dirty_ratio: float
    delete_retention_ms: int

    @classmethod
    def of(cls, configs: Mapping[str, str]) -> "Policy":
        """Read it from the topic's configuration."""
        return cls(
            int(setting(configs, "min.compaction.lag.ms")),
            int(setting(configs, "max.compaction.lag.ms")),
            float(setting(configs, "min.cleanable.dirty.ratio")),
            int(setting(configs, "delete.retention.ms")),
        )


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How far a partition is compacted: up to offset `to`, which left `size` bytes; when the next tombstone may go."""

    to: int = 0
    size: int = 0
    horizon_ms: int | None = None

    @classmethod
    def load(cls, reader: sqlite3.Connection, partition_id: int) -> "Cleaned":
        """Read it from the file."""
        row = reader.execute("SELECT value FROM meta WHERE key = ?", (f"cleaned:{partition_id}",)).fetchone()
        return cls() if row is None else cls(*json.loads(row[0]))

    def save(self, writer: sqlite3.Connection, partition_id: int) -> None:
        """Write it in the caller's transaction, unless the partition was deleted meanwhile."""
        writer.execute(
            "INSERT OR REPLACE INTO meta SELECT ?, ? FROM partitions WHERE partition_id = ?",
            (f"cleaned:{partition_id}", json.dumps([self.to, self.size, self.horizon_ms]), partition_id),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    key: int
    last_offset: int
    max_timestamp_ms: int
    data: bytes


def is_due(
    reader: sqlite3.Connection, partition_id: int, policy: Policy, cleaned: Cleaned, dirty_bytes: int, now_ms: int
) -> bool:
    """Whether a pass is worth it: enough of the log is new, or something in it may wait no longer."""
    if cleaned.horizon_ms is not None and cleaned.horizon_ms <= now_ms:
        return True
    if not dirty_bytes:
        return False
    if dirty_bytes > policy.dirty_ratio * (dirty_bytes + cleaned.size):
        return True
    (oldest_ms,) = reader.execute(
        "SELECT max_timestamp_ms FROM batches WHERE batch_key >= ? ORDER BY batch_key LIMIT 1",
        (batch_key(partition_id, cleaned.to),),
    ).fetchone()
    return 0 <= int(oldest_ms) < now_ms - policy.max_lag_ms


class Pass:
    """One pass over one partition. `breathe` is called between batches; it may wait, or raise to end the pass."""

    def __init__(
        self, reader: sqlite3.Connection, partition_id: int, policy: Policy, now_ms: int, breathe: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._partition_id = partition_id
        self._policy = policy
        self._now_ms = now_ms
        self._breathe = breathe
        self._newest_of: dict[bytes, int] = {}
        self._tombstones_stay = False
        self._size = 0
        self._horizon_ms: int | None = None
        self.records_removed = 0

    def changes(self, start: int, end: int, cleaned: Cleaned, max_keys: int) -> Iterator[tuple[Change, Cleaned | None]]:
        """Small changes to be committed one after the other; the last one comes with how far the log is clean now.

        `start` is the first offset of the log, `end` the first that may not be compacted (not yet committed, or of an
        open transaction). Every change leaves a log that says the same, so the pass may end after any of them.
        """
        newest = newest_base(self._reader, self._partition_id)
        if newest is None:
            return
        mapped_to = self._map(max(start, cleaned.to), end, max_keys)
        clean_to = min(mapped_to, newest)
        chunk: list[tuple[int, _Row | None]] = []
        chunk_bytes = 0
        for row in self._rows(start, clean_to):
            outcome = self._compact(row)
            if outcome is not row:
                chunk.append((row.key, outcome))
                chunk_bytes += len(row.data)
            if outcome is not None:
                self._size += len(outcome.data)
            if len(chunk) >= _CHUNK_ROWS or chunk_bytes >= _CHUNK_BYTES:
                yield _change(chunk), None
                chunk, chunk_bytes = [], 0
            self._breathe()
        after = Cleaned(max(clean_to, cleaned.to), self._size, self._horizon_ms)
        last = _change(chunk)

        def finish(writer: sqlite3.Connection) -> None:
            last(writer)
            after.save(writer, self._partition_id)

        yield finish, after

    def _map(self, start: int, end: int, max_keys: int) -> int:
        """Note the newest offset of each key from `start` on; answers the offset up to which that was done."""
        mapped_to = start
        for row in self._rows(start, end):
            lagging = row.max_timestamp_ms > self._now_ms - self._policy.min_lag_ms and self._policy.min_lag_ms > 0
            if lagging or len(self._newest_of) >= max_keys or row.last_offset >= end:
                break
            info = read_header(row.data)
            for record in self._open(row, info)[1]:
                if record.key is not None:
                    self._newest_of[_digest(record.key)] = info.base_offset + record.offset_delta
            mapped_to = row.last_offset + 1
            self._breathe()
        return mapped_to

    def _open(self, row: _Row, info: BatchInfo) -> tuple[bytes, list[Record]]:
        """Unpacked bytes and records; no records when the batch is not to be looked into."""
        if info.is_control or info.is_transactional or batch_fault(row.key, row.last_offset, row.data) is not None:
            return b"", []
        try:
            unpacked = unpack(row.data, info)
            return unpacked, list(iterate(unpacked, info.record_count))
        except UnreadableRecordsError:
            return b"", []

    def _compact(self, row: _Row) -> _Row | None:
        """The row itself when it may stay, another in its place, or None when nothing of it is left."""
        info = read_header(row.data)
        unpacked, records = self._open(row, info)
        if not records:
            self._tombstones_stay = True
            return row
        due_ms = info.base_timestamp_ms if info.attributes & DELETE_HORIZON else None
        kept = [record for record in records if self._stays(info.base_offset, record, due_ms)]
        self.records_removed += len(records) - len(kept)
        if not kept:
            return None
        has_tombstone = any(record.is_tombstone for record in kept)
        mark_ms = self._now_ms + self._policy.delete_retention_ms if has_tombstone and due_ms is None else None
        if has_tombstone and not self._tombstones_stay:
            horizon_ms = mark_ms if due_ms is None else due_ms
            if horizon_ms is not None and (self._horizon_ms is None or horizon_ms < self._horizon_ms):
                self._horizon_ms = horizon_ms
        if len(kept) == len(records) and mark_ms is None:
            return row
        data, max_timestamp_ms = rebuild(row.data, info, unpacked, kept, mark_ms)
        return _Row(row.key, row.last_offset, max_timestamp_ms, data)

    def _stays(self, base_offset: int, record: Record, due_ms: int | None) -> bool:
        if record.key is None:
            return True
        newest = self._newest_of.get(_digest(record.key), -1)
        if newest > base_offset + record.offset_delta:
            return False
        overdue = due_ms is not None and due_ms <= self._now_ms
        return not (record.is_tombstone and overdue and not self._tombstones_stay)

    def _rows(self, start: int, end: int) -> Iterator[_Row]:
        """Batches that begin in `[start, end)`, a page at a time: an open cursor would keep the WAL from shrinking."""
        key, last = batch_key(self._partition_id, start), batch_key(self._partition_id, end)
        while True:
            page: list[_Row] = []
            size = 0
            cursor = self._reader.execute(
                "SELECT batch_key, last_offset, max_timestamp_ms, data FROM batches"
                " WHERE batch_key >= ? AND batch_key < ? ORDER BY batch_key LIMIT ?",
                (key, last, _PAGE_ROWS),
            )
            for found in cursor:
                page.append(_Row(*found))
                size += len(page[-1].data)
                if size >= _PAGE_BYTES:
                    break
            cursor.close()
            if not page:
                return
            yield from page
            key = page[-1].key + 1


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST_BYTES).digest()


def _change(chunk: list[tuple[int, _Row | None]]) -> Change:
    def change(writer: sqlite3.Connection) -> None:
        for key, row in chunk:
            if row is None:
                writer.execute("DELETE FROM batches WHERE batch_key = ?", (key,))
            else:
                writer.execute(
                    "UPDATE batches SET max_timestamp_ms = ?, size_bytes = ?, data = ? WHERE batch_key = ?",
                    (row.max_timestamp_ms, len(row.data), row.data, key),
                )

    return change
