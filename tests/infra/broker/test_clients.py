"""Unchanged client libraries on the embedded broker: aiokafka, librdkafka (confluent-kafka) and Faust."""

import asyncio
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, UnknownMemberIdError
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as RdTopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.admin import NewTopic as RdNewTopic

from infra.broker import Broker
from tests.infra.broker.support import WireClient, create_topic

T = TypeVar("T")


@pytest.fixture
def address(broker: Broker) -> str:
    return f"127.0.0.1:{broker.port}"


@pytest.fixture
async def topic(client: WireClient) -> str:
    assert await create_topic(client, "orders.events.v1", partitions=4) == 0
    return "orders.events.v1"


def aio_consumer(address: str, *topics: str, **settings: Any) -> AIOKafkaConsumer:
    defaults = {
        "bootstrap_servers": address, "auto_offset_reset": "earliest", "enable_auto_commit": False,
        "heartbeat_interval_ms": 50, "session_timeout_ms": 6000,
    }  # fmt: skip
    return AIOKafkaConsumer(*topics, **(defaults | settings))


async def take(consumer: AIOKafkaConsumer, count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        for records in (await asyncio.wait_for(consumer.getmany(timeout_ms=500), 10)).values():
            found += records
    return found


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """librdkafka's calls block; the broker lives in this loop."""
    return await asyncio.get_running_loop().run_in_executor(None, functools.partial(function, *arguments))


async def test_aiokafka_reads_back_keys_headers_and_times_when_it_produced_them(address: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True) as producer:
        sent = [
            await producer.send_and_wait(
                topic, b"v%d" % n, key=b"k%d" % n, headers=[("ce_id", b"%d" % n)], timestamp_ms=1_000 + n
            )
            for n in range(12)
        ]
    async with aio_consumer(address, topic, group_id="g") as consumer:
        got = await take(consumer, 12)
    by_value = {record.value: record for record in got}
    for n, place in enumerate(sent):
        record = by_value[b"v%d" % n]
        assert (record.key, record.headers, record.timestamp) == (
            b"k%d" % n, (("ce_id", b"%d" % n),), 1_000 + n,
        )  # fmt: skip
        assert (record.partition, record.offset) == (place.partition, place.offset)


async def test_partitions_move_and_nothing_is_missed_when_members_come_and_go(address: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:

        async def send(first: int) -> None:
            for n in range(first, first + 8):
                await producer.send_and_wait(topic, b"%d" % n, partition=n % 4)

        one = aio_consumer(address, topic, group_id="g")
        await one.start()
        await send(0)
        assert len(await take(one, 8)) == 8
        assert len(one.assignment()) == 4
        await one.commit()

        two = aio_consumer(address, topic, group_id="g")
        reading = asyncio.ensure_future(one.getone())  # Keeps the first member polling while the second joins.
        await two.start()
        await _until(lambda: len(one.assignment()) == 2 and len(two.assignment()) == 2)
        assert not one.assignment() & two.assignment()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await send(8)
        mine, theirs = await asyncio.gather(take(one, 4), take(two, 4))
        assert sorted(int(r.value) for r in [*mine, *theirs]) == list(range(8, 16))
        await one.commit()
        await two.commit()

        await one.stop()
        await _until(lambda: len(two.assignment()) == 4)
        await send(16)
        assert sorted(int(r.value) for r in await take(two, 8)) == list(range(16, 24))
        await two.stop()
    resumed = aio_consumer(address, topic, group_id="g")
    async with resumed:
        assert sorted(int(r.value) for r in await take(resumed, 8)) == list(range(16, 24))


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.01)


async def test_commit_is_refused_when_the_member_was_thrown_out(address: str, topic: str, broker: Broker) -> None:
    async with aio_consumer(address, topic, group_id="g", heartbeat_interval_ms=5000) as consumer:
        await _until(lambda: len(consumer.assignment()) == 4)
        part = TopicPartition(topic, 0)
        await consumer.commit({part: 0})
        admin = await WireClient.connect(broker.port)
        described = await admin.call(15, 4, groups=["g"])
        assert described.groups[0].group_state == "Stable"
        member = described.groups[0].members[0].member_id
        left = await admin.call(13, 3, group_id="g", members=[{"member_id": member}])
        assert left.members[0].error_code == 0
        with pytest.raises((CommitFailedError, IllegalStateError, UnknownMemberIdError)):
            await consumer.commit({part: 1})
        await admin.close()


async def test_waiting_consumer_wakes_at_once_when_a_record_arrives(address: str, topic: str) -> None:
    async with (
        AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer,
        aio_consumer(address, fetch_max_wait_ms=30_000) as consumer,
    ):
        part = TopicPartition(topic, 0)
        consumer.assign([part])
        await producer.send_and_wait(topic, b"first", partition=0)
        await consumer.getone()
        delays = []
        for _ in range(5):
            waiting = asyncio.ensure_future(consumer.getone())
            await asyncio.sleep(0.02)
            started = time.perf_counter()
            await producer.send(topic, b"next", partition=0)
            await asyncio.wait_for(waiting, 10)
            delays.append(time.perf_counter() - started)
        assert min(delays) < 0.25


async def test_offsets_for_times_has_no_answer_when_everything_is_older(address: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for timestamp_ms in (1_000, 2_000):
            await producer.send_and_wait(topic, b"v", partition=0, timestamp_ms=timestamp_ms)
    async with aio_consumer(address) as consumer:
        part = TopicPartition(topic, 0)
        found = await consumer.offsets_for_times({part: 1_500})
        assert (found[part].offset, found[part].timestamp) == (1, 2_000)
        assert (await consumer.offsets_for_times({part: 2_001}))[part] is None
        assert await consumer.end_offsets([part]) == {part: 2}


async def test_aiokafka_admin_creates_describes_and_deletes_topics(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        created = await admin.create_topics([NewTopic("v", 3, 1, topic_configs={"cleanup.policy": "compact"})])
        assert [entry[1] for entry in created.topic_errors] == [0]
        (described,) = await admin.describe_topics(["v"])
        assert len(described["partitions"]) == 3
        deleted = await admin.delete_topics(["v"])
        assert [entry[1] for entry in deleted.topic_error_codes] == [0]
        assert await admin.list_topics() == []
    finally:
        await admin.close()


async def test_librdkafka_reads_back_what_it_produced_in_every_compression(address: str, topic: str) -> None:
    codecs = ["gzip", "snappy", "lz4", "zstd"]

    def produce(codec: str) -> list[KafkaError | None]:
        outcomes: list[KafkaError | None] = []
        producer = Producer(
            {"bootstrap.servers": address, "enable.idempotence": True, "compression.type": codec, "linger.ms": 5}
        )
        for n in range(100):
            producer.produce(
                topic, b"value %d " % n * 20, key=f"{codec}{n}", on_delivery=lambda e, _: outcomes.append(e)
            )
        assert producer.flush(10) == 0
        return outcomes

    def consume() -> dict[bytes, bytes]:
        consumer = Consumer(
            {"bootstrap.servers": address, "group.id": "rd", "auto.offset.reset": "earliest",
             "enable.auto.commit": False, "session.timeout.ms": 6000}
        )  # fmt: skip
        consumer.subscribe([topic])
        found: dict[bytes, bytes] = {}
        give_up = time.monotonic() + 10
        while len(found) < 400 and time.monotonic() < give_up:
            for message in consumer.consume(400, 0.1):
                assert message.error() is None
                found[message.key()] = message.value()
        consumer.commit(asynchronous=False)
        consumer.close()
        return found

    outcomes = await asyncio.gather(*(in_thread(produce, codec) for codec in codecs))
    assert outcomes == [[None] * 100] * 4
    expected = {f"{codec}{n}".encode(): b"value %d " % n * 20 for codec in codecs for n in range(100)}
    assert await in_thread(consume) == expected


async def test_librdkafka_admin_sees_and_changes_topics_and_groups(address: str, topic: str) -> None:
    def work() -> None:
        admin = AdminClient({"bootstrap.servers": address})
        created = admin.create_topics([RdNewTopic("v", 2, 1, config={"cleanup.policy": "compact"})])
        assert created["v"].result(10) is None
        with pytest.raises(KafkaException) as again:
            admin.create_topics([RdNewTopic("v", 2, 1)])["v"].result(10)
        assert again.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
        assert {n: len(t.partitions) for n, t in admin.list_topics(timeout=10).topics.items()} == {topic: 4, "v": 2}
        resource = ConfigResource("topic", "v")
        assert admin.describe_configs([resource])[resource].result(10)["cleanup.policy"].value == "compact"
        consumer = Consumer({"bootstrap.servers": address, "group.id": "rd"})
        consumer.commit(offsets=[RdTopicPartition("v", 1, 5)], asynchronous=False)
        assert consumer.committed([RdTopicPartition("v", 1)], 10)[0].offset == 5
        consumer.close()
        assert [group.group_id for group in admin.list_consumer_groups().result(10).valid] == ["rd"]
        assert admin.describe_consumer_groups(["rd"])["rd"].result(10).members == []
        assert admin.delete_topics(["v"])["v"].result(10) is None

    await in_thread(work)


async def test_faust_agent_and_its_table_work_when_the_app_is_unchanged(
    address: str, topic: str, tmp_path: Path
) -> None:
    app = faust.App(
        "shop", broker=f"kafka://{address}", store="memory://", web_enabled=False, datadir=str(tmp_path / "shop"),
        topic_disable_leader=True, consumer_auto_offset_reset="earliest", broker_commit_interval=0.1,
        stream_wait_empty=False, topic_partitions=4,
    )  # fmt: skip
    events = app.topic(topic, value_type=bytes, value_serializer="raw")
    seen: list[bytes] = []
    enough = asyncio.Event()

    counts = app.Table("counts", default=int, partitions=4)

    @app.agent(events)
    async def collect(stream: Any) -> None:
        async for event in stream.events():
            counts[event.key] += 1
            seen.append(event.value)
            if len(seen) == 20:
                enough.set()

    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        for n in range(20):
            await producer.send_and_wait(topic, b"%d" % n, key=b'"%d"' % (n % 5))
    await app.start()
    try:
        await asyncio.wait_for(enough.wait(), 20)
    finally:
        await app.stop()
    assert sorted(map(int, seen)) == list(range(20))
    parts = [TopicPartition("shop-counts-changelog", index) for index in range(4)]
    async with aio_consumer(address) as consumer:
        assert sum((await consumer.end_offsets(parts)).values()) == 20
