"""Administration in bare requests: what client libraries send seldom, and what stays after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from infra.broker import Broker, BrokerConfig
from infra.broker.batches import read_header
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, JOIN, LIST_GROUPS = 0, 1, 2, 3, 8, 9, 11, 16
DELETE_RECORDS, EPOCHS, DESCRIBE_CONFIGS, ALTER_CONFIGS, LOG_DIRS, CREATE_PARTITIONS = 21, 23, 32, 33, 35, 37
DELETE_GROUPS, INCREMENTAL, OFFSET_DELETE, DESCRIBE_CLUSTER = 42, 44, 47, 60
TOPIC, BROKER = 2, 4
SET, DELETE, APPEND = 0, 1, 2


async def produce(client: WireClient, *values: bytes) -> None:
    response = await client.call(PRODUCE, 8, **produce_values("t", 0, make_batch(*values)))
    assert response.responses[0].partition_responses[0].error_code is ErrorCode.none


async def configs(client: WireClient, name: str = "t", kind: int = TOPIC) -> dict[str, tuple[str, int, bool]]:
    """Value, source and whether it is read-only, of each setting."""
    resource = {"resource_type": kind, "resource_name": name, "configuration_keys": None}
    (found,) = (await client.call(DESCRIBE_CONFIGS, 3, resources=[resource])).results
    return {entry.name: (entry.value, entry.config_source, entry.read_only) for entry in found.configs}


async def alter(client: WireClient, api_key: int, *entries: dict[str, Any], **options: Any) -> ErrorCode:
    resource = {"resource_type": TOPIC, "resource_name": "t", "configs": list(entries)} | options
    versions = {ALTER_CONFIGS: 1, INCREMENTAL: 0}
    dry = options.get("validate_only", False)
    response = await client.call(api_key, versions[api_key], resources=[resource], validate_only=dry)
    return ErrorCode(response.responses[0].error_code)


async def test_all_explicit_settings_are_replaced_by_the_older_request(client: WireClient) -> None:
    await create_topic(client, "t", retention_ms="5000", max_message_bytes="2000")
    wanted = {"name": "retention.ms", "value": "7000"}
    assert await alter(client, ALTER_CONFIGS, wanted, validate_only=True) is ErrorCode.none
    assert (await configs(client))["retention.ms"] == ("5000", 1, False)
    assert await alter(client, ALTER_CONFIGS, wanted) is ErrorCode.none
    found = await configs(client)
    assert found["retention.ms"] == ("7000", 1, False)
    assert found["max.message.bytes"] == ("1048588", 5, False)
    assert await alter(client, ALTER_CONFIGS, {"name": "retention.ms", "value": "soon"}) is ErrorCode.invalid_config
    assert (await configs(client))["retention.ms"] == ("7000", 1, False)


async def test_change_is_refused_when_it_fits_neither_resource_nor_setting(client: WireClient) -> None:
    await create_topic(client, "t")
    entry = {"name": "retention.ms", "value": "1", "config_operation": APPEND}
    assert await alter(client, INCREMENTAL, entry) is ErrorCode.invalid_request
    entry["config_operation"] = SET
    assert await alter(client, INCREMENTAL, entry | {"name": "strange"}) is ErrorCode.invalid_config
    assert await alter(client, INCREMENTAL, entry, resource_name="u") is ErrorCode.unknown_topic_or_partition
    assert await alter(client, INCREMENTAL, entry, resource_type=BROKER) is ErrorCode.invalid_request
    found = await configs(client, "0", BROKER)
    assert found["transaction.max.timeout.ms"] == ("900000", 4, True)
    assert await configs(client, "7", BROKER) == {}


async def test_changes_build_on_each_other_when_they_are_asked_for_at_once(client: WireClient) -> None:
    await create_topic(client, "t")
    for name, value in (("cleanup.policy", "compact"), ("cleanup.policy", "delete"), ("retention.ms", "1")):
        operation = APPEND if name == "cleanup.policy" else SET
        entry = {"name": name, "value": value, "config_operation": operation}
        resource = {"resource_type": TOPIC, "resource_name": "t", "configs": [entry]}
        client.send(INCREMENTAL, 0, {"resources": [resource], "validate_only": False})
    for _ in range(3):
        assert (await client.receive(INCREMENTAL, 0)).responses[0].error_code is ErrorCode.none
    found = await configs(client)
    assert (found["cleanup.policy"][0], found["retention.ms"][0]) == ("delete,compact", "1")


async def test_offsets_of_epochs_end_with_the_log(client: WireClient) -> None:
    await create_topic(client, "t")
    await produce(client, b"a", b"b")

    async def end(epoch: int, current: int = -1, index: int = 0) -> tuple[int, int, int]:
        part = {"partition": index, "current_leader_epoch": current, "leader_epoch": epoch}
        response = await client.call(EPOCHS, 3, replica_id=-1, topics=[{"topic": "t", "partitions": [part]}])
        found = response.topics[0].partitions[0]
        return int(found.error_code), found.leader_epoch, found.end_offset

    assert await end(0) == (0, 0, 2)
    assert await end(3) == (0, -1, -1)
    assert await end(0, current=5) == (ErrorCode.unknown_leader_epoch, -1, -1)
    assert await end(0, index=9) == (ErrorCode.unknown_topic_or_partition, -1, -1)


async def test_sizes_of_partitions_are_those_of_their_batches(client: WireClient) -> None:
    await create_topic(client, "t", partitions=2)
    await produce(client, b"a" * 500)
    wanted = [{"topic": "t", "partitions": [0, 1, 9]}, {"topic": "missing", "partitions": [0]}]
    for topics in (None, wanted):
        (directory,) = (await client.call(LOG_DIRS, 1, topics=topics)).results
        (topic,) = directory.topics
        sizes = {part.partition_index: part.partition_size for part in topic.partitions}
        assert sizes == {0: len(make_batch(b"a" * 500)), 1: 0}


async def test_cluster_is_one_broker_and_no_controllers_beside_it(client: WireClient, broker: Broker) -> None:
    found = await client.call(DESCRIBE_CLUSTER, 1, endpoint_type=1)
    assert [(each.broker_id, each.port) for each in found.brokers] == [(0, broker.port)]
    assert (found.controller_id, found.error_code) == (0, ErrorCode.none)
    refused = await client.call(DESCRIBE_CLUSTER, 1, endpoint_type=2)
    assert refused.error_code is ErrorCode.unsupported_endpoint_type


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, ErrorCode.none),
        ({"name": "missing"}, ErrorCode.unknown_topic_or_partition),
        ({"count": 2}, ErrorCode.invalid_partitions),
        ({"count": 5000}, ErrorCode.invalid_partitions),
        ({"assignments": [{"broker_ids": [0]}, {"broker_ids": [0]}]}, ErrorCode.none),
        ({"assignments": [{"broker_ids": [0]}]}, ErrorCode.invalid_replica_assignment),
        ({"assignments": [{"broker_ids": [1]}, {"broker_ids": [0]}]}, ErrorCode.invalid_replica_assignment),
    ],
)
async def test_growth_is_checked_before_it_is_done(
    client: WireClient, changes: dict[str, Any], error: ErrorCode
) -> None:
    await create_topic(client, "t", partitions=2)
    wanted = {"name": "t", "count": 4, "assignments": None} | changes

    async def grow(*topics: dict[str, Any], dry: bool) -> ErrorCode:
        response = await client.call(CREATE_PARTITIONS, 1, topics=topics, validate_only=dry)
        return ErrorCode(response.results[0].error_code)

    async def size() -> int:
        return len((await client.call(METADATA, 8, topics=[{"name": "t"}])).topics[0].partitions)

    assert await grow(wanted, wanted, dry=False) is ErrorCode.invalid_request
    assert await grow(wanted, dry=True) is error
    assert await size() == 2
    assert await grow(wanted, dry=False) is error
    assert await size() == (4 if error is ErrorCode.none else 2)


async def test_batch_that_the_log_start_lies_in_stays_whole(client: WireClient) -> None:
    await create_topic(client, "t")
    await produce(client, b"a", b"b", b"c")
    await produce(client, b"d")
    assert await delete_records(client, 1) == (1, ErrorCode.none)
    assert await delete_records(client, 0) == (1, ErrorCode.none)  # It never moves back.
    assert (await delete_records(client, -5))[1] is ErrorCode.offset_out_of_range
    part = (await client.call(FETCH, 11, **fetch_values("t", 1))).responses[0].partitions[0]
    assert (read_header(part.records).base_offset, part.log_start_offset) == (0, 1)
    below = (await client.call(FETCH, 11, **fetch_values("t", 0))).responses[0].partitions[0]
    assert below.error_code is ErrorCode.offset_out_of_range
    by_time = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": 0}
    found = await client.call(
        LIST_OFFSETS, 5, replica_id=-1, isolation_level=0, topics=[{"name": "t", "partitions": [by_time]}]
    )
    assert found.topics[0].partitions[0].offset == 1


async def delete_records(client: WireClient, offset: int) -> tuple[int, ErrorCode]:
    part = {"partition_index": 0, "offset": offset}
    response = await client.call(DELETE_RECORDS, 1, topics=[{"name": "t", "partitions": [part]}], timeout=1000)
    found = response.topics[0].partitions[0]
    return found.low_watermark, ErrorCode(found.error_code)


async def test_groups_are_filtered_by_state_and_type_and_kept_apart_from_other_protocols(client: WireClient) -> None:
    await create_topic(client, "t")
    joined = await client.call(
        JOIN, 2, group_id="connect", session_timeout=60_000, rebalance_timeout=60_000, member_id="",
        protocol_type="connect", protocols=[{"name": "default", "metadata": b"\x00"}],
    )  # fmt: skip
    assert joined.error_code is ErrorCode.none

    async def listed(states: list[str], types: list[str]) -> list[tuple[str, str, str]]:
        response = await client.call(LIST_GROUPS, 5, states_filter=states, types_filter=types)
        return [(each.group_id, each.group_state, each.group_type) for each in response.groups]

    mine = [("connect", "CompletingRebalance", "classic")]
    assert await listed([], []) == mine
    assert await listed(["completingrebalance"], ["Classic"]) == mine
    assert await listed(["Stable"], []) == []
    assert await listed([], ["consumer"]) == []
    topics = [{"name": "t", "partitions": [{"partition_index": 0}]}]
    refused = await client.call(OFFSET_DELETE, 0, group_id="connect", topics=topics)
    assert refused.error_code is ErrorCode.non_empty_group
    deleted = await client.call(DELETE_GROUPS, 1, groups_names=["connect", "nobody"])
    assert [entry.error_code for entry in deleted.results] == [ErrorCode.non_empty_group, ErrorCode.group_id_not_found]


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[WireClient]:
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    yield client
    await client.close()
    await broker.stop()


async def test_what_an_operator_did_is_still_done_when_the_broker_restarts(tmp_path: Path) -> None:
    async with running(tmp_path / "bus.db") as client:
        await create_topic(client, "t", retention_ms="5000")
        await produce(client, b"a", b"b")
        await client.call(CREATE_PARTITIONS, 1, topics=[{"name": "t", "count": 3, "assignments": None}])
        entries = [
            {"name": "retention.ms", "config_operation": DELETE, "value": None},
            {"name": "max.message.bytes", "config_operation": SET, "value": "200"},
        ]
        assert await alter(client, INCREMENTAL, *entries) is ErrorCode.none
        assert await delete_records(client, -1) == (2, ErrorCode.none)
        for group_id in ("g", "h"):
            part = {"partition_index": 0, "committed_offset": 1, "committed_leader_epoch": -1}
            topics = [{"name": "t", "partitions": [part | {"committed_metadata": ""}]}]
            await client.call(
                OFFSET_COMMIT, 7, group_id=group_id, generation_id_or_member_epoch=-1, member_id="", topics=topics
            )
        await client.call(DELETE_GROUPS, 1, groups_names=["g"])
        topics = [{"name": "t", "partitions": [{"partition_index": 0}]}]
        await client.call(OFFSET_DELETE, 0, group_id="h", topics=topics)
    async with running(tmp_path / "bus.db") as client:
        (topic,) = (await client.call(METADATA, 8, topics=None)).topics
        assert len(topic.partitions) == 3
        found = await configs(client)
        assert (found["retention.ms"][1], found["max.message.bytes"][0]) == (5, "200")
        too_large = await client.call(PRODUCE, 8, **produce_values("t", 0, make_batch(b"x" * 300)))
        assert too_large.responses[0].partition_responses[0].error_code is ErrorCode.message_too_large
        part = (await client.call(FETCH, 11, **fetch_values("t", 2))).responses[0].partitions[0]
        assert (part.log_start_offset, part.high_watermark, part.records) == (2, 2, b"")
        for group_id in ("g", "h"):
            assert (await client.call(OFFSET_FETCH, 5, group_id=group_id, topics=None)).topics == ()
