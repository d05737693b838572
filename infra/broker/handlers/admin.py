"""Metadata, DescribeCluster, CreateTopics, CreatePartitions and DeleteTopics."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import NODE_ID, Context, Request
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.log import LEADER_EPOCH, Topic
from infra.broker.store import Write, batch_key
from infra.broker.topic_configs import check_configs, check_name
from infra.broker.transactions import erase_partitions

_NO_OPERATIONS = -(2**31)
_ENDPOINT_BROKERS = 1


def metadata(context: Context, request: Request) -> None:
    """Topics by name or all of them; a topic is never created by asking for it."""
    asked = request.body.topics
    everything = asked is None or (request.head.api_version == 0 and not asked)
    names = list(context.log.topics) if everything else [topic.name for topic in asked]
    request.answer(
        {
            "brokers": [{"node_id": NODE_ID, "host": context.host, "port": context.port, "rack": None}],
            "cluster_id": context.cluster_id,
            "controller_id": NODE_ID,
            "topics": [_describe_topic(context, name) for name in names],
            "cluster_authorized_operations": _NO_OPERATIONS,
        }
    )


def _describe_topic(context: Context, name: str) -> dict[str, Any]:
    topic = context.log.topics.get(name)
    error = ErrorCode.none
    if topic is None:
        error = ErrorCode.unknown_topic_or_partition
        try:
            check_name(name)
        except RequestRefusedError as refusal:
            error = refusal.code
    return {
        "error_code": error,
        "name": name,
        "is_internal": False,
        "partitions": [
            {
                "error_code": 0,
                "partition_index": partition.index,
                "leader_id": NODE_ID,
                "leader_epoch": LEADER_EPOCH,
                "replica_nodes": [NODE_ID],
                "isr_nodes": [NODE_ID],
                "offline_replicas": [],
            }
            for partition in (topic.partitions if topic is not None else ())
        ],
        "topic_authorized_operations": _NO_OPERATIONS,
    }


def describe_cluster(context: Context, request: Request) -> None:
    """The one broker. There are no controllers apart from it that could be asked for."""
    endpoint_type = request.body.endpoint_type if request.head.api_version >= 1 else _ENDPOINT_BROKERS
    wrong = endpoint_type != _ENDPOINT_BROKERS
    request.answer(
        {
            "error_code": ErrorCode.unsupported_endpoint_type if wrong else ErrorCode.none,
            "error_message": "only brokers can be asked for here" if wrong else None,
            "endpoint_type": _ENDPOINT_BROKERS,
            "cluster_id": context.cluster_id,
            "controller_id": NODE_ID,
            "brokers": [{"broker_id": NODE_ID, "host": context.host, "port": context.port, "rack": None}],
            "cluster_authorized_operations": _NO_OPERATIONS,
        }
    )


def create_topics(context: Context, request: Request) -> None:
    """Check each topic, store the sound ones in one transaction, answer after the commit."""
    body = request.body
    counts = Counter(topic.name for topic in body.topics)
    answers: list[dict[str, Any]] = []
    accepted: list[tuple[dict[str, Any], int, dict[str, str]]] = []
    for topic in body.topics:
        answer: dict[str, Any] = {
            "name": topic.name,
            "error_code": ErrorCode.none,
            "error_message": None,
        }
        answers.append(answer)
        try:
            partitions, configs = _check_creation(context, topic, counts[topic.name])
        except RequestRefusedError as refusal:
            answer.update(error_code=refusal.code, error_message=refusal.message)
            continue
        accepted.append((answer, partitions, configs))
    if body.validate_only or not accepted:
        request.answer({"topics": answers})
        return
    _store_topics(context, request, answers, accepted)


def _store_topics(
    context: Context,
    request: Request,
    answers: list[dict[str, Any]],
    accepted: list[tuple[dict[str, Any], int, dict[str, str]]],
) -> None:
    made: list[tuple[int, str, dict[str, str], list[tuple[int, int, int, int]]]] = []

    def change(writer: sqlite3.Connection) -> None:
        for answer, partitions, configs in accepted:
            made.append(_insert_topic(writer, answer["name"], partitions, configs))

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            for topic in made:
                context.log.add_topic(*topic)
        for answer, _, _ in accepted:
            context.creating.discard(answer["name"])
            if failure is not None:
                answer.update(error_code=ErrorCode.kafka_storage_error, error_message=str(failure))
        request.answer({"topics": answers})

    context.creating.update(answer["name"] for answer, _, _ in accepted)
    context.store.submit(Write(done, change=change))


def _check_creation(context: Context, topic: Any, mentions: int) -> tuple[int, dict[str, str]]:
    """Number of partitions and explicit configuration of a topic that may be created."""
    full = context.store.refusal()
    if full is not None:
        raise RequestRefusedError(ErrorCode.kafka_storage_error, full)
    check_name(topic.name)
    if mentions > 1:
        raise RequestRefusedError(ErrorCode.invalid_request, f"topic {topic.name!r} stands twice in the request")
    if topic.name in context.log.topics or topic.name in context.creating:
        raise RequestRefusedError(ErrorCode.topic_already_exists, f"topic {topic.name!r} already exists")
    partitions = topic.num_partitions
    if topic.assignments:
        partitions = _count_assigned(topic)
    elif partitions == -1:
        partitions = context.config.default_partitions
    elif topic.replication_factor not in (-1, 1):
        raise RequestRefusedError(
            ErrorCode.invalid_replication_factor,
            f"replication factor {topic.replication_factor} needs as many brokers; the embedded broker is one",
        )
    if not 1 <= partitions <= context.config.max_partitions_per_topic:
        raise RequestRefusedError(
            ErrorCode.invalid_partitions,
            f"{partitions} partitions; allowed are 1 to {context.config.max_partitions_per_topic}",
        )
    _check_total(context, partitions)
    return partitions, check_configs({entry.name: entry.value for entry in topic.configs})


def _check_total(context: Context, more: int) -> None:
    if len(context.log.partitions) + more > context.config.max_partitions_total:
        raise RequestRefusedError(
            ErrorCode.policy_violation,
            f"with {more} more there were over {context.config.max_partitions_total} partitions in this file",
        )


def _count_assigned(topic: Any) -> int:
    indexes = sorted(entry.partition_index for entry in topic.assignments)
    sound = all(tuple(entry.broker_ids) == (NODE_ID,) for entry in topic.assignments)
    if not sound or indexes != list(range(len(indexes))) or topic.num_partitions not in (-1, len(indexes)):
        raise RequestRefusedError(
            ErrorCode.invalid_replica_assignment, "every partition from 0 on has to be assigned to broker 0 alone"
        )
    return len(indexes)


def _insert_topic(
    writer: sqlite3.Connection, name: str, partitions: int, configs: dict[str, str]
) -> tuple[int, str, dict[str, str], list[tuple[int, int, int, int]]]:
    topic_id = writer.execute("INSERT INTO topics (name) VALUES (?)", (name,)).lastrowid
    assert topic_id is not None
    writer.executemany(
        "INSERT INTO topic_configs VALUES (?, ?, ?)", [(topic_id, key, value) for key, value in configs.items()]
    )
    return topic_id, name, configs, _insert_partitions(writer, topic_id, range(partitions))


def _insert_partitions(
    writer: sqlite3.Connection, topic_id: int, indexes: Iterable[int]
) -> list[tuple[int, int, int, int]]:
    rows: list[tuple[int, int, int, int]] = []
    for index in indexes:
        partition_id = writer.execute(
            "INSERT INTO partitions (topic_id, partition_index) VALUES (?, ?)", (topic_id, index)
        ).lastrowid
        assert partition_id is not None
        rows.append((partition_id, index, 0, 0))
    return rows


def create_partitions(context: Context, request: Request) -> None:
    """Add empty partitions at the end of topics; answered after the commit."""
    body = request.body
    counts = Counter(topic.name for topic in body.topics)
    answers: list[dict[str, Any]] = []
    accepted: list[tuple[dict[str, Any], Topic, range]] = []
    for wanted in body.topics:
        answer: dict[str, Any] = {"name": wanted.name, "error_code": ErrorCode.none, "error_message": None}
        answers.append(answer)
        try:
            topic = _check_growth(context, wanted, counts[wanted.name])
        except RequestRefusedError as refusal:
            answer.update(error_code=refusal.code, error_message=refusal.message)
            continue
        accepted.append((answer, topic, range(len(topic.partitions), wanted.count)))
    if body.validate_only or not accepted:
        request.answer({"results": answers})
        return
    _store_partitions(context, request, answers, accepted)


def _store_partitions(
    context: Context,
    request: Request,
    answers: list[dict[str, Any]],
    accepted: list[tuple[dict[str, Any], Topic, range]],
) -> None:
    made: list[tuple[str, list[tuple[int, int, int, int]]]] = []

    def change(writer: sqlite3.Connection) -> None:
        for _, topic, indexes in accepted:
            made.append((topic.name, _insert_partitions(writer, topic.topic_id, indexes)))

    def done(failure: StorageFailedError | None) -> None:
        if failure is None:
            for name, rows in made:
                context.log.add_partitions(name, rows)
        for answer, topic, _ in accepted:
            context.creating.discard(topic.name)
            if failure is not None:
                answer.update(error_code=ErrorCode.kafka_storage_error, error_message=str(failure))
        request.answer({"results": answers})

    context.creating.update(topic.name for _, topic, _ in accepted)
    context.store.submit(Write(done, change=change))


def _check_growth(context: Context, wanted: Any, mentions: int) -> Topic:
    full = context.store.refusal()
    if full is not None:
        raise RequestRefusedError(ErrorCode.kafka_storage_error, full)
    topic = context.log.topics.get(wanted.name)
    if mentions > 1:
        raise RequestRefusedError(ErrorCode.invalid_request, f"topic {wanted.name!r} stands twice in the request")
    if topic is None:
        raise _unknown_topic(wanted.name)
    _check_settled(context, wanted.name)
    present, most = len(topic.partitions), context.config.max_partitions_per_topic
    if not present < wanted.count <= most:
        raise RequestRefusedError(
            ErrorCode.invalid_partitions,
            f"topic {wanted.name!r} has {present} partitions; it can grow to {most}, and never shrink",
        )
    _check_total(context, wanted.count - present)
    for assignment in wanted.assignments or ():
        if tuple(assignment.broker_ids) != (NODE_ID,):
            raise RequestRefusedError(ErrorCode.invalid_replica_assignment, "broker 0 is the only one here")
    if wanted.assignments is not None and len(wanted.assignments) != wanted.count - present:
        raise RequestRefusedError(
            ErrorCode.invalid_replica_assignment, f"{wanted.count - present} new partitions need as many assignments"
        )
    return topic


def _check_settled(context: Context, name: str) -> None:
    if name in context.creating:
        raise RequestRefusedError(
            ErrorCode.reassignment_in_progress, f"partitions of topic {name!r} are being created; ask again"
        )


def _unknown_topic(name: str) -> RequestRefusedError:
    return RequestRefusedError(ErrorCode.unknown_topic_or_partition, f"there is no topic {name!r}")


def delete_topics(context: Context, request: Request) -> None:
    """Topics vanish for clients at once and from the file with the answer."""
    answers: list[dict[str, Any]] = []
    removed: list[Topic] = []
    for name in request.body.topic_names:
        answer: dict[str, Any] = {"name": name, "error_code": ErrorCode.none, "error_message": None}
        answers.append(answer)
        try:
            if name not in context.log.topics:
                raise _unknown_topic(name)
            _check_settled(context, name)
        except RequestRefusedError as refusal:
            answer.update(error_code=refusal.code, error_message=refusal.message)
            continue
        removed.append(context.log.remove_topic(name))
    if not removed:
        request.answer({"responses": answers})
        return
    partition_ids = [partition.partition_id for topic in removed for partition in topic.partitions]
    context.offsets.forget_partitions(partition_ids)
    context.transactions.forget_partitions(partition_ids)

    def change(writer: sqlite3.Connection) -> None:
        erase_partitions(writer, partition_ids)
        for topic in removed:
            _drop_topic(writer, topic.topic_id)
        for partition_id in partition_ids:
            _drop_partition(writer, partition_id)

    def done(failure: StorageFailedError | None) -> None:
        # A commit of this group that was on its way in the meantime may have brought an offset back.
        context.offsets.forget_partitions(partition_ids)
        for topic in removed:
            # A full disk meanwhile brings back what the file still had.
            back = context.log.topics.get(topic.name)
            if failure is None and back is not None and back.topic_id == topic.topic_id:
                context.log.remove_topic(topic.name)
        if failure is not None:
            for answer in answers:
                answer.update(error_code=ErrorCode.kafka_storage_error, error_message=str(failure))
        request.answer({"responses": answers})

    context.store.submit(Write(done, change=change, frees=True))


def _drop_topic(writer: sqlite3.Connection, topic_id: int) -> None:
    writer.execute("DELETE FROM topics WHERE topic_id = ?", (topic_id,))
    writer.execute("DELETE FROM topic_configs WHERE topic_id = ?", (topic_id,))
    writer.execute("DELETE FROM partitions WHERE topic_id = ?", (topic_id,))


def _drop_partition(writer: sqlite3.Connection, partition_id: int) -> None:
    keys = (batch_key(partition_id, 0), batch_key(partition_id + 1, 0) - 1)
    writer.execute("DELETE FROM batches WHERE batch_key BETWEEN ? AND ?", keys)
    writer.execute("DELETE FROM producers WHERE partition_id = ?", (partition_id,))
    writer.execute("DELETE FROM group_offsets WHERE partition_id = ?", (partition_id,))
    writer.execute("DELETE FROM aborted_transactions WHERE partition_id = ?", (partition_id,))
