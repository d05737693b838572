"""ListOffsets, OffsetCommit and OffsetFetch."""

import sqlite3
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request, now_ms
from infra.broker.errors import StorageFailedError
from infra.broker.log import LEADER_EPOCH, Partition, find_newest, find_timestamp
from infra.broker.offsets import CommittedOffset, write_offsets
from infra.broker.store import Write

_LATEST = -1
_EARLIEST = -2
_NEWEST = -3
_NOTHING = (-1, -1)
_READ_COMMITTED = 1


def list_offsets(context: Context, request: Request) -> None:
    """Ends of logs from memory; look-ups by timestamp in the reading thread.

    A read_committed client is told of nothing at or after the last stable offset.
    """
    committed_only = request.head.api_version >= 2 and request.body.isolation_level == _READ_COMMITTED
    answers: list[dict[str, Any]] = []
    by_time: list[tuple[dict[str, Any], Partition, int]] = []
    for topic in request.body.topics:
        entries = []
        for part in topic.partitions:
            entry: dict[str, Any] = {
                "partition_index": part.partition_index,
                "error_code": 0,
                "timestamp": -1,
                "offset": -1,
                "leader_epoch": -1,
            }
            partition = context.log.find(topic.name, part.partition_index)
            if partition is None:
                entry["error_code"] = ErrorCode.unknown_topic_or_partition
            elif part.timestamp in (_LATEST, _EARLIEST):
                latest = part.timestamp == _LATEST
                entry["offset"] = _end(partition, committed_only) if latest else partition.log_start_offset
                entry["leader_epoch"] = LEADER_EPOCH
            else:
                by_time.append((entry, partition, part.timestamp))
            entries.append(entry)
        answers.append({"name": topic.name, "partitions": entries})
    if not by_time:
        request.answer({"topics": answers})
        return

    def found(reading: Any) -> None:
        if reading.cancelled() or reading.exception() is not None:
            request.fail(RuntimeError("the look-up by timestamp failed or was cancelled"))
            return
        for (entry, partition, _), (offset, timestamp_ms) in zip(by_time, reading.result(), strict=True):
            if 0 <= offset < _end(partition, committed_only):
                # A batch may begin below a log start that lies in it.
                offset = max(offset, partition.log_start_offset)
                entry.update(offset=offset, timestamp=timestamp_ms, leader_epoch=LEADER_EPOCH)
        request.answer({"topics": answers})

    wanted = [(partition.partition_id, timestamp) for _, partition, timestamp in by_time]
    context.loop.run_in_executor(context.reading, _look_up, context.store.reader, wanted).add_done_callback(found)


def _end(partition: Partition, committed_only: bool) -> int:
    return partition.last_stable_offset if committed_only else partition.high_watermark


def _look_up(reader: sqlite3.Connection, wanted: list[tuple[int, int]]) -> list[tuple[int, int]]:
    answers = []
    for partition_id, timestamp_ms in wanted:
        if timestamp_ms == _NEWEST:
            answers.append(find_newest(reader, partition_id) or _NOTHING)
        elif timestamp_ms < 0:
            answers.append(_NOTHING)
        else:
            answers.append(find_timestamp(reader, partition_id, timestamp_ms) or _NOTHING)
    return answers


def offset_commit(context: Context, request: Request) -> None:
    """Store offsets of the current generation; answered after they are on disk."""
    body = request.body
    version = request.head.api_version
    refusal = context.groups.check_commit(
        body.group_id,
        body.member_id,
        body.generation_id_or_member_epoch,
        body.group_instance_id if version >= 7 else None,
    )
    if refusal is ErrorCode.none and context.store.refusal() is not None:
        refusal = ErrorCode.coordinator_not_available
    accepted: dict[int, CommittedOffset] = {}
    topics: list[dict[str, Any]] = []
    for topic in body.topics:
        entries = []
        for part in topic.partitions:
            epoch = part.committed_leader_epoch if version >= 6 else -1
            error = refusal or take_offset(context, topic.name, part, epoch, accepted)
            entries.append({"partition_index": part.partition_index, "error_code": error})
        topics.append({"name": topic.name, "partitions": entries})
    if not accepted:
        request.answer({"topics": topics})
        return
    committed_ms = now_ms()

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            context.offsets.committed(body.group_id, accepted)
        else:
            for topic in topics:
                for entry in topic["partitions"]:
                    entry["error_code"] = ErrorCode.coordinator_not_available
        request.answer({"topics": topics})

    context.store.submit(
        Write(done, change=lambda writer: write_offsets(writer, body.group_id, accepted, committed_ms))
    )


def take_offset(
    context: Context, topic_name: str, part: Any, leader_epoch: int, accepted: dict[int, CommittedOffset]
) -> ErrorCode:
    """Add one partition of a commit request to `accepted`, or say why not."""
    partition = context.log.find(topic_name, part.partition_index)
    if partition is None:
        return ErrorCode.unknown_topic_or_partition
    metadata = part.committed_metadata
    if metadata is not None and len(metadata.encode()) > context.config.offset_metadata_max_bytes:
        return ErrorCode.offset_metadata_too_large
    accepted[partition.partition_id] = CommittedOffset(part.committed_offset, leader_epoch, metadata)
    return ErrorCode.none


def offset_fetch(context: Context, request: Request) -> None:
    """Committed offsets of a group; -1 where there is none. Null topics ask for everything it committed.

    A client that requires stable offsets has to ask again while a transaction holds newer ones.
    """
    body = request.body
    stable_only = request.head.api_version >= 7 and body.require_stable
    unstable = context.transactions.pending_offsets(body.group_id) if stable_only else set()
    committed = context.offsets.of_group(body.group_id)
    if body.topics is None:
        wanted: dict[str, list[int]] = {}
        for partition_id in committed:
            known = context.log.partitions.get(partition_id)
            if known is not None:
                wanted.setdefault(known.topic, []).append(known.index)
    else:
        wanted = {topic.name: list(topic.partition_indexes) for topic in body.topics}
    topics = []
    for name, indexes in wanted.items():
        entries = []
        for index in indexes:
            partition = context.log.find(name, index)
            entry = None if partition is None else committed.get(partition.partition_id)
            pending = partition is not None and partition.partition_id in unstable
            offset, epoch, metadata = entry if entry is not None and not pending else CommittedOffset(-1, -1, "")
            entries.append(
                {
                    "partition_index": index,
                    "committed_offset": offset,
                    "committed_leader_epoch": epoch,
                    "metadata": metadata,
                    "error_code": ErrorCode.unstable_offset_commit if pending else ErrorCode.none,
                }
            )
        topics.append({"name": name, "partitions": entries})
    request.answer({"topics": topics, "error_code": 0})
