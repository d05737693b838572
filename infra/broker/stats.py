"""What is in the file: how large, how far, how much of it is free."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from infra.broker.errors import BrokerError
from infra.broker.integrity import OFFSET_BITS


@dataclass(frozen=True, slots=True)
class PartitionStats:
    """One partition: first offset, next offset, batches and their bytes."""

    topic: str
    index: int
    start: int
    end: int
    batches: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileStats:
    """The whole file: bytes on disk, bytes in free pages (reused before the file grows), write-ahead log."""

    file_bytes: int
    free_bytes: int
    wal_bytes: int
    partitions: list[PartitionStats]


def open_to_read(path: Path) -> sqlite3.Connection:
    """A read-only connection, also on the file of a running broker.

    Raises:
        BrokerError: there is no such file.
    """
    if not path.exists():
        raise BrokerError(f"there is no {path}; `noizylab up` makes it, or name another with --path")
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)


def read_stats(path: Path) -> FileStats:
    """Count everything; reads the whole log.

    Raises:
        BrokerError: there is no such file, or it cannot be read.
    """
    try:
        with closing(open_to_read(path)) as reader:
            return _read(reader, path)
    except sqlite3.DatabaseError as error:
        raise BrokerError(f"{path}: {error}; `noizylab broker check` says what is broken") from error


def _read(reader: sqlite3.Connection, path: Path) -> FileStats:
    counted = {
        row[0]: row[1:]
        for row in reader.execute(
            f"SELECT batch_key >> {OFFSET_BITS}, count(*), sum(size_bytes), max(last_offset)"  # noqa: S608 - a constant
            " FROM batches GROUP BY 1"
        )
    }
    partitions = []
    for partition_id, topic, index, start, floor in reader.execute(
        "SELECT partition_id, name, partition_index, log_start_offset, next_offset_floor"
        " FROM partitions JOIN topics USING (topic_id) ORDER BY name, partition_index"
    ):
        batches, size, last = counted.get(partition_id, (0, 0, -1))
        partitions.append(PartitionStats(topic, index, start, max(floor, last + 1), batches, size))
    (page_bytes,) = reader.execute("PRAGMA page_size").fetchone()
    (free_pages,) = reader.execute("PRAGMA freelist_count").fetchone()
    wal = path.with_name(path.name + "-wal")
    return FileStats(
        path.stat().st_size, free_pages * page_bytes, wal.stat().st_size if wal.exists() else 0, partitions
    )
