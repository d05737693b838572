"""Is the file what the broker wrote? Quick looks at every start, the whole truth on demand.

SQLite checks neither its pages nor our batches when it reads them. What is looked at:

- always: the schema, and the newest batch of every partition;
- after a run that did not end cleanly (a marker in `meta` says so): SQLite's `quick_check`, for a bounded time;
- at every read from the file: the CRC and the position of each batch (`batch_fault`);
- with `--verify` and `noizylab broker check`: every page and every batch (`examine`).
"""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.broker.batches import read_header
from infra.broker.errors import DamagedFileError
from infra.broker.records import is_sound
from infra.broker.wal import is_broken

_LOG = logging.getLogger(__name__)

OFFSET_BITS = 40
TABLES = (
    *("meta", "topics", "topic_configs", "partitions", "batches", "producers", "groups", "group_offsets"),
    *("transactions", "aborted_transactions"),
)
DISK_IS_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
_OFFSET_MASK = (1 << OFFSET_BITS) - 1
_QUICK_CHECK_S = 10.0
_STEPS_BETWEEN_LOOKS = 20_000


def damaged(path: Path, what: str) -> DamagedFileError:
    """The error that names the damage and what to do about it."""
    return DamagedFileError(
        f"{path} cannot be used as the broker's file: {what}. If it is the broker's, it is damaged: "
        f"`python -m infra.broker repair --path {path}` saves what can be read into a new file and keeps this one."
    )


def batch_fault(key: int, last_offset: int, data: bytes) -> str | None:
    """What is wrong with a row of the log, or None. Its place is not covered by its CRC and compared on its own."""
    offset = key & _OFFSET_MASK
    if not isinstance(data, bytes) or not is_sound(data):
        return f"the batch at offset {offset} does not match its checksum"
    info = read_header(data)
    if info.base_offset != offset or info.base_offset + info.last_offset_delta != last_offset:
        return f"the batch at offset {offset} says it holds {info.base_offset} and {info.last_offset_delta} more"
    return None


def mark_open(writer: sqlite3.Connection, path: Path) -> None:
    """Look at the file as far as every start does, then note that it is in use.

    Raises:
        DamagedFileError: it is not sound.
        sqlite3.DatabaseError: SQLite cannot read it.
    """
    fault = _shallow_fault(writer)
    if fault is None and writer.execute("SELECT 1 FROM meta WHERE key = 'in_use'").fetchone() is not None:
        fault = quick_check(writer, _QUICK_CHECK_S)
    if fault is not None:
        raise damaged(path, fault)
    _note(writer, "INSERT OR REPLACE INTO meta VALUES ('in_use', '1')")


def glance(reader: sqlite3.Connection) -> str | None:
    """What is wrong with a file as far as ten seconds tell, or None. A broker may be writing to it."""
    try:
        return _shallow_fault(reader) or quick_check(reader, _QUICK_CHECK_S)
    except sqlite3.DatabaseError as error:
        return str(error)


def _shallow_fault(reader: sqlite3.Connection) -> str | None:
    found = {name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    missing = [name for name in TABLES if name not in found]
    if missing:
        return f"it has no table {', '.join(missing)}"
    if reader.execute("SELECT 1 FROM meta WHERE key = 'cluster_id'").fetchone() is None:
        return "it has no cluster id"
    for (partition_id,) in reader.execute("SELECT partition_id FROM partitions").fetchall():
        fault = _newest_fault(reader, partition_id)
        if fault is not None:
            return f"partition {partition_id}: {fault}"
    return None


def mark_closed(writer: sqlite3.Connection) -> None:
    """Note that the run ended cleanly. On a full disk the note stays out, and the next start looks closer."""
    _note(writer, "DELETE FROM meta WHERE key = 'in_use'")


def _note(writer: sqlite3.Connection, statement: str) -> None:
    try:
        writer.execute(statement)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in DISK_IS_FULL:
            raise
        _LOG.warning("the disk is full: whether this run ends cleanly cannot be noted")


def quick_check(connection: sqlite3.Connection, limit_s: float | None) -> str | None:
    """First finding of SQLite's `quick_check`, None when there is none or `limit_s` was over before the end."""
    with _interrupted_after(connection, limit_s):
        try:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            _LOG.warning("the file is too large to check whole at the start; `noizylab broker check` does it")
            return None
    return None if said == "ok" else str(said).replace("\n", " ")


@contextmanager
def _interrupted_after(connection: sqlite3.Connection, limit_s: float | None) -> Iterator[None]:
    if limit_s is None:
        yield
        return
    deadline = time.monotonic() + limit_s
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _newest_fault(reader: sqlite3.Connection, partition_id: int) -> str | None:
    row = reader.execute(
        "SELECT batch_key, last_offset, data FROM batches WHERE batch_key BETWEEN ? AND ?"
        " ORDER BY batch_key DESC LIMIT 1",
        (partition_id << OFFSET_BITS, partition_id << OFFSET_BITS | _OFFSET_MASK),
    ).fetchone()
    return None if row is None else batch_fault(*row)


def examine(connection: sqlite3.Connection) -> Iterator[str]:
    """Everything that is wrong with the file: one sentence each. Reads every page and every batch.

    The connection may be on a file that a broker is writing to. Ends with the first place SQLite cannot pass.
    """
    try:
        fault = quick_check(connection, None)
        if fault is not None:
            yield f"SQLite: {fault}"
        path = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        if is_broken(path):
            yield "its write-ahead log is broken before its end; SQLite does not read what was written last"
        names = {
            partition_id: f"{name}-{index}"
            for partition_id, name, index in connection.execute(
                "SELECT partition_id, name, partition_index FROM partitions JOIN topics USING (topic_id)"
            )
        }
        last_partition, last_offset = -1, -1
        for key, last, data in connection.execute(
            "SELECT batch_key, last_offset, data FROM batches ORDER BY batch_key"
        ):
            partition_id = key >> OFFSET_BITS
            name = names.get(partition_id, f"partition {partition_id} (of no topic)")
            fault = batch_fault(key, last, data)
            if fault is not None:
                yield f"{name}: {fault}"
            elif partition_id == last_partition and key & _OFFSET_MASK <= last_offset:
                yield f"{name}: the batch at offset {key & _OFFSET_MASK} begins inside the one before it"
            last_partition, last_offset = partition_id, last
    except sqlite3.DatabaseError as error:
        yield f"SQLite: {error}"
