"""Topics: made, described, grown, changed and deleted, with Kafka's own refusals."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.contract.kafka.bench import WITHIN_S, Bench, refusal


def configs_of(bench: Bench, topic: str) -> dict[str, tuple[str | None, bool]]:
    """Value of each setting, and whether it was set for the topic."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found = bench.admin.describe_configs([resource])[resource].result(WITHIN_S)
    dynamic = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: (entry.value, entry.source == dynamic) for name, entry in found.items()}


def end_of(bench: Bench, topic: str, spec: OffsetSpec | None = None) -> int:
    part = TopicPartition(topic, 0)
    while True:
        try:
            found = bench.admin.list_offsets({part: spec or OffsetSpec.latest()})[part].result(WITHIN_S)
        except KafkaException as error:
            # Apache Kafka lists a topic a moment before its broker leads the partitions; a client asks again.
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
        else:
            offset: int = found.offset
            return offset


def test_topic_is_there_with_its_partitions_and_settings_when_it_was_created(bench: Bench) -> None:
    topic = bench.topic(3, cleanup_policy="compact", max_message_bytes="2000")
    described = bench.admin.list_topics(topic, timeout=WITHIN_S).topics[topic]
    assert sorted(described.partitions) == [0, 1, 2]
    assert {len(part.replicas) for part in described.partitions.values()} == {1}
    configs = configs_of(bench, topic)
    assert configs["cleanup.policy"] == ("compact", True)
    assert configs["max.message.bytes"] == ("2000", True)
    assert configs["retention.ms"] == ("604800000", False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"topic": "white space"}, KafkaError.TOPIC_EXCEPTION),
        ({"topic": "x" * 250}, KafkaError.TOPIC_EXCEPTION),
        ({"num_partitions": 0}, KafkaError.INVALID_PARTITIONS),
        ({"replication_factor": 99}, KafkaError.INVALID_REPLICATION_FACTOR),
        ({"config": {"cleanup.polizy": "compact"}}, KafkaError.INVALID_CONFIG),
        ({"config": {"cleanup.policy": "shred"}}, KafkaError.INVALID_CONFIG),
        ({"config": {"retention.ms": "soon"}}, KafkaError.INVALID_CONFIG),
    ],
)
def test_topic_is_refused_when_it_is_wrong(bench: Bench, changes: dict[str, object], error: int) -> None:
    wanted = {"topic": bench.planned_topic(), "num_partitions": 1, "replication_factor": 1} | changes
    topic = NewTopic(**wanted)
    assert refusal(lambda: bench.admin.create_topics([topic])[topic.topic].result(WITHIN_S)) == error


def test_topic_is_refused_when_it_exists_and_not_made_when_only_validated(bench: Bench) -> None:
    topic = bench.topic()
    again = NewTopic(topic, 1, 1)
    assert refusal(lambda: bench.admin.create_topics([again])[topic].result(WITHIN_S)) == (
        KafkaError.TOPIC_ALREADY_EXISTS
    )
    planned = bench.planned_topic()
    assert bench.admin.create_topics([NewTopic(planned, 1, 1)], validate_only=True)[planned].result(WITHIN_S) is None
    assert planned not in bench.admin.list_topics(timeout=WITHIN_S).topics


def test_topic_does_not_come_into_being_when_it_is_asked_for(bench: Bench) -> None:
    planned = bench.planned_topic()
    (answer,) = bench.send(planned, b"v", message_timeout_ms=2000, allow_auto_create_topics=True)
    assert answer.error() is not None
    assert planned not in bench.admin.list_topics(timeout=WITHIN_S).topics


def test_topic_is_empty_when_it_was_deleted_and_made_again(bench: Bench) -> None:
    topic = bench.topic()
    bench.send(topic, b"old")
    assert bench.admin.delete_topics([topic])[topic].result(WITHIN_S) is None
    assert refusal(lambda: bench.admin.delete_topics([topic])[topic].result(WITHIN_S)) == (
        KafkaError.UNKNOWN_TOPIC_OR_PART
    )
    while topic in bench.admin.list_topics(timeout=WITHIN_S).topics:
        pass
    bench.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(WITHIN_S)
    while topic not in bench.admin.list_topics(timeout=WITHIN_S).topics:
        pass
    assert end_of(bench, topic) == 0


def test_topic_grows_and_never_shrinks(bench: Bench) -> None:
    topic = bench.topic(2)
    bench.send(topic, b"kept")

    def grow(count: int) -> None:
        bench.admin.create_partitions([NewPartitions(topic, count)])[topic].result(WITHIN_S)

    assert refusal(lambda: grow(2)) == KafkaError.INVALID_PARTITIONS
    assert refusal(lambda: grow(1)) == KafkaError.INVALID_PARTITIONS
    grow(4)
    while len(bench.admin.list_topics(topic, timeout=WITHIN_S).topics[topic].partitions) < 4:
        pass
    producer = bench.producer()
    producer.produce(topic, b"new", partition=3)
    assert producer.flush(WITHIN_S) == 0
    part = TopicPartition(topic, 3)
    assert bench.admin.list_offsets({part: OffsetSpec.latest()})[part].result(WITHIN_S).offset == 1
    assert end_of(bench, topic) == 1


def test_one_setting_changes_and_the_others_stay(bench: Bench) -> None:
    topic = bench.topic(cleanup_policy="delete", retention_ms="1000000")

    def change(name: str, value: str | None, operation: AlterConfigOpType) -> None:
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        bench.admin.incremental_alter_configs([resource])[resource].result(WITHIN_S)

    change("max.message.bytes", "1000", AlterConfigOpType.SET)
    change("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    change("retention.ms", None, AlterConfigOpType.DELETE)
    configs = configs_of(bench, topic)
    assert configs["max.message.bytes"] == ("1000", True)
    assert configs["cleanup.policy"] == ("delete,compact", True)
    assert configs["retention.ms"] == ("604800000", False)
    change("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    assert configs_of(bench, topic)["cleanup.policy"] == ("compact", True)
    (answer,) = bench.send(topic, b"x" * 2000)
    assert answer.error().code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert refusal(lambda: change("retention.ms", "soon", AlterConfigOpType.SET)) == KafkaError.INVALID_CONFIG


def test_broker_tells_its_settings_and_the_cluster_its_brokers(bench: Bench) -> None:
    cluster = bench.admin.describe_cluster().result(WITHIN_S)
    assert len(cluster.nodes) == 1
    assert cluster.controller is not None
    (node,) = cluster.nodes
    resource = ConfigResource(ResourceType.BROKER, str(node.id))
    found = bench.admin.describe_configs([resource])[resource].result(WITHIN_S)
    assert found["auto.create.topics.enable"].value == "false"
    assert int(found["message.max.bytes"].value or 0) == 1_048_588


def test_log_begins_where_its_records_were_deleted_up_to(bench: Bench) -> None:
    topic = bench.topic()
    bench.send(topic, b"a", b"b", b"c", b"d")

    def delete(offset: int) -> int:
        part = TopicPartition(topic, 0, offset)
        low: int = bench.admin.delete_records([part])[part].result(WITHIN_S).low_watermark
        return low

    assert delete(2) == 2
    assert end_of(bench, topic, OffsetSpec.earliest()) == 2
    assert refusal(lambda: delete(99)) == KafkaError.OFFSET_OUT_OF_RANGE
    assert delete(-1) == 4
    assert end_of(bench, topic, OffsetSpec.earliest()) == end_of(bench, topic) == 4
    assert bench.send(topic, b"e")[0].offset() == 4


def test_records_stay_when_the_topic_is_only_compacted(bench: Bench) -> None:
    topic = bench.topic(cleanup_policy="compact")
    producer = bench.producer()
    producer.produce(topic, b"v", b"k", partition=0)
    assert producer.flush(WITHIN_S) == 0
    part = TopicPartition(topic, 0, 1)
    assert refusal(lambda: bench.admin.delete_records([part])[part].result(WITHIN_S)) == KafkaError.POLICY_VIOLATION
