"""Consumer groups: assignments move, commits stand, members with a name keep their place."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError
from confluent_kafka import TopicPartition as RdTopicPartition
from kio.schema.errors import ErrorCode

from tests.contract.kafka.bench import WITHIN_S, Bench, differs_on, refusal, subscription, take, take_messages, until
from tests.infra.broker.support import WireClient

OFFSET_COMMIT, JOIN, HEARTBEAT, LEAVE, SYNC, OFFSET_DELETE = 8, 11, 12, 13, 14, 47


class Member:
    """A member of a consumer group in bare requests."""

    def __init__(self, client: WireClient, group: str, topic: str, instance: str | None = None) -> None:
        self.client, self.group, self.topic, self.instance = client, group, topic, instance
        self.id, self.generation, self.leader = "", -1, ""

    async def join(self) -> ErrorCode:
        response = await self.client.call(
            JOIN, 5, group_id=self.group, session_timeout=6_000, rebalance_timeout=6_000, member_id=self.id,
            group_instance_id=self.instance, protocol_type="consumer",
            protocols=[{"name": "roundrobin", "metadata": subscription(self.topic)}],
        )  # fmt: skip
        self.id, self.generation, self.leader = response.member_id, response.generation_id, response.leader
        if response.error_code is ErrorCode.member_id_required:
            return await self.join()
        return ErrorCode(response.error_code)

    async def sync(self, **assignments: bytes) -> bytes:
        entries = [{"member_id": member_id, "assignment": share} for member_id, share in assignments.items()]
        response = await self.client.call(
            SYNC, 3, group_id=self.group, generation_id=self.generation, member_id=self.id,
            group_instance_id=self.instance, assignments=entries,
        )  # fmt: skip
        assert response.error_code is ErrorCode.none
        share: bytes = response.assignment
        return share

    async def heartbeat(self) -> ErrorCode:
        response = await self.client.call(
            HEARTBEAT, 3, group_id=self.group, generation_id=self.generation, member_id=self.id,
            group_instance_id=self.instance,
        )  # fmt: skip
        return ErrorCode(response.error_code)

    async def leave(self) -> ErrorCode:
        """A member with a name leaves by it, as a manager would have it leave."""
        member = {"member_id": "" if self.instance else self.id, "group_instance_id": self.instance}
        response = await self.client.call(LEAVE, 3, group_id=self.group, members=[member])
        return ErrorCode(response.members[0].error_code)


async def test_partitions_move_and_nothing_is_missed_when_members_come_and_go(bench: Bench) -> None:
    topic, group = bench.topic(4), bench.group()
    async with bench.aio_producer() as producer:

        async def send(first: int) -> None:
            for number in range(first, first + 8):
                await producer.send_and_wait(topic, b"%d" % number, partition=number % 4)

        async with bench.aio_consumer(topic, group_id=group) as two:
            async with bench.aio_consumer(topic, group_id=group) as one:
                polling = asyncio.ensure_future(two.getone())  # Keeps it in the group while the other joins.
                await until(lambda: len(one.assignment()) == len(two.assignment()) == 2)
                assert not one.assignment() & two.assignment()
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
                await send(0)
                mine, theirs = await asyncio.gather(take(one, 4), take(two, 4))
                assert sorted(int(record.value or b"") for record in [*mine, *theirs]) == list(range(8))
                await one.commit()
                await two.commit()
            await until(lambda: len(two.assignment()) == 4)
            await send(8)
            assert sorted(int(record.value or b"") for record in await take(two, 8)) == list(range(8, 16))


async def test_reading_goes_on_after_the_last_commit(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    bench.send(topic, b"1", b"2", b"3")
    async with bench.aio_consumer(topic, group_id=group) as consumer:
        await take(consumer, 3)
        await consumer.commit({TopicPartition(topic, 0): (2, "noted")})
    async with bench.aio_consumer(topic, group_id=group) as consumer:
        assert [record.value for record in await take(consumer, 1)] == [b"3"]
        assert await consumer.committed(TopicPartition(topic, 0)) == 2


async def test_dead_member_is_replaced(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    client = await bench.wire()
    dead = Member(client, group, topic)
    assert await dead.join() is ErrorCode.none
    await dead.sync(**{dead.id: b""})
    await client.close()
    bench.send(topic, b"v")
    async with bench.aio_consumer(topic, group_id=group) as consumer:
        assert [record.value for record in await take(consumer, 1)] == [b"v"]


@differs_on("live", "Apache Kafka waits for the session timeout, as it cannot know whether a closed socket is a death")
async def test_dead_member_is_gone_as_soon_as_its_connection_is_closed(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    client = await bench.wire()
    dead = Member(client, group, topic)
    await dead.join()
    await dead.sync(**{dead.id: b""})
    await client.close()
    try:
        async with asyncio.timeout(3), bench.aio_consumer(topic, group_id=group) as consumer:
            await until(lambda: len(consumer.assignment()) == 1)
    except TimeoutError:
        pytest.fail("the dead member is still there after half a session")


async def test_static_member_keeps_its_share_and_its_generation_when_it_comes_back(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    client = await bench.wire()
    member = Member(client, group, topic, instance="bench-1")
    assert await member.join() is ErrorCode.none
    assert member.leader == member.id
    await member.sync(**{member.id: b"mine"})
    back = Member(client, group, topic, instance="bench-1")
    assert await back.join() is ErrorCode.none
    assert (back.generation, back.id != member.id) == (member.generation, True)
    assert back.leader != back.id
    assert await back.sync() == b"mine"
    assert await back.heartbeat() is ErrorCode.none
    assert await member.heartbeat() is ErrorCode.fenced_instance_id
    assert await member.join() is ErrorCode.fenced_instance_id
    assert await back.leave() is ErrorCode.none
    assert await back.heartbeat() is ErrorCode.unknown_member_id
    await client.close()


async def test_static_consumer_takes_up_where_it_was_when_it_restarts(bench: Bench) -> None:
    topic, group = bench.topic(2), bench.group()

    def consumer(name: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            topic, bootstrap_servers=bench.bootstrap, group_id=group, group_instance_id=name,
            session_timeout_ms=6000, heartbeat_interval_ms=100, auto_offset_reset="earliest",
        )  # fmt: skip

    one, two = consumer("one"), consumer("two")
    await asyncio.gather(one.start(), two.start())
    await until(lambda: len(one.assignment()) == len(two.assignment()) == 1)
    had = two.assignment()
    await two.stop()
    two = consumer("two")
    await two.start()
    assert two.assignment() == had
    assert len(one.assignment()) == 1
    await asyncio.gather(one.stop(), two.stop())
    client = await bench.wire()
    assert await Member(client, group, topic, "one").leave() is ErrorCode.none
    assert await Member(client, group, topic, "two").leave() is ErrorCode.none
    assert await Member(client, group, topic, "two").leave() is ErrorCode.unknown_member_id
    await client.close()


def running_consumer(bench: Bench, topic: str, group: str) -> Consumer:
    """A librdkafka consumer that has read a record and committed it."""
    bench.send(topic, b"v")
    consumer = bench.consumer(group)
    consumer.subscribe([topic])
    take_messages(consumer, 1)
    consumer.commit(asynchronous=False)
    return consumer


def test_group_is_listed_and_described_while_it_works_and_after(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    consumer = running_consumer(bench, topic, group)

    def listed(*states: ConsumerGroupState) -> set[str]:
        found = bench.admin.list_consumer_groups(states=set(states)).result(WITHIN_S)
        assert found.errors == []
        return {each.group_id for each in found.valid}

    assert group in listed()
    assert group in listed(ConsumerGroupState.STABLE)
    assert group not in listed(ConsumerGroupState.EMPTY)
    described = bench.admin.describe_consumer_groups([group])[group].result(WITHIN_S)
    assert described.state is ConsumerGroupState.STABLE
    (member,) = described.members
    assert [(part.topic, part.partition) for part in member.assignment.topic_partitions] == [(topic, 0)]
    consumer.close()
    assert group in listed(ConsumerGroupState.EMPTY)
    assert bench.admin.describe_consumer_groups([group])[group].result(WITHIN_S).members == []


def offsets_of(bench: Bench, group: str, *parts: RdTopicPartition) -> dict[tuple[str, int], int]:
    wanted = ConsumerGroupTopicPartitions(group, list(parts) or None)
    found = bench.admin.list_consumer_group_offsets([wanted])[group].result(WITHIN_S)
    return {(part.topic, part.partition): part.offset for part in found.topic_partitions}


def test_manager_reads_and_resets_the_offsets_of_a_group(bench: Bench) -> None:
    topic, group = bench.topic(3), bench.group()
    parts = [RdTopicPartition(topic, index, 5 + index) for index in range(2)]
    wanted = ConsumerGroupTopicPartitions(group, parts)
    bench.admin.alter_consumer_group_offsets([wanted])[group].result(WITHIN_S)
    assert offsets_of(bench, group) == {(topic, 0): 5, (topic, 1): 6}
    assert offsets_of(bench, group, RdTopicPartition(topic, 2))[topic, 2] < 0


def test_group_is_deleted_with_its_offsets_once_nobody_is_in_it(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    consumer = running_consumer(bench, topic, group)

    def delete() -> None:
        bench.admin.delete_consumer_groups([group])[group].result(WITHIN_S)

    assert refusal(delete) == KafkaError.NON_EMPTY_GROUP
    consumer.close()
    delete()
    assert refusal(delete) == KafkaError.GROUP_ID_NOT_FOUND
    assert offsets_of(bench, group, RdTopicPartition(topic, 0))[topic, 0] < 0


async def test_offsets_are_deleted_where_the_group_does_not_read(bench: Bench) -> None:
    topic, other, group = bench.topic(), bench.topic(), bench.group()
    client = await bench.wire()
    member = Member(client, group, topic)
    await member.join()
    await member.sync(**{member.id: b""})

    async def commit(name: str) -> None:
        part = {"partition_index": 0, "committed_offset": 3, "committed_leader_epoch": -1, "committed_metadata": ""}
        response = await client.call(
            OFFSET_COMMIT, 7, group_id=group, generation_id_or_member_epoch=member.generation, member_id=member.id,
            group_instance_id=None, topics=[{"name": name, "partitions": [part]}],
        )  # fmt: skip
        assert response.topics[0].partitions[0].error_code is ErrorCode.none

    async def delete(*names: str, group_id: str = group) -> Any:
        topics = [{"name": name, "partitions": [{"partition_index": 0}]} for name in names]
        return await client.call(OFFSET_DELETE, 0, group_id=group_id, topics=topics)

    await commit(topic)
    await commit(other)
    codes = {entry.name: entry.partitions[0].error_code for entry in (await delete(topic, other)).topics}
    assert codes == {topic: ErrorCode.group_subscribed_to_topic, other: ErrorCode.none}
    assert (await delete(other, group_id=bench.name())).error_code is ErrorCode.group_id_not_found
    assert await member.leave() is ErrorCode.none
    await client.close()
    parts = RdTopicPartition(topic, 0), RdTopicPartition(other, 0)
    found = await asyncio.to_thread(offsets_of, bench, group, *parts)
    assert (found[topic, 0], found[other, 0] < 0) == (3, True)


async def test_commit_of_an_old_generation_is_refused(bench: Bench) -> None:
    topic, group = bench.topic(), bench.group()
    client = await bench.wire()
    member = Member(client, group, topic)
    await member.join()
    await member.sync(**{member.id: b""})
    part = {"partition_index": 0, "committed_offset": 3, "committed_leader_epoch": -1, "committed_metadata": ""}
    for generation, member_id, expected in (
        (member.generation, member.id, ErrorCode.none),
        (member.generation + 1, member.id, ErrorCode.illegal_generation),
        (member.generation, "nobody", ErrorCode.unknown_member_id),
    ):
        response = await client.call(
            OFFSET_COMMIT, 7, group_id=group, generation_id_or_member_epoch=generation, member_id=member_id,
            group_instance_id=None, topics=[{"name": topic, "partitions": [part]}],
        )  # fmt: skip
        assert response.topics[0].partitions[0].error_code is expected
    assert await member.leave() is ErrorCode.none
    await client.close()
