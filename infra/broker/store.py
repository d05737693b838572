"""The broker's one SQLite file: schema, single-writer thread with group commit, read access.

Every write goes through one thread. It takes all that waits, writes it in one transaction and commits with
`synchronous=FULL`, so one disk flush serves every producer that waited meanwhile. A failed commit ends the
writer for good: what was handed out as an offset cannot be taken back, so the broker has to restart.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from infra.broker import schema
from infra.broker.errors import BrokerError, BrokerFileInUseError, StorageFailedError

_LOG = logging.getLogger(__name__)

OFFSET_BITS = 40
_MAX_BATCHES_PER_COMMIT = 2000
_CHECKPOINT_PAGES = 2000

_INSERT_BATCH = "INSERT INTO batches VALUES (?, ?, ?, ?, ?)"
_UPSERT_PRODUCER = "INSERT OR REPLACE INTO producers VALUES (?, ?, ?, ?, ?)"


def batch_key(partition_id: int, offset: int) -> int:
    """Key of the batch that starts at `offset`; keys of one partition are contiguous and in offset order."""
    return partition_id << OFFSET_BITS | offset


class StoredBatch(NamedTuple):
    """One batch as it lies in the log. `data` carries its final base offset."""

    partition_id: int
    base_offset: int
    last_offset: int
    max_timestamp_ms: int
    data: bytes


class ProducerRow(NamedTuple):
    """Newest state of one idempotent producer in one partition, packed by `ProducerState.pack`."""

    partition_id: int
    producer_id: int
    epoch: int
    updated_ms: int
    batches: bytes


@dataclass(slots=True)
class Write:
    """A unit that is committed whole. `done` runs in the event loop, after the commit, in submission order."""

    done: Callable[[StorageFailedError | None], None]
    batches: Sequence[StoredBatch] = ()
    producers: Sequence[ProducerRow] = ()
    change: Callable[[sqlite3.Connection], None] | None = None


class Store:
    """Owner of the file. Create it with `open`, call `start` inside the event loop, `close` when done."""

    def __init__(self, path: Path, lock: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self.path = path
        self._lock = lock
        self._writer = writer
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only = 1")
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_failure: Callable[[StorageFailedError], None] = lambda _: None

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open or create the file and take it for this process.

        Raises:
            BrokerFileInUseError: another live broker holds it.
            BrokerError: the file belongs to something else or to a newer version.
        """
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(path)
        try:
            writer = _connect(path)
            _prepare(writer, path)
            return cls(path, lock, writer)
        except sqlite3.DatabaseError as error:
            lock.close()
            raise BrokerError(f"{path} cannot be used as the broker's file: {error}") from error
        except BrokerError:
            lock.close()
            raise

    @property
    def reader(self) -> sqlite3.Connection:
        """Read-only connection; the caller sees to it that only one thread at a time uses it."""
        return self._reader

    def cluster_id(self) -> str:
        """Identity given to the file when it was created."""
        value: str = self._reader.execute("SELECT value FROM meta WHERE key = 'cluster_id'").fetchone()[0]
        return value

    def start(self, loop: asyncio.AbstractEventLoop, on_failure: Callable[[StorageFailedError], None]) -> None:
        """Start the writer thread; its results are delivered to `loop`."""
        self._loop, self._on_failure = loop, on_failure
        self._thread = threading.Thread(target=self._write_forever, name="broker-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> None:
        """Queue a write. Writes are applied in the order of this call."""
        self._queue.put(write)

    def close(self) -> None:
        """Commit what waits, end the thread, close the file. Blocks for at most the last commits."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        self._reader.close()
        self._writer.close()
        self._lock.close()

    def _write_forever(self) -> None:
        failure: StorageFailedError | None = None
        running = True
        while running:
            writes, running = self._take_waiting()
            if failure is None and writes:
                failure = self._commit(writes)
                if failure is not None:
                    self._deliver(self._on_failure, failure)
            for write in writes:
                self._deliver(write.done, failure)

    def _take_waiting(self) -> tuple[list[Write], bool]:
        """Everything queued right now (at least one, waiting for it) and whether to go on afterwards."""
        first = self._queue.get()
        if first is None:
            return [], False
        writes = [first]
        while len(writes) < _MAX_BATCHES_PER_COMMIT:
            try:
                write = self._queue.get_nowait()
            except Empty:
                break
            if write is None:
                return writes, False
            writes.append(write)
        return writes, True

    def _commit(self, writes: list[Write]) -> StorageFailedError | None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._apply(writes)
            self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be written after it
            _LOG.critical("commit to %s failed: %s", self.path, error)
            return StorageFailedError(
                f"{self.path}: {error}. Nothing after this point was acknowledged; free disk space or repair the "
                "disk, then start the broker again."
            )
        return None

    def _apply(self, writes: list[Write]) -> None:
        """Write in submission order; producer states collapse to the newest of each producer."""
        rows: list[tuple[int, int, int, int, bytes]] = []
        producers: dict[tuple[int, int], ProducerRow] = {}
        for write in writes:
            rows.extend(
                (batch_key(b.partition_id, b.base_offset), b.last_offset, b.max_timestamp_ms, len(b.data), b.data)
                for b in write.batches
            )
            for row in write.producers:
                producers[row.partition_id, row.producer_id] = row
            if write.change is not None:
                self._writer.executemany(_INSERT_BATCH, rows)
                self._writer.executemany(_UPSERT_PRODUCER, producers.values())
                rows, producers = [], {}
                write.change(self._writer)
        self._writer.executemany(_INSERT_BATCH, rows)
        self._writer.executemany(_UPSERT_PRODUCER, producers.values())

    def _deliver(
        self,
        callback: Callable[[StorageFailedError], None] | Callable[[StorageFailedError | None], None],
        failure: StorageFailedError | None,
    ) -> None:
        assert self._loop is not None
        # The loop is closed only when its owner was torn down without stop(); nobody waits for the answer then.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, failure)  # type: ignore[arg-type]  # the callback takes the failure or nothing


def _connect(path: Path) -> sqlite3.Connection:
    # The writer thread and the reading executor each use their own connection, opened in the main thread.
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def _take_lock(path: Path) -> sqlite3.Connection:
    """An exclusive transaction on a neighbour file: the system drops it when the process dies in any way."""
    lock = sqlite3.connect(
        path.with_name(path.name + ".lock"), timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise BrokerFileInUseError(
            f"another broker is running on {path} ({error}). Stop it first, or start this one with another --path."
        ) from error
    return lock


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    version = schema.found_version(writer, path)
    if version == 0:
        writer.execute("PRAGMA page_size = 8192")
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    schema.bring_up_to_date(writer, version)
    schema.forget_idle(writer)
