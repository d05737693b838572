import asyncio
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig
from infra.broker.handlers import APIS
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH = 0, 1, 2, 3, 8, 9
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID, DESCRIBE_CONFIGS = 18, 19, 20, 22, 32

Connect = Callable[[], Coroutine[Any, Any, WireClient]]


async def produce(client: WireClient, topic: str, records: bytes, version: int = 8) -> Any:
    response = await client.call(PRODUCE, version, **produce_values(topic, 0, records))
    return response.responses[0].partition_responses[0]


async def fetch(client: WireClient, topic: str, offset: int, **limits: int) -> Any:
    response = await client.call(FETCH, 11, **fetch_values(topic, offset, **limits))
    return response.responses[0].partitions[0]


def values(records: bytes | None) -> list[bytes]:
    found, reader = [], MemoryRecords(records or b"")
    while reader.has_next():
        batch = reader.next_batch()
        assert batch is not None
        found += [record.value for record in batch]
    return found


@pytest.mark.parametrize("api_key", sorted(APIS))
async def test_answers_in_the_asked_version_when_it_is_one_of_the_advertised(client: WireClient, api_key: int) -> None:
    for version in range(APIS[api_key].min_version, APIS[api_key].max_version + 1):
        named = None if api_key in {PRODUCE, INIT_PRODUCER_ID} else "x"
        await client.call(api_key, version, group_id="g", acks=-1, key="g", transactional_id=named)


async def test_api_versions_steps_down_when_a_newer_client_asks(client: WireClient) -> None:
    client.send_raw(struct.pack(">hhih", API_VERSIONS, 99, 5, -1))
    correlation_id, rest = await client.receive_raw()
    assert (correlation_id, rest[:2]) == (5, struct.pack(">h", ErrorCode.unsupported_version))
    assert struct.unpack(">i", rest[2:6]) == (len(APIS),)


async def test_answers_unsupported_version_when_the_api_is_unknown_or_not_offered(client: WireClient) -> None:
    client.send_raw(struct.pack(">hhih", 999, 0, 6, -1))
    assert await client.receive_raw() == (6, struct.pack(">h", ErrorCode.unsupported_version))
    end_txn = await client.call(26, 3, transactional_id="t")
    assert end_txn.error_code is ErrorCode.unsupported_version
    join = await client.call(11, 9, group_id="g")
    assert join.error_code is ErrorCode.unsupported_version
    assert (await client.call(API_VERSIONS, 0)).error_code is ErrorCode.none


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">i", -5),
        struct.pack(">i", 3) + b"abc",
        struct.pack(">ihhih", 13, METADATA, 1, 1, -1) + b"\x7f\xff\xff",
        struct.pack(">ihhih", 12, FETCH, 11, 1, -1) + b"\x00" * 2,
    ],
)
async def test_only_the_offender_is_disconnected_when_its_bytes_are_no_request(connect: Connect, stream: bytes) -> None:
    bystander, offender = await connect(), await connect()
    await bystander.call(API_VERSIONS, 0)
    offender.writer.write(stream)
    assert await offender.closed_by_broker()
    assert (await bystander.call(API_VERSIONS, 0)).error_code is ErrorCode.none


async def test_answers_keep_the_order_of_requests_when_they_are_pipelined(client: WireClient) -> None:
    await create_topic(client, "t")
    waiting = client.send(FETCH, 11, fetch_values("t", 0, max_wait=50))
    stored = client.send(PRODUCE, 8, produce_values("t", 0, make_batch(b"a")))
    quick = [client.send(API_VERSIONS, 0, {}) for _ in range(300)]
    answered = [(await client.receive_raw())[0] for _ in range(302)]
    assert answered == [waiting, stored, *quick]


async def test_requests_are_served_when_the_socket_delivers_single_bytes(client: WireClient) -> None:
    frame = struct.pack(">ihhih", 10, API_VERSIONS, 0, 77, -1)
    for position in range(len(frame)):
        client.writer.write(frame[position : position + 1])
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.receive_raw())[0] == 77


async def test_refuses_corrupt_oversized_and_unknown_produce_and_stores_nothing(client: WireClient) -> None:
    await create_topic(client, "t", max_message_bytes="200")
    corrupt = bytearray(make_batch(b"a"))
    corrupt[-1] ^= 1
    assert (await produce(client, "t", bytes(corrupt))).error_code is ErrorCode.corrupt_message
    refused = await produce(client, "t", make_batch(b"x" * 200))
    assert refused.error_code is ErrorCode.message_too_large
    assert "max.message.bytes is 200" in refused.error_message
    unknown = await produce(client, "nowhere", make_batch(b"a"))
    assert unknown.error_code is ErrorCode.unknown_topic_or_partition
    assert (await fetch(client, "t", 0)).high_watermark == 0


async def test_repeated_batch_is_stored_once_when_an_idempotent_producer_retries(client: WireClient) -> None:
    await create_topic(client, "t")
    producer = await client.call(INIT_PRODUCER_ID, 1, transactional_id=None)
    other = await client.call(INIT_PRODUCER_ID, 0, transactional_id=None)
    assert other.producer_id != producer.producer_id

    def batch(sequence: int, epoch: int = 0) -> bytes:
        return make_batch(b"a", b"b", producer_id=producer.producer_id, epoch=epoch, sequence=sequence)

    client.send(PRODUCE, 8, produce_values("t", 0, batch(0)))
    client.send(PRODUCE, 8, produce_values("t", 0, batch(0)))
    client.send(PRODUCE, 8, produce_values("t", 0, batch(2)))
    answers = [await client.receive(PRODUCE, 8) for _ in range(3)]
    assert [a.responses[0].partition_responses[0].base_offset for a in answers] == [0, 0, 2]
    assert (await produce(client, "t", batch(8))).error_code is ErrorCode.out_of_order_sequence_number
    assert (await produce(client, "t", batch(0, epoch=1))).base_offset == 4
    assert (await produce(client, "t", batch(4))).error_code is ErrorCode.invalid_producer_epoch
    assert (await fetch(client, "t", 0)).high_watermark == 6


async def test_whole_batch_is_returned_when_a_fetch_starts_in_its_middle(client: WireClient) -> None:
    await create_topic(client, "t")
    await produce(client, "t", make_batch(b"a", b"b", b"c"))
    await produce(client, "t", make_batch(b"d"))
    assert values((await fetch(client, "t", 1)).records) == [b"a", b"b", b"c", b"d"]
    assert values((await fetch(client, "t", 3)).records) == [b"d"]
    assert (await fetch(client, "t", 4)).records == b""
    assert (await fetch(client, "t", 5)).error_code is ErrorCode.offset_out_of_range


async def test_limits_stop_a_fetch_except_at_its_first_batch(client: WireClient) -> None:
    await create_topic(client, "t", partitions=2)
    for letter in (b"a", b"b", b"c"):
        await produce(client, "t", make_batch(letter * 100))
    size = len(make_batch(b"a" * 100))
    assert values((await fetch(client, "t", 0, partition_max_bytes=1)).records) == [b"a" * 100]
    assert len(values((await fetch(client, "t", 0, partition_max_bytes=2 * size)).records)) == 2
    assert len(values((await fetch(client, "t", 0, max_bytes=2 * size + 1)).records)) == 2


async def test_fetch_waits_for_min_bytes_and_no_longer_than_max_wait(connect: Connect) -> None:
    reader, writer = await connect(), await connect()
    await create_topic(writer, "t")
    batch = make_batch(b"a")
    reader.send(FETCH, 11, fetch_values("t", 0, max_wait=30_000, min_bytes=2 * len(batch)))
    await produce(writer, "t", batch)
    reading = asyncio.ensure_future(reader.receive(FETCH, 11))
    await writer.call(API_VERSIONS, 0)
    assert not reading.done()
    await produce(writer, "t", batch)
    assert len(values((await reading).responses[0].partitions[0].records)) == 2
    loop = asyncio.get_running_loop()
    started = loop.time()
    short = await fetch(reader, "t", 0, max_wait=80, min_bytes=1_000_000)
    assert len(values(short.records)) == 2
    assert 0.07 <= loop.time() - started < 2


async def test_waiting_fetch_ends_with_an_error_when_its_topic_is_deleted(connect: Connect) -> None:
    reader, admin = await connect(), await connect()
    await create_topic(admin, "t")
    await create_topic(admin, "u")
    reader.send(FETCH, 11, fetch_values("t", 0, max_wait=30_000))
    await reader.writer.drain()
    await produce(admin, "t", make_batch(b"a"))
    await reader.receive(FETCH, 11)
    reader.send(FETCH, 11, fetch_values("t", 1, max_wait=30_000))
    deleted = await admin.call(DELETE_TOPICS, 3, topic_names=["t", "missing"])
    assert [int(topic.error_code) for topic in deleted.responses] == [0, 3]
    response = await reader.receive(FETCH, 11)
    assert response.responses[0].partitions[0].error_code is ErrorCode.unknown_topic_or_partition
    assert await create_topic(admin, "t") == 0
    assert (await fetch(admin, "t", 0)).high_watermark == 0


async def test_fetch_session_is_declined_when_a_client_continues_one(client: WireClient) -> None:
    await create_topic(client, "t")
    response = await client.call(FETCH, 11, **(fetch_values("t", 0) | {"session_id": 4, "session_epoch": 2}))
    assert response.error_code is ErrorCode.fetch_session_id_not_found


async def test_same_records_come_from_the_file_when_memory_has_forgotten_them(tmp_path: Path) -> None:
    config = BrokerConfig(path=tmp_path / "bus.db", port=0, tail_cache_bytes=300)
    broker = Broker(config)
    await broker.start()
    client = await WireClient.connect(broker.port)
    try:
        await create_topic(client, "t")
        sent = [b"%d" % number for number in range(1500)]
        for number in range(0, 1500, 3):
            client.send(PRODUCE, 8, produce_values("t", 0, make_batch(*sent[number : number + 3])))
        for _ in range(500):
            await client.receive(PRODUCE, 8)
        got: list[bytes] = []
        while len(got) < len(sent):
            got += values((await fetch(client, "t", len(got), partition_max_bytes=4_000)).records)
        assert got == sent
        assert values((await fetch(client, "t", 4, partition_max_bytes=1)).records) == sent[3:6]
    finally:
        await client.close()
        await broker.stop()


async def test_offsets_by_time_are_exact_and_none_when_everything_is_older(client: WireClient) -> None:
    await create_topic(client, "t")
    await produce(client, "t", make_batch(b"a", b"b", timestamp_ms=1_000))
    await produce(client, "t", make_batch(b"c", timestamp_ms=5_000))

    async def look_up(timestamp: int) -> tuple[int, int]:
        part = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}
        response = await client.call(
            LIST_OFFSETS, 5, replica_id=-1, isolation_level=0, topics=[{"name": "t", "partitions": [part]}]
        )
        return response.topics[0].partitions[0].offset, response.topics[0].partitions[0].timestamp

    assert await look_up(-2) == (0, -1)
    assert await look_up(-1) == (3, -1)
    assert await look_up(0) == (0, 1_000)
    assert await look_up(1_005) == (1, 1_010)
    assert await look_up(1_011) == (2, 5_000)
    assert await look_up(5_001) == (-1, -1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "t"}, ErrorCode.topic_already_exists),
        ({"num_partitions": 0}, ErrorCode.invalid_partitions),
        ({"num_partitions": 5_000}, ErrorCode.invalid_partitions),
        ({"name": "white space"}, ErrorCode.invalid_topic_exception),
        ({"name": ".."}, ErrorCode.invalid_topic_exception),
        ({"replication_factor": 3}, ErrorCode.invalid_replication_factor),
        ({"configs": [{"name": "cleanup.polizy", "value": "compact"}]}, ErrorCode.invalid_config),
        ({"configs": [{"name": "cleanup.policy", "value": "shred"}]}, ErrorCode.invalid_config),
        ({"configs": [{"name": "retention.ms", "value": "soon"}]}, ErrorCode.invalid_config),
        ({"configs": [{"name": "message.timestamp.type", "value": "LogAppendTime"}]}, ErrorCode.invalid_config),
        ({"assignments": [{"partition_index": 0, "broker_ids": [4]}]}, ErrorCode.invalid_replica_assignment),
    ],
)
async def test_topic_is_refused_with_its_error_when_it_is_wrong(
    client: WireClient, changes: dict[str, Any], error: ErrorCode
) -> None:
    assert await create_topic(client, "t") == 0
    topic = {"name": "n", "num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": []}
    response = await client.call(CREATE_TOPICS, 4, topics=[topic | changes], timeout=1000)
    assert response.topics[0].error_code is error
    assert response.topics[0].error_message
    metadata = await client.call(METADATA, 8, topics=None)
    assert [entry.name for entry in metadata.topics] == ["t"]


async def test_topic_is_not_created_when_it_is_only_validated_or_only_asked_for(client: WireClient) -> None:
    topic = {"name": "n", "num_partitions": 2, "replication_factor": 1, "assignments": [], "configs": []}
    response = await client.call(CREATE_TOPICS, 4, topics=[topic], timeout=1000, validate_only=True)
    assert response.topics[0].error_code is ErrorCode.none
    asked = await client.call(METADATA, 8, topics=[{"name": "n"}], allow_auto_topic_creation=True)
    assert asked.topics[0].error_code is ErrorCode.unknown_topic_or_partition


async def test_configs_are_described_as_they_were_set_when_a_topic_has_some(client: WireClient) -> None:
    await create_topic(client, "t", cleanup_policy="compact")
    resources = [
        {"resource_type": 2, "resource_name": "t", "configuration_keys": ["cleanup.policy", "retention.ms"]},
        {"resource_type": 2, "resource_name": "u", "configuration_keys": None},
    ]
    response = await client.call(DESCRIBE_CONFIGS, 3, resources=resources)
    found = {entry.name: (entry.value, entry.config_source) for entry in response.results[0].configs}
    assert found == {"cleanup.policy": ("compact", 1), "retention.ms": ("604800000", 5)}
    assert response.results[1].error_code is ErrorCode.unknown_topic_or_partition


async def test_all_offsets_of_a_group_are_listed_when_topics_are_null(client: WireClient) -> None:
    await create_topic(client, "t", partitions=3)
    await create_topic(client, "u")
    for name, index in (("t", 0), ("t", 2), ("u", 0)):
        part = {"partition_index": index, "committed_offset": 7 + index, "committed_leader_epoch": -1}
        topics = [{"name": name, "partitions": [part | {"committed_metadata": "m"}]}]
        response = await client.call(
            OFFSET_COMMIT, 7, group_id="g", generation_id_or_member_epoch=-1, member_id="", topics=topics
        )
        assert response.topics[0].partitions[0].error_code is ErrorCode.none
    everything = await client.call(OFFSET_FETCH, 5, group_id="g", topics=None)
    found = {(t.name, p.partition_index): p.committed_offset for t in everything.topics for p in t.partitions}
    assert found == {("t", 0): 7, ("t", 2): 9, ("u", 0): 7}
    await client.call(DELETE_TOPICS, 3, topic_names=["t"])
    left = await client.call(OFFSET_FETCH, 5, group_id="g", topics=None)
    assert [topic.name for topic in left.topics] == ["u"]


async def test_acks_zero_gets_no_answer_and_is_stored(client: WireClient) -> None:
    await create_topic(client, "t")
    client.send(PRODUCE, 8, produce_values("t", 0, make_batch(b"a"), acks=0))
    assert (await produce(client, "t", make_batch(b"b"))).base_offset == 1


async def test_connection_is_turned_away_when_too_many_are_open(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0, max_connections=1))
    await broker.start()
    first = await WireClient.connect(broker.port)
    await first.call(API_VERSIONS, 0)
    second = await WireClient.connect(broker.port)
    assert await second.closed_by_broker()
    await first.call(API_VERSIONS, 0)
    await first.close()
    await second.close()
    await broker.stop()


async def test_waiting_fetch_is_answered_when_the_broker_stops(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "t")
    client.send(FETCH, 11, fetch_values("t", 0, max_wait=60_000))
    client.send(PRODUCE, 8, produce_values("t", 0, make_batch(b"a")))
    await client.receive(FETCH, 11)
    await client.receive(PRODUCE, 8)
    client.send(FETCH, 11, fetch_values("t", 1, max_wait=60_000))
    other = await WireClient.connect(broker.port)
    await other.call(API_VERSIONS, 0)
    await broker.stop()
    assert (await client.receive(FETCH, 11)).responses[0].partitions[0].error_code is ErrorCode.none
    assert await client.closed_by_broker()
    await client.close()
    await other.close()


async def test_member_is_gone_at_once_when_its_connection_closes(connect: Connect) -> None:
    member, observer = await connect(), await connect()
    joined = await member.call(
        11, 2, group_id="g", session_timeout=600_000, rebalance_timeout=600_000, member_id="",
        protocol_type="consumer", protocols=[{"name": "range", "metadata": b""}],
    )  # fmt: skip
    assert joined.error_code is ErrorCode.none
    await member.close()
    give_up = asyncio.get_running_loop().time() + 5
    members = joined.members
    while members and asyncio.get_running_loop().time() < give_up:
        members = (await observer.call(15, 4, groups=["g"])).groups[0].members
    assert members == ()
