"""Tagged fields of future clients are read over, in every request that is taken in a flexible version."""

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_writer

from infra.broker.handlers import APIS
from infra.broker.tags import skip_tags, without_tags
from infra.broker.wire import API_VERSIONS, build
from tests.infra.broker.support import WireClient, create_topic

UNKNOWN_TAGS = b"\x02\x05\x03abc\x80\x01\x00"  # Tag 5 with three bytes, tag 128 with none.

FLEXIBLE: list[Any] = [
    schema
    for key, api in APIS.items()
    for version in range(api.min_version, api.max_version + 1)
    if key != API_VERSIONS and (schema := load_request_schema(key, version)).__flexible__
]
PARTITION = {
    "partition_index": 1,
    "current_leader_epoch": -1,
    "timestamp": -3,
    "committed_offset": 2**40,
    "committed_leader_epoch": 0,
}
VALUES = {
    "group_id": "g",
    "transactional_id": "x",
    "states_filter": ["Stable"],
    "types_filter": ["classic"],
    "transactional_ids": ["x", ""],
    "state_filters": [],
    "producer_id_filters": [1, 2],
    "topics": [
        {
            "name": "t",
            "partition_indexes": [0, 1],
            "partitions": [PARTITION | {"committed_metadata": text} for text in (None, "", "noted")],
        }
    ],
}


def encoded(schema: Any) -> bytes:
    buffer = io.BytesIO()
    entity_writer(schema)(buffer, build(schema, VALUES, fill=True))
    return buffer.getvalue()


@pytest.mark.parametrize("schema", FLEXIBLE, ids=lambda schema: schema.__module__)
def test_request_without_tags_is_copied_as_it_is(schema: Any) -> None:
    data = encoded(schema)
    assert without_tags(schema, b"before" + data + b"after", 6) == data


@pytest.mark.parametrize("schema", FLEXIBLE, ids=lambda schema: schema.__module__)
def test_request_is_refused_when_it_is_cut_short_anywhere(schema: Any) -> None:
    data = encoded(schema)
    for end in range(len(data)):
        with pytest.raises(IndexError):
            without_tags(schema, data[:end], 0)


@given(st.lists(st.tuples(st.integers(0, 2**31), st.binary(max_size=200)), max_size=5))
def test_any_tags_are_skipped_to_their_end(tags: list[tuple[int, bytes]]) -> None:
    data = varint(len(tags)) + b"".join(varint(tag) + varint(len(value)) + value for tag, value in tags)
    assert skip_tags(b"x" + data + b"y", 1) == 1 + len(data)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


async def test_request_is_answered_when_every_structure_carries_unknown_tags(client: WireClient) -> None:
    await create_topic(client, "t")
    head = struct.pack(">hhih", 2, 7, 41, 4) + b"wire" + UNKNOWN_TAGS
    partition = struct.pack(">iiq", 0, -1, -1) + UNKNOWN_TAGS
    topic = b"\x02t" + b"\x02" + partition + UNKNOWN_TAGS
    client.send_raw(head + struct.pack(">ib", -1, 0) + b"\x02" + topic + UNKNOWN_TAGS)
    response = await client.receive(2, 7)
    found = response.topics[0].partitions[0]
    assert (found.error_code, found.offset) == (ErrorCode.none, 0)
