"""DeleteRecords, OffsetForLeaderEpoch, DescribeLogDirs and DescribeProducers: what stands in partitions."""

import sqlite3
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.log import LEADER_EPOCH, Partition
from infra.broker.store import Write, batch_key
from infra.broker.trim import trim_memory, trim_rows

_TO_THE_END = -1
_NOT_IN_TRANSACTION = -1
_NEVER = -1


def delete_records(context: Context, request: Request) -> None:
    """Move the starts of logs, durable before it is answered."""
    topics: list[dict[str, Any]] = []
    moved: list[tuple[Partition, int]] = []
    for topic in request.body.topics:
        entries = []
        for part in topic.partitions:
            entry: dict[str, Any] = {"partition_index": part.partition_index, "error_code": 0, "low_watermark": -1}
            entries.append(entry)
            try:
                partition, offset = _new_start(context, topic.name, part)
            except RequestRefusedError as refusal:
                entry["error_code"] = refusal.code
                continue
            moved.append((partition, offset))
            entry["low_watermark"] = max(offset, partition.log_start_offset)
        topics.append({"name": topic.name, "partitions": entries})

    def change(writer: sqlite3.Connection) -> None:
        for partition, offset in moved:
            trim_rows(writer, partition.partition_id, offset)

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            for partition, offset in moved:
                trim_memory(context.log, partition, offset)
        else:
            for topic in topics:
                for entry in topic["partitions"]:
                    entry.update(error_code=ErrorCode.kafka_storage_error, low_watermark=-1)
        request.answer({"topics": topics})

    context.store.submit(Write(done, change=change, frees=True))


def _new_start(context: Context, topic_name: str, part: Any) -> tuple[Partition, int]:
    partition = context.log.find(topic_name, part.partition_index)
    if partition is None:
        raise RequestRefusedError(ErrorCode.unknown_topic_or_partition, f"there is no topic {topic_name!r}")
    if "delete" not in context.log.topics[topic_name].configs.get("cleanup.policy", "delete"):
        raise RequestRefusedError(ErrorCode.policy_violation, f"topic {topic_name!r} is only compacted")
    offset = partition.high_watermark if part.offset == _TO_THE_END else part.offset
    if not 0 <= offset <= partition.high_watermark:
        raise RequestRefusedError(ErrorCode.offset_out_of_range, f"the log ends at {partition.high_watermark}")
    return partition, offset


def offset_for_leader_epoch(context: Context, request: Request) -> None:
    """Where an epoch ends. There is one epoch, so a log never has to be cut back by its readers."""
    topics = [
        {"topic": topic.topic, "partitions": [_epoch_end(context, topic.topic, part) for part in topic.partitions]}
        for topic in request.body.topics
    ]
    request.answer({"topics": topics})


def _epoch_end(context: Context, topic_name: str, part: Any) -> dict[str, Any]:
    partition = context.log.find(topic_name, part.partition)
    error, epoch, offset = ErrorCode.none, -1, -1
    if partition is None:
        error = ErrorCode.unknown_topic_or_partition
    elif part.current_leader_epoch > LEADER_EPOCH:
        error = ErrorCode.unknown_leader_epoch
    elif part.leader_epoch == LEADER_EPOCH:
        epoch, offset = LEADER_EPOCH, partition.high_watermark
    return {"error_code": error, "partition": part.partition, "leader_epoch": epoch, "end_offset": offset}


def describe_log_dirs(context: Context, request: Request) -> None:
    """Bytes of each partition's batches in the one file."""
    wanted = request.body.topics
    asked = (
        {name: range(len(topic.partitions)) for name, topic in context.log.topics.items()}
        if wanted is None
        else {topic.topic: topic.partitions for topic in wanted}
    )
    found = [p for name, indexes in asked.items() for i in indexes if (p := context.log.find(name, i)) is not None]

    def measured(reading: Any) -> None:
        if reading.cancelled() or reading.exception() is not None:
            request.fail(RuntimeError("measuring the logs failed or was cancelled"))
            return
        topics: dict[str, list[dict[str, Any]]] = {}
        for partition, size in zip(found, reading.result(), strict=True):
            topics.setdefault(partition.topic, []).append(
                {
                    "partition_index": partition.index,
                    "partition_size": size,
                    "offset_lag": 0,
                    "is_future_key": False,
                }
            )
        directory = str(context.store.path.parent)
        results = [{"name": name, "partitions": entries} for name, entries in topics.items()]
        request.answer({"results": [{"error_code": 0, "log_dir": directory, "topics": results}]})

    ids = [partition.partition_id for partition in found]
    context.loop.run_in_executor(context.reading, _sizes, context.store.reader, ids).add_done_callback(measured)


def _sizes(reader: sqlite3.Connection, partition_ids: list[int]) -> list[int]:
    query = "SELECT coalesce(sum(size_bytes), 0) FROM batches WHERE batch_key >= ? AND batch_key < ?"
    return [
        int(reader.execute(query, (batch_key(each, 0), batch_key(each + 1, 0))).fetchone()[0]) for each in partition_ids
    ]


def describe_producers(context: Context, request: Request) -> None:
    """Idempotent and transactional producers that partitions remember."""
    topics = []
    for topic in request.body.topics:
        entries = [_producers_of(context, topic.name, index) for index in topic.partition_indexes]
        topics.append({"name": topic.name, "partitions": entries})
    request.answer({"topics": topics})


def _producers_of(context: Context, topic_name: str, index: int) -> dict[str, Any]:
    partition = context.log.find(topic_name, index)
    missing = partition is None
    known = {} if partition is None else partition.producers
    opened = {} if partition is None else partition.open_transactions
    return {
        "partition_index": index,
        "error_code": ErrorCode.unknown_topic_or_partition if missing else ErrorCode.none,
        "error_message": None,
        "active_producers": [
            {
                "producer_id": producer_id,
                "producer_epoch": state.epoch,
                "last_sequence": state.batches[-1].last_sequence if state.batches else -1,
                "last_timestamp": _NEVER,
                "coordinator_epoch": 0,
                "current_txn_start_offset": opened.get(producer_id, _NOT_IN_TRANSACTION),
            }
            for producer_id, state in known.items()
        ],
    }
