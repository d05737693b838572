"""Records: what was produced comes back as it was, in order, and what is wrong is refused."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError
from confluent_kafka import TopicPartition as RdTopicPartition
from confluent_kafka.admin import OffsetSpec
from kio.schema.errors import ErrorCode

from tests.contract.kafka.bench import WITHIN_S, Bench, take, take_messages
from tests.infra.broker.support import WireClient, fetch_values, make_batch, produce_values

PRODUCE, FETCH, DELETE_RECORDS, INIT_PRODUCER_ID = 0, 1, 21, 22


async def produce(client: WireClient, topic: str, batch: bytes) -> Any:
    response = await client.call(PRODUCE, 8, **produce_values(topic, 0, batch))
    return response.responses[0].partition_responses[0]


async def test_keys_headers_and_times_come_back_as_they_were(bench: Bench) -> None:
    topic = bench.topic(retention_ms="-1")  # or records of years ago may leave while we look
    headers = [("ce_id", b"1"), ("ce_id", b"2"), ("empty", b"")]
    async with bench.aio_producer() as producer:
        sent = [
            await producer.send_and_wait(topic, b"v", key=b"k", headers=headers, timestamp_ms=1_700_000_000_123),
            await producer.send_and_wait(topic, None, key=b"gone", timestamp_ms=1_700_000_000_124),
            await producer.send_and_wait(topic, b"", timestamp_ms=1_700_000_000_125),
        ]
    assert [place.offset for place in sent] == [0, 1, 2]
    first, deleted, empty = await bench.read(topic, 3)
    assert (first.key, first.value, list(first.headers)) == (b"k", b"v", headers)
    assert (first.timestamp, first.timestamp_type) == (1_700_000_000_123, TIMESTAMP_CREATE_TIME - 1)
    assert (deleted.key, deleted.value) == (b"gone", None)
    assert (empty.key, empty.value) == (None, b"")


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batch_passes_through_byte_for_byte(bench: Bench, codec: str) -> None:
    topic = bench.topic()
    values = [b"value %d " % number * 20 for number in range(50)]
    async with bench.aio_producer(compression_type=codec, linger_ms=50) as producer:
        await asyncio.gather(*[await producer.send(topic, value, partition=0) for value in values])
    client = await bench.wire()
    records = (await client.call(FETCH, 11, **fetch_values(topic, 0))).responses[0].partitions[0].records
    await client.close()
    assert records[22] & 7 == {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[codec]
    assert len(records) < sum(map(len, values)) / 2
    assert [record.value for record in await bench.read(topic, 50)] == values


async def test_batch_of_each_client_is_read_by_the_other(bench: Bench) -> None:
    topic = bench.topic()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        bench.send(topic, codec.encode(), compression_type=codec)
    async with bench.aio_producer() as producer:
        await producer.send_and_wait(topic, b"aiokafka", partition=0)
    expected = [b"none", b"gzip", b"snappy", b"lz4", b"zstd", b"aiokafka"]
    assert [record.value for record in await bench.read(topic, 6)] == expected
    consumer = bench.consumer(bench.name())
    consumer.assign([RdTopicPartition(topic, 0, 0)])
    assert [message.value() for message in take_messages(consumer, 6)] == expected
    consumer.close()


async def test_records_of_a_key_keep_their_order_over_partitions(bench: Bench) -> None:
    topic = bench.topic(4)
    async with bench.aio_producer(enable_idempotence=True, linger_ms=5) as producer:
        futures = [await producer.send(topic, b"%d" % n, key=b"%d" % (n % 7)) for n in range(210)]
        await asyncio.gather(*futures)
    async with bench.aio_consumer() as consumer:
        consumer.assign([TopicPartition(topic, index) for index in range(4)])
        found = await take(consumer, 210)
    for key in range(7):
        numbers = [int(record.value or b"") for record in found if record.key == b"%d" % key]
        assert numbers == list(range(key, 210, 7))


def test_large_record_is_refused(bench: Bench) -> None:
    topic = bench.topic()
    (answer,) = bench.send(topic, b"x" * 3 * 1024 * 1024, message_max_bytes=8 * 1024 * 1024)
    assert answer.error().code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert bench.send(topic, b"small")[0].offset() == 0


async def test_corrupt_batch_is_refused(bench: Bench) -> None:
    topic = bench.topic()
    client = await bench.wire()
    batch = bytearray(make_batch(b"value"))
    batch[-2] ^= 1
    assert (await produce(client, topic, bytes(batch))).error_code is ErrorCode.corrupt_message
    assert (await produce(client, topic, make_batch(b"value"))).base_offset == 0
    assert (await produce(client, bench.planned_topic(), make_batch(b"v"))).error_code is (
        ErrorCode.unknown_topic_or_partition
    )
    await client.close()


async def test_repetition_of_an_idempotent_producer_is_stored_once_and_a_gap_refused(bench: Bench) -> None:
    topic = bench.topic()
    client = await bench.wire()
    given = await client.call(INIT_PRODUCER_ID, 1, transactional_id=None, transaction_timeout=1000)

    def batch(sequence: int, epoch: int = 0) -> bytes:
        return make_batch(b"a", b"b", producer_id=given.producer_id, epoch=epoch, sequence=sequence)

    offsets = [(await produce(client, topic, batch(sequence))).base_offset for sequence in (0, 2, 4, 0, 2, 6)]
    assert offsets == [0, 2, 4, 0, 2, 6]
    assert (await produce(client, topic, batch(20))).error_code is ErrorCode.out_of_order_sequence_number
    assert (await produce(client, topic, batch(4, epoch=1))).error_code is ErrorCode.out_of_order_sequence_number
    assert (await produce(client, topic, batch(0, epoch=1))).base_offset == 8
    assert (await produce(client, topic, batch(8))).error_code is ErrorCode.invalid_producer_epoch
    assert (await produce(client, topic, batch(2, epoch=1))).base_offset == 10
    await client.close()


async def test_repetition_older_than_what_is_remembered_is_not_stored_again(bench: Bench) -> None:
    topic = bench.topic()
    client = await bench.wire()
    given = await client.call(INIT_PRODUCER_ID, 1, transactional_id=None, transaction_timeout=1000)
    batches = [make_batch(b"v", producer_id=given.producer_id, epoch=0, sequence=number) for number in range(7)]
    assert [(await produce(client, topic, batch)).base_offset for batch in batches] == list(range(7))
    assert [(await produce(client, topic, batch)).base_offset for batch in batches[2:]] == list(range(2, 7))
    assert (await produce(client, topic, batches[1])).error_code is ErrorCode.out_of_order_sequence_number
    await client.close()


async def test_sequences_are_still_known_when_the_records_were_deleted(bench: Bench) -> None:
    topic = bench.topic()
    client = await bench.wire()
    given = await client.call(INIT_PRODUCER_ID, 1, transactional_id=None, transaction_timeout=1000)

    def batch(sequence: int) -> bytes:
        return make_batch(b"a", b"b", producer_id=given.producer_id, epoch=0, sequence=sequence)

    assert [(await produce(client, topic, batch(sequence))).base_offset for sequence in (0, 2)] == [0, 2]
    part = {"partition_index": 0, "offset": -1}
    response = await client.call(DELETE_RECORDS, 1, topics=[{"name": topic, "partitions": [part]}], timeout=10_000)
    assert response.topics[0].partitions[0].low_watermark == 4
    assert (await produce(client, topic, batch(2))).base_offset == 2
    assert (await produce(client, topic, batch(8))).error_code is ErrorCode.out_of_order_sequence_number
    assert (await produce(client, topic, batch(4))).base_offset == 4
    await client.close()


async def test_read_beyond_the_log_is_refused(bench: Bench) -> None:
    topic = bench.topic()
    bench.send(topic, b"v")
    async with bench.aio_consumer(auto_offset_reset="none") as consumer:
        part = TopicPartition(topic, 0)
        consumer.assign([part])
        consumer.seek(part, 50)
        with pytest.raises(OffsetOutOfRangeError):
            await asyncio.wait_for(consumer.getone(), WITHIN_S)


async def test_waiting_reader_wakes_when_a_record_arrives(bench: Bench) -> None:
    topic = bench.topic()
    part = TopicPartition(topic, 0)
    delays = []
    async with bench.aio_producer() as producer, bench.aio_consumer(fetch_max_wait_ms=10_000) as consumer:
        consumer.assign([part])
        await producer.send_and_wait(topic, b"first", partition=0)
        await consumer.getone()
        for _ in range(5):
            waiting = asyncio.ensure_future(consumer.getone())
            started = time.perf_counter()
            await producer.send_and_wait(topic, b"next", partition=0)
            await asyncio.wait_for(waiting, WITHIN_S)
            delays.append(time.perf_counter() - started)
    assert min(delays) < 1


async def test_offsets_are_found_by_time(bench: Bench) -> None:
    topic = bench.topic(retention_ms="-1")
    part = TopicPartition(topic, 0)
    async with bench.aio_producer() as producer:
        for timestamp_ms in (1_000, 5_000, 3_000):
            await producer.send_and_wait(topic, b"v", partition=0, timestamp_ms=1_700_000_000_000 + timestamp_ms)
    async with bench.aio_consumer() as consumer:
        expected = {0: 0, 1_700_000_000_000: 0, 1_700_000_001_001: 1, 1_700_000_005_000: 1}
        for timestamp_ms, offset in expected.items():
            found = (await consumer.offsets_for_times({part: timestamp_ms}))[part]
            assert found is not None
            assert found.offset == offset
        assert (await consumer.offsets_for_times({part: 1_700_000_005_001}))[part] is None
        assert await consumer.beginning_offsets([part]) == {part: 0}
        assert await consumer.end_offsets([part]) == {part: 3}
    rd_part = RdTopicPartition(topic, 0)
    newest = bench.admin.list_offsets({rd_part: OffsetSpec.max_timestamp()})[rd_part].result(WITHIN_S)
    assert (newest.offset, newest.timestamp) == (1, 1_700_000_005_000)


def test_every_client_reads_back_a_large_backlog_from_the_middle(bench: Bench) -> None:
    topic = bench.topic()
    producer = bench.producer(linger_ms=5, compression_type="lz4")
    for number in range(5000):
        producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(WITHIN_S) == 0
    consumer = bench.consumer(bench.name())
    consumer.assign([RdTopicPartition(topic, 0, 1234)])
    found = take_messages(consumer, 3766)
    consumer.close()
    assert [int(message.value() or b"") for message in found] == list(range(1234, 5000))
