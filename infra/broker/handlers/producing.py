"""Produce."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.batches import NO_PRODUCER, BatchInfo, check_produced, with_position
from infra.broker.context import Context, Request, now_ms
from infra.broker.counts import PRODUCE
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.hotpath import ProducedPartition, encode_produce
from infra.broker.log import LEADER_EPOCH, Partition, Topic
from infra.broker.producers import find_repetition, remember
from infra.broker.records import require_keys
from infra.broker.store import ProducerRow, StoredBatch, Write
from infra.broker.transactions import Transaction, write_transaction
from infra.broker.wire import frame_response

_ACKS_ALLOWED = (-1, 0, 1)


@dataclass(slots=True)
class _Append:
    """What one Produce request adds to the log and will answer."""

    batches: list[StoredBatch] = field(default_factory=list)
    producers: list[ProducerRow] = field(default_factory=list)
    topics: list[tuple[str, list[ProducedPartition]]] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)


def produce(context: Context, request: Request) -> None:
    """Check and place every batch, hand them to the writer, answer after the commit (never for acks=0).

    acks=1 is answered like acks=all: with one broker the leader's disk is all there is.
    """
    body = request.body
    append = _Append()
    for topic in body.topic_data:
        results = [_place(context, append, topic.name, part, body) for part in topic.partition_data]
        append.topics.append((topic.name, results))
    if body.acks == 0:
        request.send(None)

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            context.log.committed(append.batches)
        topics = append.topics if failure is None else _failed(append.topics, failure)
        for _, parts in topics:
            context.counts.failed(PRODUCE, [part.error_code for part in parts])
        if body.acks != 0:
            answer = encode_produce(request.head.api_version, topics)
            request.send(frame_response(request.head.correlation_id, answer))

    # Submitted even when nothing new is stored: a repetition may be answered only after its first copy is on disk.
    context.store.submit(Write(done, append.batches, append.producers, _saving(append.transactions)))


def _place(context: Context, append: _Append, topic_name: str, part: Any, body: Any) -> ProducedPartition:
    topic = context.log.topics.get(topic_name)
    index = int(part.index)
    try:
        if body.acks not in _ACKS_ALLOWED:
            raise RequestRefusedError(ErrorCode.invalid_required_acks, f"acks={body.acks} is not -1, 0 or 1")
        if topic is None or not 0 <= index < len(topic.partitions):
            raise RequestRefusedError(
                ErrorCode.unknown_topic_or_partition, f"topic {topic_name!r} has no partition {index}"
            )
        full = context.store.refusal()
        if full is not None:
            raise RequestRefusedError(ErrorCode.kafka_storage_error, full)
        return _append(context, append, topic, topic.partitions[index], part.records)
    except RequestRefusedError as refusal:
        return ProducedPartition(index, int(refusal.code), -1, -1, refusal.message)


def _append(
    context: Context, append: _Append, topic: Topic, partition: Partition, records: bytes | None
) -> ProducedPartition:
    info = check_produced(records, topic.max_message_bytes)
    assert records is not None
    if "compact" in topic.configs.get("cleanup.policy", ""):
        require_keys(records, info)
    if info.producer_id != NO_PRODUCER:
        repeated = find_repetition(partition.producers.get(info.producer_id), info)
        if repeated is not None:
            return ProducedPartition(partition.index, 0, repeated, partition.log_start_offset, None)
        _join_transaction(context, append, partition, info)
    base = partition.next_offset
    last = base + info.last_offset_delta
    data = with_position(records, base, LEADER_EPOCH)
    append.batches.append(StoredBatch(partition.partition_id, base, last, info.max_timestamp_ms, data))
    partition.next_offset = last + 1
    if info.producer_id != NO_PRODUCER:
        append.producers.append(_remember(partition, info, base))
    return ProducedPartition(partition.index, 0, base, partition.log_start_offset, None)


def _join_transaction(context: Context, append: _Append, partition: Partition, info: BatchInfo) -> None:
    """Note where a transaction begins in this partition; its first batch is about to take the next offset."""
    if not info.is_transactional:
        if info.producer_id in partition.open_transactions:
            raise RequestRefusedError(
                ErrorCode.invalid_txn_state, f"producer {info.producer_id} has a transaction open; end it first"
            )
        return
    found = context.transactions.admit(info, partition.partition_id)
    if info.producer_id not in partition.open_transactions:
        partition.open_transactions[info.producer_id] = partition.next_offset
        found.partitions[partition.partition_id] = partition.next_offset
        append.transactions.append(found)


def _saving(transactions: list[Transaction]) -> Callable[[sqlite3.Connection], None] | None:
    """Stores where transactions began, together with their first batches."""
    if not transactions:
        return None
    rows = [found.row() for found in transactions]

    def change(writer: sqlite3.Connection) -> None:
        for row in rows:
            write_transaction(writer, row)

    return change


def _remember(partition: Partition, info: BatchInfo, base: int) -> ProducerRow:
    state = remember(partition.producers.get(info.producer_id), info, base)
    partition.producers[info.producer_id] = state
    return ProducerRow(partition.partition_id, info.producer_id, state.epoch, now_ms(), state.pack())


def _failed(
    topics: list[tuple[str, list[ProducedPartition]]], failure: StorageFailedError
) -> list[tuple[str, list[ProducedPartition]]]:
    code = int(ErrorCode.kafka_storage_error)
    return [
        (name, [ProducedPartition(p.partition, p.error_code or code, -1, -1, p.message or str(failure)) for p in parts])
        for name, parts in topics
    ]
