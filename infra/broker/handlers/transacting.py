"""InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn, and the end of what lasts too long."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.batches import end_marker
from infra.broker.context import Context, Request, now_ms
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.handlers.offset_apis import take_offset
from infra.broker.log import AbortedTransaction, Partition
from infra.broker.offsets import CommittedOffset, write_offsets
from infra.broker.producers import after_marker
from infra.broker.store import ProducerRow, StoredBatch, Write
from infra.broker.transactions import NO_BATCH, Transaction, TransactionState, write_next_producer_id, write_transaction

_INSERT_ABORTED = "INSERT INTO aborted_transactions VALUES (?, ?, ?, ?)"


def init_producer_id(context: Context, request: Request) -> None:
    """Give out a producer id and epoch, durable before they are answered.

    A transactional id keeps its producer id; a new epoch fences off whoever had it before, and what that producer
    left open is aborted first.
    """
    body = request.body
    if body.transactional_id is None:
        _answer_new_producer(context, request)
        return
    known = (body.producer_id, body.producer_epoch) if request.head.api_version >= 3 else (-1, -1)
    try:
        _check_init(context, body)
        found = context.transactions.by_id.get(body.transactional_id)
        if found is not None:
            context.transactions.check_claim(found, *known)
    except RequestRefusedError as refusal:
        _refuse_init(request, refusal)
        return
    if found is not None and found.ongoing:
        context.transactions.fence(found)
        # The claim was checked against the epoch before the fence, so it is a new producer from here on.
        _end(context, found, False, lambda failure: _initialise(context, request, (-1, -1), failure))
    else:
        _initialise(context, request, known, None)


def _check_init(context: Context, body: Any) -> None:
    if not body.transactional_id:
        raise RequestRefusedError(ErrorCode.invalid_request, "a transactional id must not be empty")
    timeout_ms = _milliseconds(body.transaction_timeout)
    if not 0 < timeout_ms <= context.config.transaction_max_timeout_ms:
        raise RequestRefusedError(
            ErrorCode.invalid_transaction_timeout,
            f"a transaction may last 1 to {context.config.transaction_max_timeout_ms} ms, not {timeout_ms}",
        )


def _initialise(context: Context, request: Request, known: tuple[int, int], failure: StorageFailedError | None) -> None:
    body = request.body
    if failure is not None:
        _answer_init(request, ErrorCode.coordinator_not_available)
        return
    try:
        found = context.transactions.initialise(
            body.transactional_id, _milliseconds(body.transaction_timeout), *known, now_ms()
        )
    except RequestRefusedError as refusal:
        _refuse_init(request, refusal)
        return
    row, producer_id, epoch = found.row(), found.producer_id, found.epoch

    def change(writer: sqlite3.Connection) -> None:
        write_next_producer_id(writer, producer_id)
        write_transaction(writer, row)

    context.store.submit(Write(lambda failed: _answer_given(request, producer_id, epoch, failed), change=change))


def _answer_new_producer(context: Context, request: Request) -> None:
    producer_id = context.transactions.take_producer_id()
    context.store.submit(
        Write(
            lambda failed: _answer_given(request, producer_id, 0, failed),
            change=lambda writer: write_next_producer_id(writer, producer_id),
        )
    )


def _answer_given(request: Request, producer_id: int, epoch: int, failure: StorageFailedError | None) -> None:
    if failure is None:
        _answer_init(request, ErrorCode.none, producer_id, epoch)
    else:
        _answer_init(request, ErrorCode.coordinator_not_available)


def _refuse_init(request: Request, refusal: RequestRefusedError) -> None:
    _answer_init(request, _code_for(refusal, knows_fenced=request.head.api_version >= 4))


def _answer_init(request: Request, error: ErrorCode, producer_id: int = -1, epoch: int = -1) -> None:
    request.answer({"error_code": error, "producer_id": producer_id, "producer_epoch": epoch})


def add_partitions_to_txn(context: Context, request: Request) -> None:
    """All partitions join the transaction, or none: Kafka too refuses the sound ones beside an unknown one."""
    body = request.body
    named = [(topic.name, index) for topic in body.v3_and_below_topics for index in topic.partitions]
    partitions = [context.log.find(name, index) for name, index in named]
    try:
        found = context.transactions.current(
            body.v3_and_below_transactional_id, body.v3_and_below_producer_id, body.v3_and_below_producer_epoch
        )
    except RequestRefusedError as refusal:
        code = _code_for(refusal, knows_fenced=request.head.api_version >= 2)
        _answer_partitions(request, dict.fromkeys(named, code))
        return
    known = [partition for partition in partitions if partition is not None]
    if len(known) < len(named):
        missing = zip(named, partitions, strict=True)
        unknown, refused = ErrorCode.unknown_topic_or_partition, ErrorCode.operation_not_attempted
        _answer_partitions(request, {name: unknown if part is None else refused for name, part in missing})
        return
    context.transactions.begin(found, now_ms())
    for partition in known:
        found.partitions.setdefault(partition.partition_id, NO_BATCH)
    arm_timer(context)

    def answer(error: ErrorCode) -> None:
        _answer_partitions(request, dict.fromkeys(named, error))

    _save(context, found, answer)


def _answer_partitions(request: Request, codes: dict[tuple[str, int], ErrorCode]) -> None:
    topics: dict[str, list[dict[str, Any]]] = {}
    for (name, index), code in codes.items():
        topics.setdefault(name, []).append({"partition_index": index, "partition_error_code": code})
    results = [{"name": name, "results_by_partition": entries} for name, entries in topics.items()]
    request.answer({"results_by_topic_v3_and_below": results})


def add_offsets_to_txn(context: Context, request: Request) -> None:
    """The transaction will carry offsets of a group. This broker coordinates both, so there is nothing to note."""
    body = request.body
    try:
        found = context.transactions.current(body.transactional_id, body.producer_id, body.producer_epoch)
    except RequestRefusedError as refusal:
        request.answer({"error_code": _code_for(refusal, knows_fenced=request.head.api_version >= 2)})
        return
    context.transactions.begin(found, now_ms())
    arm_timer(context)
    _save(context, found, lambda error: request.answer({"error_code": error}))


def txn_offset_commit(context: Context, request: Request) -> None:
    """Offsets that count when the transaction is committed. Since version 3 the group's member is checked too."""
    body, version = request.body, request.head.api_version
    refusal, found = _check_offsets(context, request)
    accepted: dict[int, CommittedOffset] = {}
    codes: list[tuple[str, int, ErrorCode]] = []
    for topic in body.topics:
        for part in topic.partitions:
            epoch = part.committed_leader_epoch if version >= 2 else -1
            code = refusal or take_offset(context, topic.name, part, epoch, accepted)
            codes.append((topic.name, part.partition_index, code))

    def answer(failed: ErrorCode) -> None:
        topics: dict[str, list[dict[str, Any]]] = {}
        for name, index, code in codes:
            topics.setdefault(name, []).append({"partition_index": index, "error_code": code or failed})
        request.answer({"topics": [{"name": name, "partitions": entries} for name, entries in topics.items()]})

    if found is None or not accepted:
        answer(ErrorCode.none)
        return
    found.offsets.setdefault(body.group_id, {}).update(accepted)
    _save(context, found, answer)


def _check_offsets(context: Context, request: Request) -> tuple[ErrorCode, Transaction | None]:
    body = request.body
    try:
        found = context.transactions.current(body.transactional_id, body.producer_id, body.producer_epoch)
        if not found.ongoing:
            raise RequestRefusedError(ErrorCode.invalid_txn_state, "add the group's offsets to a transaction first")
    except RequestRefusedError as refusal:
        return _code_for(refusal, knows_fenced=False), None
    if request.head.api_version >= 3 and (body.generation_id >= 0 or body.member_id):
        error = context.groups.check_member(body.group_id, body.member_id, body.generation_id, body.group_instance_id)
        if error is not ErrorCode.none:
            return error, None
    return ErrorCode.none, found


def end_txn(context: Context, request: Request) -> None:
    """Commit or abort; asking twice for the same is answered as the first time."""
    body = request.body
    try:
        found = context.transactions.current(body.transactional_id, body.producer_id, body.producer_epoch)
    except RequestRefusedError as refusal:
        request.answer({"error_code": _code_for(refusal, knows_fenced=request.head.api_version >= 2)})
        return
    wanted = TransactionState.COMMITTED if body.committed else TransactionState.ABORTED
    if not found.ongoing:
        request.answer({"error_code": ErrorCode.none if found.state is wanted else ErrorCode.invalid_txn_state})
        return

    def done(failure: StorageFailedError | None) -> None:
        request.answer({"error_code": ErrorCode.none if failure is None else ErrorCode.coordinator_not_available})

    _end(context, found, body.committed, done)


def abort_overdue(context: Context) -> None:
    """Abort what lasted longer than its producer allowed, and fence that producer off."""
    for found in context.transactions.overdue(now_ms()):
        context.transactions.fence(found)
        _end(context, found, False, lambda _: None)
    arm_timer(context)


def arm_timer(context: Context) -> None:
    """Wake up when the next open transaction has lasted too long."""
    if context.transaction_timer is not None:
        context.transaction_timer.cancel()
        context.transaction_timer = None
    deadline_ms = context.transactions.next_deadline_ms()
    if deadline_ms is not None:
        delay_s = max(0, deadline_ms - now_ms()) / 1000 + 0.001
        context.transaction_timer = context.loop.call_later(delay_s, abort_overdue, context)


def _end(context: Context, found: Transaction, commit: bool, done: Callable[[StorageFailedError | None], None]) -> None:
    """Write markers, offsets and the new state in one commit, then show them all at once."""
    found.ending = True
    ended_ms = now_ms()
    state = TransactionState.COMMITTED if commit else TransactionState.ABORTED
    row = replace(found, state=state, started_ms=-1, updated_ms=ended_ms, partitions={}, offsets={}, ending=False).row()
    offsets = {group_id: dict(entries) for group_id, entries in found.offsets.items()} if commit else {}
    markers: list[StoredBatch] = []
    producers: list[ProducerRow] = []
    touched: list[tuple[Partition, AbortedTransaction | None]] = []
    for partition_id, first_offset in found.partitions.items():
        partition = context.log.partitions[partition_id]
        marker, producer = _place_marker(partition, found, commit, ended_ms)
        markers.append(marker)
        producers.append(producer)
        skipped = first_offset != NO_BATCH and not commit
        aborted = AbortedTransaction(found.producer_id, first_offset, marker.last_offset) if skipped else None
        touched.append((partition, aborted))

    def change(writer: sqlite3.Connection) -> None:
        write_transaction(writer, row)
        for group_id, entries in offsets.items():
            write_offsets(writer, group_id, entries, ended_ms)
        rows = [(p.partition_id, a.last_offset, a.first_offset, a.producer_id) for p, a in touched if a is not None]
        writer.executemany(_INSERT_ABORTED, rows)

    def written(failure: StorageFailedError | None) -> None:
        if failure is None:
            _publish_end(context, found, state, touched)
            context.log.committed(markers)
            for group_id, entries in offsets.items():
                context.offsets.committed(group_id, entries)
        done(failure)

    context.store.submit(Write(written, markers, producers, change))


def _place_marker(
    partition: Partition, found: Transaction, commit: bool, ended_ms: int
) -> tuple[StoredBatch, ProducerRow]:
    offset = partition.next_offset
    partition.next_offset += 1
    data = end_marker(offset, found.producer_id, found.epoch, ended_ms, commit=commit)
    state = after_marker(partition.producers.get(found.producer_id), found.epoch)
    partition.producers[found.producer_id] = state
    return (
        StoredBatch(partition.partition_id, offset, offset, ended_ms, data),
        ProducerRow(partition.partition_id, found.producer_id, state.epoch, ended_ms, state.pack()),
    )


def _publish_end(
    context: Context,
    found: Transaction,
    state: TransactionState,
    touched: list[tuple[Partition, AbortedTransaction | None]],
) -> None:
    found.state, found.started_ms, found.updated_ms, found.ending = state, -1, now_ms(), False
    found.partitions, found.offsets = {}, {}
    for partition, aborted in touched:
        partition.open_transactions.pop(found.producer_id, None)
        if aborted is not None:
            partition.aborted.append(aborted)
    arm_timer(context)


def _save(context: Context, found: Transaction, answer: Callable[[ErrorCode], None]) -> None:
    row = found.row()
    context.store.submit(
        Write(
            lambda failure: answer(ErrorCode.none if failure is None else ErrorCode.coordinator_not_available),
            change=lambda writer: write_transaction(writer, row),
        )
    )


def _code_for(refusal: RequestRefusedError, *, knows_fenced: bool) -> ErrorCode:
    """Older versions of the requests say INVALID_PRODUCER_EPOCH to a producer that is fenced off."""
    if refusal.code is ErrorCode.producer_fenced and not knows_fenced:
        return ErrorCode.invalid_producer_epoch
    return refusal.code


def _milliseconds(duration: Any) -> int:
    return int(duration.total_seconds() * 1000)
