"""What the tests of every Kafka broker share: names of their own, and clients with short patience."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from infra.bench.kafka_nodes import forget
from tests.infra.broker.support import WireClient

WITHIN_S = 20.0


def differs_on(broker: str, reason: str) -> pytest.MarkDecorator:
    """Mark a test that one of the brokers fails on purpose."""
    failing = pytest.mark.xfail(strict=True, reason=reason, raises=(AssertionError, pytest.fail.Exception))
    marks = {"embedded": (), "live": (pytest.mark.live,)}
    marks[broker] = (*marks[broker], failing)
    return pytest.mark.parametrize(
        "broker", [pytest.param(name, marks=own) for name, own in marks.items()], indirect=True, scope="module"
    )


class Bench:
    """A broker's address, with everything that one test makes there."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient(self._settings({}))
        self._topics: list[str] = []
        self._groups: list[str] = []

    def name(self) -> str:
        """A name that no other test uses."""
        return f"contract-{uuid4().hex[:12]}"

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """A new topic that the broker serves; underscores in the names of settings stand for dots."""
        name = self.planned_topic()
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(WITHIN_S)
        # Apache Kafka says yes before every broker knows: the first produce would have to retry.
        while len(self.admin.list_topics(name, timeout=WITHIN_S).topics[name].partitions) < partitions:
            pass
        return name

    def planned_topic(self) -> str:
        """A name for a topic that the test itself may make."""
        self._topics.append(self.name())
        return self._topics[-1]

    def group(self) -> str:
        """A name for a consumer group."""
        self._groups.append(self.name())
        return self._groups[-1]

    def clean_up(self) -> None:
        """Delete the topics and groups of the test."""
        forget(self.bootstrap, self._topics, self._groups)

    def producer(self, **settings: Any) -> Producer:
        """A librdkafka producer; underscores in the names of settings stand for dots."""
        return Producer(self._settings(settings))

    def consumer(self, group: str, **settings: Any) -> Consumer:
        """A librdkafka consumer from the earliest record on, which commits when it is told to."""
        defaults = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        return Consumer({**defaults, "session.timeout.ms": 6000, **self._settings(settings)})

    def send(self, topic: str, *values: bytes, **settings: Any) -> list[Message]:
        """Produce one after the other to partition 0; what the broker answered for each."""
        answers: list[Message] = []
        producer = self.producer(**settings)
        for value in values:
            producer.produce(topic, value, partition=0, on_delivery=lambda _, message: answers.append(message))
            assert producer.flush(WITHIN_S) == 0
        return answers

    @asynccontextmanager
    async def aio_producer(self, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
        """An aiokafka producer that waits for all replicas."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", **settings)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @asynccontextmanager
    async def aio_consumer(self, *topics: str, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
        """An aiokafka consumer from the earliest record on, which commits when it is told to."""
        defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "session_timeout_ms": 6000}
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=self.bootstrap, **{**defaults, "heartbeat_interval_ms": 100, **settings}
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    async def wire(self) -> WireClient:
        """A connection for bare requests."""
        return await WireClient.connect(int(self.bootstrap.split(",")[0].rsplit(":", 1)[1]))

    async def read(self, topic: str, count: int, **settings: Any) -> list["ConsumerRecord[bytes, bytes]"]:
        """The first ``count`` records of partition 0."""
        async with self.aio_consumer(**settings) as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            return await take(consumer, count)

    async def read_to(self, topic: str, last: int) -> list["ConsumerRecord[bytes, bytes]"]:
        """What is left of partition 0 up to the offset ``last``, which must be there."""
        found: list[ConsumerRecord[bytes, bytes]] = []
        async with self.aio_consumer() as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            while not found or found[-1].offset < last:
                found += await take(consumer, 1)
        return found

    def _settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        # Clients that outlive a broker for a moment report it on standard error by themselves.
        quiet = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        return quiet | {name.replace("_", "."): value for name, value in settings.items()}


async def take(consumer: AIOKafkaConsumer, count: int) -> list["ConsumerRecord[bytes, bytes]"]:
    """The next ``count`` records, from whatever partitions."""
    found: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(WITHIN_S):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
    return found


def take_messages(consumer: Consumer, count: int) -> list[Message]:
    """The next ``count`` messages of a librdkafka consumer; fails on an error of a partition."""
    found: list[Message] = []
    polls = 0
    while len(found) < count:
        polls += 1
        assert polls < WITHIN_S * 10, f"{len(found)} of {count} messages came"
        for message in consumer.consume(count - len(found), 0.1):
            assert message.error() is None, message.error()
            found.append(message)
    return found


async def until(reached: Callable[[], bool]) -> None:
    """Return when something that clients do by themselves has happened."""
    async with asyncio.timeout(WITHIN_S):
        while not reached():
            await asyncio.sleep(0.01)


def refusal(action: Callable[[], Any]) -> int:
    """The error code that the broker answers to what ``action`` asks for."""
    with pytest.raises(KafkaException) as refused:
        action()
    error: KafkaError = refused.value.args[0]
    return error.code()


def subscription(*topics: str) -> bytes:
    """Metadata that a member of a consumer group joins with, version 0."""
    names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in topics)
    return struct.pack(">hi", 0, len(topics)) + names + struct.pack(">i", -1)
