"""kafka-python, which asks for more versions of more APIs than the other clients do."""

from typing import Any

import pytest

from tests.contract.kafka.bench import Bench

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # It reads its own files in a way of old.


def test_transaction_and_offsets_of_another_client_are_understood(bench: Bench) -> None:
    from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

    topic, group = bench.topic(2), bench.group()
    part, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    producer = KafkaProducer(bootstrap_servers=bench.bootstrap, transactional_id=bench.name())
    producer.init_transactions()
    for value, commit in ((b"kept", True), (b"dropped", False), (b"kept too", True)):
        producer.begin_transaction()
        producer.send(topic, value, partition=0)
        producer.send_offsets_to_transaction({other: OffsetAndMetadata(7 if commit else 9, "", -1)}, group)
        (producer.commit_transaction if commit else producer.abort_transaction)()
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=bench.bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        isolation_level="read_committed",
    )  # fmt: skip
    consumer.assign([part])
    found = [next(consumer).value for _ in range(2)]
    assert found == [b"kept", b"kept too"]
    while consumer.committed(other) is None:
        pass  # Apache Kafka answers the end of a transaction before the group knows of it.
    assert consumer.committed(other) == 7
    consumer.close()


@pytest.fixture
def admin(bench: Bench) -> Any:
    from kafka import KafkaAdminClient

    made = KafkaAdminClient(bootstrap_servers=bench.bootstrap)
    yield made
    made.close()


def test_operator_asks_for_transactions_and_producers(bench: Bench, admin: Any) -> None:
    from kafka import TopicPartition

    topic, name = bench.topic(), bench.name()
    producer = bench.producer(transactional_id=name)
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"open", partition=0)
    producer.flush(20)
    (opened,) = admin.describe_transactions([name]).values()
    assert (opened.state.value, opened.topic_partitions) == ("Ongoing", {TopicPartition(topic, 0)})
    assert name in {each.transactional_id for each in next(iter(admin.list_transactions().values()))}
    (state,) = admin.describe_producers([TopicPartition(topic, 0)])[TopicPartition(topic, 0)].active_producers
    assert (state.producer_id, state.last_sequence) == (opened.producer_id, 0)
    producer.commit_transaction(20)
    # Apache Kafka answers the end of a transaction before its markers are written.
    while (state := admin.describe_transactions([name])[name].state.value) == "PrepareCommit":
        pass
    assert state == "CompleteCommit"
