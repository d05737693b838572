"""Housekeeping in the background: retention, compaction, pages given back to the file system.

One thread with its own reading connection plans; every change goes through the store's single writer as a small
transaction among the produces. The thread rests twice as long as it worked, so clients keep the processor.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from infra.broker.compaction import Change, Cleaned, Pass, Policy, is_due
from infra.broker.errors import StorageFailedError
from infra.broker.log import Log, Partition
from infra.broker.retention import Sizes, limits, newest_base, next_cut, policies
from infra.broker.store import Store, Write
from infra.broker.trim import trim_memory, trim_rows

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

_WORK_S = 0.002
_REST_PER_WORK = 2
_VACUUM_PAGES = 64
_SPARE_PAGES = 4096  # Free pages that stay in the file for what comes next: 32 MiB.


class _StoppedError(Exception):
    """The broker stops; what is half done is done again after the next start."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A partition as it was in the event loop when the round began."""

    partition: Partition
    name: str
    configs: Mapping[str, str]
    start: int
    end: int


def cleanable_end(partition: Partition) -> int:
    """First offset that compaction must leave alone."""
    return partition.last_stable_offset


class Maintenance:
    """The thread. `start` and `stop` belong to the event loop."""

    def __init__(
        self,
        store: Store,
        log: Log,
        loop: asyncio.AbstractEventLoop,
        now_ms: Callable[[], int],
        interval_s: float,
        max_keys: int,
    ) -> None:
        self._store = store
        self._log = log
        self._loop = loop
        self._now_ms = now_ms
        self._interval_s = interval_s
        self._max_keys = max_keys
        self._retained = Sizes()
        self._dirty = Sizes()
        self._stop = threading.Event()
        self._worked_since = 0.0
        self._thread = threading.Thread(target=self._run, name="broker-maintenance", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after one interval."""
        self._thread.start()

    async def stop(self) -> None:
        """End after the change that is under way."""
        self._stop.set()
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        reader = self._store.another_reader()
        try:
            while not self._stop.wait(self._interval_s):
                try:
                    self._round(reader)
                except _StoppedError:
                    return
                except StorageFailedError as error:
                    _LOG.warning("housekeeping waits: %s", error)
                except Exception:  # noqa: BLE001 - logged; one partition's fault is not the end of housekeeping
                    # A partition that cannot be read is named by whoever reads it; the others need their turn.
                    _LOG.exception("housekeeping failed; it is tried again in %g s", self._interval_s)
        finally:
            reader.close()

    def _round(self, reader: sqlite3.Connection) -> None:
        self._worked_since = time.monotonic()
        for job in self._in_loop(self._jobs):
            self._retain(reader, job)
            if "compact" in policies(job.configs):
                self._compact(reader, job)
        self._give_back(reader)

    def _jobs(self) -> list[_Job]:
        return [
            _Job(one, f"{one.topic}-{one.index}", dict(topic.configs), one.log_start_offset, cleanable_end(one))
            for topic in self._log.topics.values()
            for one in topic.partitions
        ]

    def _retain(self, reader: sqlite3.Connection, job: _Job) -> None:
        most_bytes, oldest_ms = limits(job.configs, self._now_ms())
        partition_id, start = job.partition.partition_id, job.start
        newest = newest_base(reader, partition_id)
        if newest is None or (most_bytes is None and oldest_ms is None):
            return
        excess = 0
        if most_bytes is not None:
            # As in Kafka nothing goes that would leave less than the limit; the newest batch comes on top.
            excess = self._retained.between(reader, partition_id, start, newest) - most_bytes
        removed = 0
        while (cut := next_cut(reader, partition_id, start, excess, oldest_ms)) is not None:
            start, size = cut
            self._trim(job.partition, start)
            self._retained.removed(partition_id, start, size)
            excess -= size
            removed += size
            self._breathe()
        if removed:
            _LOG.info("retention: %s begins at %d now, %d bytes removed", job.name, start, removed)

    def _trim(self, partition: Partition, start: int) -> None:
        self._commit(
            lambda writer: trim_rows(writer, partition.partition_id, start),
            lambda: trim_memory(self._log, partition, start),
        )

    def _compact(self, reader: sqlite3.Connection, job: _Job) -> None:
        partition_id = job.partition.partition_id
        policy = Policy.of(job.configs)
        while (newest := newest_base(reader, partition_id)) is not None:
            cleaned = Cleaned.load(reader, partition_id)
            start = max(job.partition.log_start_offset, 0)
            dirty_from = max(start, cleaned.to)
            dirty = self._dirty.between(reader, partition_id, dirty_from, max(dirty_from, newest))
            if not is_due(reader, partition_id, policy, cleaned, dirty, self._now_ms()):
                return
            began = time.monotonic()
            work = Pass(reader, partition_id, policy, self._now_ms(), self._breathe)
            after = cleaned
            for change, reached in work.changes(start, job.end, cleaned, self._max_keys):
                after = reached or after
                self._commit(change, lambda: None)
            self._dirty.forget(partition_id)
            if work.records_removed:
                self._in_loop(lambda: self._log.forget_tail(job.partition))
                self._retained.forget(partition_id)
                _LOG.info(
                    "compaction: %s is clean up to %d, %d records removed, %d bytes left below, in %.1f s",
                    job.name, after.to, work.records_removed, after.size, time.monotonic() - began,
                )  # fmt: skip
            if after.to <= cleaned.to:
                return

    def _give_back(self, reader: sqlite3.Connection) -> None:
        """Shrink the file while more than a quarter of it is free, beyond what is worth keeping for reuse."""
        while True:
            (free,) = reader.execute("PRAGMA freelist_count").fetchone()
            (pages,) = reader.execute("PRAGMA page_count").fetchone()
            (vacuum,) = reader.execute("PRAGMA auto_vacuum").fetchone()
            if not vacuum or free < _SPARE_PAGES or free * 4 < pages:
                return
            self._commit(_vacuum, lambda: None)
            self._breathe()

    def _breathe(self) -> None:
        worked_s = time.monotonic() - self._worked_since
        if worked_s >= _WORK_S:
            if self._stop.wait(worked_s * _REST_PER_WORK):
                raise _StoppedError
            self._worked_since = time.monotonic()

    def _commit(self, change: Change, then: Callable[[], None]) -> None:
        """Have the writer make a change and, once it is on disk, run `then` in the event loop."""
        done: Future[None] = Future()

        def finished(failure: StorageFailedError | None) -> None:
            if failure is not None:
                done.set_exception(failure)
                return
            then()
            done.set_result(None)

        self._call(lambda: self._store.submit(Write(finished, change=change, frees=True)))
        done.result()
        self._worked_since = time.monotonic()

    def _in_loop(self, call: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def ask() -> None:
            try:
                answer.set_result(call())
            except Exception as error:  # noqa: BLE001 - belongs to the thread that waits for it
                answer.set_exception(error)

        self._call(ask)
        return answer.result()

    def _call(self, call: Callable[[], None]) -> None:
        if self._stop.is_set() or self._loop.is_closed():
            raise _StoppedError
        self._loop.call_soon_threadsafe(call)


def _vacuum(writer: sqlite3.Connection) -> None:
    writer.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()  # It works as its rows are read.
