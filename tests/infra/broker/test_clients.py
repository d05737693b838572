"""Unchanged client libraries on the embedded broker: what `tests/contract/kafka` does not ask of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, UnknownMemberIdError

from infra.broker import Broker
from tests.infra.broker.support import WireClient, create_topic


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
