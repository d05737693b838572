"""The broker's one SQLite file: schema, single-writer thread with group commit, read access.

Every write goes through one thread. It takes all that waits, writes it in one transaction and commits with
`synchronous=FULL`, so one disk flush serves every producer that waited meanwhile.

A commit that finds the disk full fails, and with it every write that was submitted before the event loop heard of
it: those were placed behind offsets that now do not exist. The loop then takes the offsets back (`on_full`) and
writes of the next era are tried again. Any other failure ends the writer for good: what a disk did with a flush it
reported as failed is not known, so the broker has to restart.
"""

import asyncio
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from infra.broker import schema
from infra.broker.counts import CommitCounts
from infra.broker.errors import BrokerError, BrokerFileInUseError, DiskFullError, StorageFailedError
from infra.broker.integrity import DISK_IS_FULL, damaged, mark_closed, mark_open
from infra.broker.wal import Guard

_LOG = logging.getLogger(__name__)

OFFSET_BITS = 40
_MAX_BATCHES_PER_COMMIT = 2000
_CHECKPOINT_PAGES = 2000

_ROOM_CHECK_EVERY_S = 0.25
_RETRY_AFTER_FULL_S = 1.0

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
    """A unit that is committed whole. `done` runs in the event loop, after the commit, in submission order.

    A write that `frees` space depends on no offset handed out before it, so it is tried when others are failed.
    """

    done: Callable[[StorageFailedError | None], None]
    batches: Sequence[StoredBatch] = ()
    producers: Sequence[ProducerRow] = ()
    change: Callable[[sqlite3.Connection], None] | None = None
    frees: bool = False
    era: int = 0


class Store:
    """Owner of the file. Create it with `open`, call `start` inside the event loop, `close` when done."""

    def __init__(
        self, path: Path, lock: sqlite3.Connection, writer: sqlite3.Connection, free_space_floor_bytes: int
    ) -> None:
        self.path = path
        self.counts = CommitCounts()
        self._floor_bytes = free_space_floor_bytes
        self._refusal: str | None = None
        self._check_room_at = 0.0
        self._era = 0
        self._failed_era = -1
        self._broken = False
        self._lock = lock
        self._writer = writer
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only = 1")
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_failure: Callable[[StorageFailedError], None] = lambda _: None
        self._on_full: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, path: Path, free_space_floor_bytes: int = 0) -> "Store":
        """Open or create the file and take it for this process. Below the floor of free space `refusal` says no.

        Raises:
            BrokerFileInUseError: another live broker holds it.
            DamagedFileError: the file is not sound.
            BrokerError: the file belongs to something else or to a newer version.
        """
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path)
        try:
            writer = _connect_after_crash(path)
            _prepare(writer, path)
            mark_open(writer, path)
            return cls(path, lock, writer, free_space_floor_bytes)
        except sqlite3.DatabaseError as error:
            lock.close()
            if error.sqlite_errorcode in DISK_IS_FULL:
                raise BrokerError(f"{path} cannot be opened: {error}. Make room beside it.") from error
            raise damaged(path, str(error)) from error
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

    def another_reader(self) -> sqlite3.Connection:
        """A read-only connection of the caller's own, which sees everything that is committed; close it."""
        reader = _connect(self.path)
        reader.execute("PRAGMA query_only = 1")
        return reader

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        on_failure: Callable[[StorageFailedError], None],
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the writer thread; its results are delivered to `loop`. `on_full` takes uncommitted offsets back."""
        self._loop, self._on_failure, self._on_full = loop, on_failure, on_full
        self._thread = threading.Thread(target=self._write_forever, name="broker-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> None:
        """Queue a write. Writes are applied in the order of this call."""
        write.era = self._era
        self._queue.put(write)

    def refusal(self) -> str | None:
        """Why nothing may be added to the file now, or None. Looks at the disk a few times a second at most."""
        now = time.monotonic()
        if now >= self._check_room_at:
            self._check_room_at = now + _ROOM_CHECK_EVERY_S
            free = shutil.disk_usage(self.path.parent).free
            self._refuse(
                None
                if free >= self._floor_bytes
                else f"only {free >> 20} MiB are free beside {self.path}, {self._floor_bytes >> 20} MiB are kept as a "
                "reserve; make room, writes are taken again by themselves"
            )
        return self._refusal

    @property
    def refuses(self) -> bool:
        """Whether writes were refused when somebody looked last; asks nobody, so any thread may read it."""
        return self._refusal is not None

    @property
    def waiting(self) -> int:
        """Writes that wait for the next commit."""
        return self._queue.qsize()

    def _refuse(self, reason: str | None) -> None:
        if reason is None and self._refusal is not None:
            _LOG.warning("writes are taken again")
        elif reason is not None and self._refusal is None:
            _LOG.error("writes are refused, reads go on: %s", reason)
        self._refusal = reason

    def _take_back(self) -> None:
        """In the loop, after a full disk: what was submitted until now fails; the next era starts from the file."""
        self._refuse(f"{self.path}: the disk is full; make room, writes are taken again by themselves")
        self._check_room_at = time.monotonic() + _RETRY_AFTER_FULL_S
        self._era += 1
        self._on_full()

    def close(self) -> None:
        """Commit what waits, end the thread, close the file. Blocks for at most the last commits."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        if not self._broken:
            mark_closed(self._writer)
        self._reader.close()
        self._writer.close()
        self._lock.close()

    def _write_forever(self) -> None:
        failure: StorageFailedError | None = None
        full = DiskFullError(f"{self.path}: the disk was full when this write waited; send it again")
        running = True
        while running:
            writes, running = self._take_waiting()
            current = [write for write in writes if write.frees or write.era > self._failed_era]
            if failure is None and current:
                failure = self._commit(current)
                if isinstance(failure, DiskFullError):
                    full = failure
                    self._give_up_era(current)
                elif failure is not None:
                    self._broken = True
                    self._deliver(self._on_failure, failure)
            stale = {id(write) for write in writes} - {id(write) for write in current}
            for write in writes:
                self._deliver(write.done, full if id(write) in stale else failure)
            if isinstance(failure, DiskFullError):
                failure = None

    def _give_up_era(self, writes: list[Write]) -> None:
        eras = [write.era for write in writes if not write.frees]
        if eras:
            self._failed_era = max(eras)
            self._deliver(lambda _: self._take_back(), None)

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
        began = time.perf_counter()
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._apply(writes)
            self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be written after it
            self.counts.failed += 1
            if getattr(error, "sqlite_errorcode", None) in DISK_IS_FULL and self._roll_back():
                return DiskFullError(f"{self.path}: {error}. Nothing of this write was stored; make room.")
            _LOG.critical("commit to %s failed: %s", self.path, error)
            return StorageFailedError(
                f"{self.path}: {error}. Nothing after this point was acknowledged; free disk space or repair the "
                "disk, then start the broker again."
            )
        self.counts.commit_s.observe(time.perf_counter() - began)
        self.counts.writes += len(writes)
        return None

    def _roll_back(self) -> bool:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.DatabaseError:
            return False
        return True

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


def _connect_after_crash(path: Path) -> sqlite3.Connection:
    guard = Guard(path)
    writer = _connect(path)
    if guard.lost_commits(writer):
        writer.close()
        guard.restore()
        raise damaged(path, "its write-ahead log is broken before its end")
    guard.dismiss()
    return writer


def take_lock(path: Path) -> sqlite3.Connection:
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
        # Free pages can be given back to the file system in small steps; without it only by writing a new file.
        writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    schema.bring_up_to_date(writer, version)
    schema.forget_idle(writer)
