"""Somebody with access to the disk: edits the file of the embedded broker while it is stopped.

A rewritten batch gets the right length and CRC, so that no client notices.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from infra.broker.batches import with_position
from infra.broker.store import batch_key

TO_OFFSET = (1 << 40) - 1


@dataclass(frozen=True)
class Stored:
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class BrokerFile:
    """The log of one partition as batches: base offset to records."""

    def __init__(self, path: Path, topic: str, partition: int) -> None:
        self._path = path
        with self._open() as db:
            (self._id,) = db.execute(
                "SELECT partition_id FROM partitions JOIN topics USING (topic_id)"
                " WHERE name = ? AND partition_index = ?",
                (topic, partition),
            ).fetchone()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as db, db:
            yield db

    def batches(self) -> dict[int, list[Stored]]:
        bounds = (batch_key(self._id, 0), batch_key(self._id + 1, 0) - 1)
        with self._open() as db:
            rows = db.execute(
                "SELECT batch_key, data FROM batches WHERE batch_key BETWEEN ? AND ? ORDER BY batch_key", bounds
            ).fetchall()
        return {key & TO_OFFSET: _decoded(data) for key, data in rows}

    def delete(self, base_offset: int) -> None:
        with self._open() as db:
            db.execute("DELETE FROM batches WHERE batch_key = ?", (batch_key(self._id, base_offset),))

    def write(self, base_offset: int, records: list[Stored]) -> None:
        data = with_position(_encoded(records), base_offset, 0)
        row = (
            batch_key(self._id, base_offset), base_offset + len(records) - 1,
            max(one.timestamp_ms for one in records), len(data), data,
        )  # fmt: skip
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)", row)

    def start_at(self, offset: int) -> None:
        """Have the log begin later, as retention does."""
        for base, records in self.batches().items():
            if base + len(records) <= offset:
                self.delete(base)
        with self._open() as db:
            db.execute("UPDATE partitions SET log_start_offset = ? WHERE partition_id = ?", (offset, self._id))

    def change(self, offset: int, **parts: object) -> None:
        """Write one record anew."""
        for base, records in self.batches().items():
            if base <= offset < base + len(records):
                records[offset - base] = replace(records[offset - base], **parts)  # type: ignore[arg-type]
                self.write(base, records)
                return
        raise AssertionError(f"no record at {offset}")


def _decoded(data: bytes) -> list[Stored]:
    batch = MemoryRecords(data).next_batch()
    return [Stored(one.timestamp, one.key, one.value, tuple(one.headers)) for one in batch]


def _encoded(records: list[Stored]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=10_000_000,
    )  # fmt: skip
    for offset, one in enumerate(records):
        assert builder.append(offset, one.timestamp_ms, one.key, one.value, list(one.headers)) is not None
    return bytes(builder.build())
