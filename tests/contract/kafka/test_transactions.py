"""Transactions: all of it or nothing, for records and for offsets, whatever the client."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as RdTopicPartition

from tests.contract.kafka.bench import WITHIN_S, Bench, take, take_messages


async def committed_values(bench: Bench, topic: str, count: int) -> list[tuple[int, bytes | None]]:
    records = await bench.read(topic, count, isolation_level="read_committed")
    return [(record.offset, record.value) for record in records]


def rd_producer(bench: Bench, name: str, **settings: object) -> Producer:
    producer = bench.producer(transactional_id=name, **settings)
    producer.init_transactions(WITHIN_S)
    return producer


async def test_committed_records_are_seen_and_aborted_ones_skipped(bench: Bench) -> None:
    topic = bench.topic()
    async with bench.aio_producer(transactional_id=bench.name()) as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"kept", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"dropped", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"kept too", partition=0)
    # Each end marker takes an offset.
    assert await committed_values(bench, topic, 2) == [(0, b"kept"), (4, b"kept too")]
    everything = await bench.read(topic, 3)
    assert [(record.offset, record.value) for record in everything] == [(0, b"kept"), (2, b"dropped"), (4, b"kept too")]
    async with bench.aio_consumer() as consumer:
        assert await consumer.end_offsets([TopicPartition(topic, 0)]) == {TopicPartition(topic, 0): 6}


async def test_open_transaction_holds_readers_of_the_committed_back_and_no_others(bench: Bench) -> None:
    topic = bench.topic()
    part = TopicPartition(topic, 0)
    async with (
        bench.aio_producer(transactional_id=bench.name()) as producer,
        bench.aio_consumer(isolation_level="read_committed") as careful,
        bench.aio_consumer() as careless,
    ):
        careful.assign([part])
        careless.assign([part])
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", partition=0)
        await asyncio.to_thread(bench.send, topic, b"behind")
        assert [record.value for record in await take(careless, 2)] == [b"open", b"behind"]
        assert await careful.getmany(timeout_ms=300) == {}
        waiting = asyncio.ensure_future(take(careful, 2))
        await producer.commit_transaction()
        assert [record.value for record in await waiting] == [b"open", b"behind"]


async def test_offsets_are_committed_with_the_records_or_not_at_all(bench: Bench) -> None:
    source, target, group = bench.topic(), bench.topic(), bench.group()
    part = TopicPartition(source, 0)
    bench.send(source, b"1", b"2", b"3")
    async with (
        bench.aio_producer(transactional_id=bench.name()) as producer,
        bench.aio_consumer(source, group_id=group) as consumer,
    ):
        for number, commit in enumerate((True, False, True)):
            record = await consumer.getone()
            await producer.begin_transaction()
            await producer.send_and_wait(target, record.value, partition=0)
            await producer.send_offsets_to_transaction({part: record.offset + 1}, group)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
            # Apache Kafka answers the end of a transaction before the group knows of it.
            async with asyncio.timeout(WITHIN_S):
                while await consumer.committed(part) != (1, 1, 3)[number]:
                    pass
    assert [value for _, value in await committed_values(bench, target, 2)] == [b"1", b"3"]


def test_librdkafka_moves_records_and_offsets_in_one_transaction(bench: Bench) -> None:
    source, target, group = bench.topic(), bench.topic(), bench.group()
    bench.send(source, *(b"%d" % number for number in range(6)))
    consumer = bench.consumer(group)
    consumer.subscribe([source])
    producer = rd_producer(bench, bench.name())
    for commit in (True, False, True):
        producer.begin_transaction()
        messages = take_messages(consumer, 2)
        for message in messages:
            producer.produce(target, message.value(), partition=0)
        ends = [RdTopicPartition(source, 0, int(messages[-1].offset() or 0) + 1)]
        producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata(), WITHIN_S)
        if commit:
            producer.commit_transaction(WITHIN_S)
        else:
            producer.abort_transaction(WITHIN_S)
    (committed,) = consumer.committed([RdTopicPartition(source, 0)], WITHIN_S)
    assert committed.offset == 6
    consumer.close()
    reader = bench.consumer(bench.name(), isolation_level="read_committed")
    reader.assign([RdTopicPartition(target, 0, 0)])
    assert [message.value() for message in take_messages(reader, 4)] == [b"0", b"1", b"4", b"5"]
    reader.close()


def test_transaction_spans_topics_and_partitions(bench: Bench) -> None:
    topics = [bench.topic(3), bench.topic(3)]
    producer = rd_producer(bench, bench.name())
    producer.begin_transaction()
    for number in range(60):
        producer.produce(topics[number % 2], b"%d" % number, partition=number % 3)
    producer.commit_transaction(WITHIN_S)
    reader = bench.consumer(bench.name(), isolation_level="read_committed")
    reader.assign([RdTopicPartition(topic, index, 0) for topic in topics for index in range(3)])
    found = sorted(int(message.value() or b"") for message in take_messages(reader, 60))
    reader.close()
    assert found == list(range(60))


async def test_zombie_is_fenced_when_its_successor_starts(bench: Bench) -> None:
    topic, name = bench.topic(), bench.name()
    async with bench.aio_producer(transactional_id=name) as old:
        await old.begin_transaction()
        await old.send_and_wait(topic, b"lost", partition=0)
        async with bench.aio_producer(transactional_id=name) as new:
            with pytest.raises(AioKafkaError):
                await old.send_and_wait(topic, b"more", partition=0)
            with pytest.raises(AioKafkaError):
                await old.commit_transaction()
            async with new.transaction():
                await new.send_and_wait(topic, b"kept", partition=0)
    assert [value for _, value in await committed_values(bench, topic, 1)] == [b"kept"]


def test_librdkafka_zombie_learns_that_it_is_fenced(bench: Bench) -> None:
    topic, name = bench.topic(), bench.name()
    old = rd_producer(bench, name)
    old.begin_transaction()
    old.produce(topic, b"lost", partition=0)
    old.flush(WITHIN_S)
    new = rd_producer(bench, name)
    with pytest.raises(KafkaException) as refused:
        old.commit_transaction(WITHIN_S)
    error: KafkaError = refused.value.args[0]
    assert error.fatal()
    assert error.code() == KafkaError._FENCED
    new.begin_transaction()
    new.produce(topic, b"kept", partition=0)
    new.commit_transaction(WITHIN_S)


async def test_transaction_is_aborted_when_its_producer_is_silent_for_too_long(bench: Bench) -> None:
    topic = bench.topic()
    part = TopicPartition(topic, 0)
    producer = AIOKafkaProducer(
        bootstrap_servers=bench.bootstrap, transactional_id=bench.name(), transaction_timeout_ms=1000
    )
    await producer.start()
    async with bench.aio_consumer(isolation_level="read_committed") as consumer:
        consumer.assign([part])
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"late", partition=0)
        await asyncio.to_thread(bench.send, topic, b"behind")
        assert [record.value for record in await take(consumer, 1)] == [b"behind"]
    with pytest.raises(AioKafkaError):
        await producer.commit_transaction()
    await producer.stop()
