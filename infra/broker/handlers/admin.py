"""Metadata, CreateTopics, DeleteTopics and DescribeConfigs."""

import sqlite3
from collections import Counter
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.context import NODE_ID, Context, Request
from infra.broker.errors import RequestRefusedError, StorageFailedError
from infra.broker.log import LEADER_EPOCH, Topic
from infra.broker.store import Write, batch_key
from infra.broker.topic_configs import SETTINGS, check_configs, check_name

_NO_OPERATIONS = -(2**31)
_RESOURCE_TOPIC = 2
_SOURCE_TOPIC = 1
_SOURCE_DEFAULT = 5


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
    if len(context.log.partitions) + partitions > context.config.max_partitions_total:
        raise RequestRefusedError(
            ErrorCode.policy_violation,
            f"with {partitions} more there were over {context.config.max_partitions_total} partitions in this file",
        )
    return partitions, check_configs({entry.name: entry.value for entry in topic.configs})


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
    rows: list[tuple[int, int, int, int]] = []
    for index in range(partitions):
        partition_id = writer.execute(
            "INSERT INTO partitions (topic_id, partition_index) VALUES (?, ?)", (topic_id, index)
        ).lastrowid
        assert partition_id is not None
        rows.append((partition_id, index, 0, 0))
    return topic_id, name, configs, rows


def delete_topics(context: Context, request: Request) -> None:
    """Topics vanish for clients at once and from the file with the answer."""
    answers: list[dict[str, Any]] = []
    removed: list[Topic] = []
    for name in request.body.topic_names:
        error, message = ErrorCode.none, None
        if name in context.log.topics:
            removed.append(context.log.remove_topic(name))
        else:
            error, message = ErrorCode.unknown_topic_or_partition, f"there is no topic {name!r}"
        answers.append({"name": name, "error_code": error, "error_message": message})
    if not removed:
        request.answer({"responses": answers})
        return
    partition_ids = [partition.partition_id for topic in removed for partition in topic.partitions]
    context.offsets.forget_partitions(partition_ids)

    def change(writer: sqlite3.Connection) -> None:
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


def describe_configs(context: Context, request: Request) -> None:
    """Configuration of topics: explicit values and defaults. Brokers have none that could be asked for."""
    request.answer({"results": [_describe_resource(context, resource) for resource in request.body.resources]})


def _describe_resource(context: Context, resource: Any) -> dict[str, Any]:
    topic = context.log.topics.get(resource.resource_name) if resource.resource_type == _RESOURCE_TOPIC else None
    error, message, configs = ErrorCode.none, None, []
    if topic is not None:
        wanted = resource.configuration_keys
        configs = _describe_configs(topic.configs, None if wanted is None else set(wanted))
    elif resource.resource_type == _RESOURCE_TOPIC:
        error, message = ErrorCode.unknown_topic_or_partition, f"there is no topic {resource.resource_name!r}"
    return {
        "error_code": error,
        "error_message": message,
        "resource_type": resource.resource_type,
        "resource_name": resource.resource_name,
        "configs": configs,
    }


def _describe_configs(explicit: Any, wanted: set[str] | None) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "value": explicit.get(name, setting.default),
            "read_only": False,
            "config_source": _SOURCE_TOPIC if name in explicit else _SOURCE_DEFAULT,
            "is_sensitive": False,
            "synonyms": [],
            "config_type": setting.type,
            "documentation": None,
        }
        for name, setting in SETTINGS.items()
        if wanted is None or name in wanted
    ]
