"""DescribeTransactions and ListTransactions."""

from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request, now_ms
from infra.broker.transactions import Transaction, TransactionState

_ANY_DURATION = -1


def describe_transactions(context: Context, request: Request) -> None:
    """Transactional ids with what is open under them."""
    states = [_describe(context, each) for each in request.body.transactional_ids]
    request.answer({"transaction_states": states})


def _describe(context: Context, transactional_id: str) -> dict[str, Any]:
    found = context.transactions.by_id.get(transactional_id)
    error = ErrorCode.none if found is not None else ErrorCode.transactional_id_not_found
    shown = found or Transaction(transactional_id, -1, -1)
    topics: dict[str, list[int]] = {}
    for partition_id in shown.partitions:
        partition = context.log.partitions[partition_id]
        topics.setdefault(partition.topic, []).append(partition.index)
    return {
        "error_code": error,
        "transactional_id": transactional_id,
        "transaction_state": shown.state.value,
        "transaction_timeout": shown.timeout_ms,
        "transaction_start_time": shown.started_ms,
        "producer_id": shown.producer_id,
        "producer_epoch": shown.epoch,
        "topics": [{"topic": name, "partitions": indexes} for name, indexes in topics.items()],
    }


def list_transactions(context: Context, request: Request) -> None:
    """Transactional ids by state, producer and, since version 1, how long they have been open."""
    body = request.body
    longer_ms = body.duration_filter if request.head.api_version >= 1 else _ANY_DURATION
    names = {state.value for state in TransactionState}
    now = now_ms()
    listed = [
        {
            "transactional_id": found.transactional_id,
            "producer_id": found.producer_id,
            "transaction_state": found.state.value,
        }
        for found in context.transactions.by_id.values()
        if (not body.state_filters or found.state.value in body.state_filters)
        and (not body.producer_id_filters or found.producer_id in body.producer_id_filters)
        and (longer_ms < 0 or (found.ongoing and now - found.started_ms > longer_ms))
    ]
    unknown = [name for name in body.state_filters if name not in names]
    request.answer({"error_code": 0, "unknown_state_filters": unknown, "transaction_states": listed})
