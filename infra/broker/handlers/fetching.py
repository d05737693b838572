"""Fetch: from the tail in memory where possible, from the file else, waiting for data when there is none."""

import asyncio
import logging
import sqlite3
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.batches import read_header
from infra.broker.context import Context, Request
from infra.broker.counts import FETCH
from infra.broker.errors import DamagedBatchError
from infra.broker.hotpath import FetchedPartition, encode_fetch
from infra.broker.limits import PeerLog
from infra.broker.log import LEADER_EPOCH, Partition, read_batches
from infra.broker.wire import frame_response

_NO_SESSION_EPOCHS = (0, -1)
_READ_COMMITTED = 1
_OFFSET_BYTES = 8
damaged_log = PeerLog()
"""One line a partition, not one a fetch."""


@dataclass(slots=True, eq=False)
class _Wanted:
    """One partition of the request and what was found for it."""

    topic: str
    index: int
    offset: int
    max_bytes: int
    leader_epoch: int
    partition: Partition | None
    error: ErrorCode = ErrorCode.none
    records: list[bytes] | None = None


def fetch(context: Context, request: Request) -> None:
    """Answer when `min_bytes` are there, when a partition is in error, or when `max_wait` is over.

    Where nothing but damage was found, the error comes when `max_wait` is over.
    """
    body = request.body
    if request.head.api_version >= 7 and (body.session_id != 0 or body.session_epoch not in _NO_SESSION_EPOCHS):
        context.counts.failed(FETCH, [ErrorCode.fetch_session_id_not_found])
        _send(request, ErrorCode.fetch_session_id_not_found, [])
        return
    _PendingFetch(context, request, body).attempt()


class _PendingFetch:
    """A Fetch from its arrival to its answer."""

    __slots__ = (
        "_cold", "_committed_only", "_context", "_done", "_left", "_max_bytes", "_min_bytes", "_request", "_timer",
        "_wait_s", "_wanted",
    )  # fmt: skip

    def __init__(self, context: Context, request: Request, body: Any) -> None:
        self._context = context
        self._request = request
        self._wait_s = body.max_wait.total_seconds()
        self._min_bytes = body.min_bytes
        self._committed_only = body.isolation_level == _READ_COMMITTED
        self._max_bytes = min(body.max_bytes, context.config.fetch_max_bytes, context.fetch_room())
        self._timer: asyncio.TimerHandle | None = None
        self._done = False
        self._left = self._max_bytes
        self._cold: list[tuple[_Wanted, Partition, int]] = []
        has_epoch = request.head.api_version >= 9
        self._wanted = [
            _Wanted(
                topic.topic,
                part.partition,
                part.fetch_offset,
                part.partition_max_bytes,
                part.current_leader_epoch if has_epoch else -1,
                context.log.find(topic.topic, part.partition),
            )
            for topic in body.topics
            for part in topic.partitions
        ]

    @property
    def connection(self) -> Hashable:
        """The client that waits."""
        return self._request.connection

    def attempt(self) -> None:
        """Answer if there is a reason to; start waiting if there is not."""
        if self._done:
            return
        try:
            self._answer_or_wait()
        except Exception as error:  # noqa: BLE001 - runs inside another client's produce, which it must not reach
            self._done = True
            self._finish_waiting()
            self._request.fail(error)

    def _answer_or_wait(self) -> None:
        found_bytes, failed = self._collect()
        if self._cold:
            self._finish_waiting()
            self._context.waiting.add(self)
            cold = [(partition, entry.offset, limit) for entry, partition, limit in self._cold]
            reading = self._context.loop.run_in_executor(
                self._context.reading, _read_cold, self._context.store.reader, cold, max(self._left, 0)
            )
            reading.add_done_callback(self._cold_read)
        elif failed or found_bytes >= self._min_bytes or self._wait_s <= 0:
            self._answer()
        elif self._timer is None:
            self._wait()

    def cancel(self) -> None:
        """The broker stops or the client is gone: answer with what there is and forget the request."""
        if not self._done:
            self._answer()

    def _collect(self) -> tuple[int, bool]:
        """Look at every partition once: bytes found in memory, and whether a partition is in error."""
        left = self._max_bytes
        found_bytes = 0
        failed = False
        self._cold.clear()
        for entry in self._wanted:
            entry.records = None
            entry.error = _check(entry)
            partition = entry.partition
            if partition is None or entry.error is not ErrorCode.none:
                failed = True
            elif entry.offset < self._end(partition) and (left > 0 or not found_bytes):
                limit = min(entry.max_bytes, left)
                entry.records = partition.tail.read(entry.offset, limit)
                if entry.records is None:
                    self._cold.append((entry, partition, limit))
                    continue
                self._cut(entry.records, partition)
                # Only the first batch of a whole answer may exceed the limits, else a client could never pass it.
                if found_bytes and len(entry.records) == 1 and len(entry.records[0]) > limit:
                    entry.records = None
                    continue
                size = sum(map(len, entry.records))
                found_bytes += size
                left -= size
        self._left = left
        return found_bytes, failed

    def _end(self, partition: Partition) -> int:
        return partition.last_stable_offset if self._committed_only else partition.high_watermark

    def _cut(self, records: list[bytes], partition: Partition) -> None:
        """Take off what an open transaction keeps a read_committed reader from; the first batch is always before it."""
        if self._committed_only and partition.open_transactions:
            end = partition.last_stable_offset
            while records and int.from_bytes(records[-1][:_OFFSET_BYTES], "big") >= end:
                records.pop()

    def _wait(self) -> None:
        self._timer = self._context.loop.call_later(self._wait_s, self._answer)
        self._context.waiting.add(self)
        for entry in self._wanted:
            if entry.partition is not None:
                entry.partition.waiters.add(self.attempt)

    def _finish_waiting(self) -> None:
        self._context.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for entry in self._wanted:
            if entry.partition is not None:
                entry.partition.waiters.discard(self.attempt)

    def _cold_read(self, reading: "asyncio.Future[list[list[bytes] | None]]") -> None:
        if self._done:
            return
        if reading.cancelled() or reading.exception() is not None:
            error = None if reading.cancelled() else reading.exception()
            self._done = True
            self._finish_waiting()
            self._request.fail(RuntimeError(f"reading the log failed: {error!r}"))
            return
        for (entry, partition, _), records in zip(self._cold, reading.result(), strict=True):
            entry.records = records
            if records is None:
                entry.error = ErrorCode.kafka_storage_error
            else:
                self._cut(records, partition)
        damaged = any(entry.error is ErrorCode.kafka_storage_error for entry in self._wanted)
        if damaged and not any(entry.records for entry in self._wanted):
            # Clients ask again at once, thousands of times a second; what is damaged is not mended as fast.
            self._timer = self._context.loop.call_later(self._wait_s, self._answer)
        else:
            self._answer()

    def _answer(self) -> None:
        self._done = True
        self._finish_waiting()
        topics: list[tuple[str, list[FetchedPartition]]] = []
        for entry in self._wanted:
            if not topics or topics[-1][0] != entry.topic:
                topics.append((entry.topic, []))
            topics[-1][1].append(self._answer_for(entry))
        self._context.counts.failed(FETCH, [entry.error for entry in self._wanted])
        _send(self._request, ErrorCode.none, topics)

    def _answer_for(self, entry: _Wanted) -> FetchedPartition:
        partition = entry.partition
        if partition is None or entry.error is ErrorCode.unknown_topic_or_partition:
            return FetchedPartition(entry.index, int(entry.error), -1, -1, -1, ())
        high, stable = partition.high_watermark, partition.last_stable_offset
        records = entry.records or ()
        aborted = None
        if self._committed_only:
            found = partition.aborted_in(entry.offset, _end_of(records[-1])) if records else []
            aborted = [(each.producer_id, each.first_offset) for each in found]
        return FetchedPartition(
            entry.index, int(entry.error), high, stable, partition.log_start_offset, records, aborted
        )


def _end_of(batch: bytes) -> int:
    """Offset after the last record of a batch."""
    info = read_header(batch)
    return info.base_offset + info.last_offset_delta + 1


def _check(entry: _Wanted) -> ErrorCode:
    partition = entry.partition
    if partition is None or partition.deleted:
        return ErrorCode.unknown_topic_or_partition
    if entry.leader_epoch > LEADER_EPOCH:
        return ErrorCode.unknown_leader_epoch
    if not partition.log_start_offset <= entry.offset <= partition.high_watermark:
        return ErrorCode.offset_out_of_range
    return ErrorCode.none


def _read_cold(
    reader: sqlite3.Connection, wanted: list[tuple[Partition, int, int]], max_bytes: int
) -> list[list[bytes] | None]:
    """Runs in the reading thread. What was read first counts against the request's limit for the rest.

    None stands for a partition whose next batch is damaged: a client gets an error it retries, never other bytes.
    """
    answers: list[list[bytes] | None] = []
    for partition, offset, limit in wanted:
        try:
            size = min(limit, max_bytes)
            records = read_batches(reader, partition.partition_id, offset, size) if max_bytes > 0 else []
        except (DamagedBatchError, sqlite3.DatabaseError) as error:
            damaged_log.say(logging.ERROR, f"{partition.topic}-{partition.index}", f"cannot be read: {error}")
            answers.append(None)
            continue
        max_bytes -= sum(map(len, records))
        answers.append(records)
    return answers


def _send(request: Request, error: ErrorCode, topics: list[tuple[str, list[FetchedPartition]]]) -> None:
    body = encode_fetch(request.head.api_version, int(error), topics)
    request.send(frame_response(request.head.correlation_id, body))
