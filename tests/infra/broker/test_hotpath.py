import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kio.index import load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_writer

from infra.broker.hotpath import FetchedPartition, ProducedPartition, encode_fetch, encode_produce
from infra.broker.wire import build

_OFFSETS = st.integers(-1, 2**63 - 1)
_ERRORS = st.sampled_from([int(code) for code in ErrorCode])
_NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
_INDEXES = st.integers(0, 2**31 - 1)

_PRODUCED = st.builds(
    ProducedPartition, _INDEXES, _ERRORS, _OFFSETS, _OFFSETS, st.none() | st.text(st.characters(codec="utf-8"))
)
_FETCHED = st.builds(
    FetchedPartition,
    *(_INDEXES, _ERRORS, _OFFSETS, _OFFSETS, _OFFSETS, st.lists(st.binary(max_size=50), max_size=3)),
    st.none() | st.lists(st.tuples(_OFFSETS, _OFFSETS), max_size=3),
)


def _encode_by_schema(api_key: int, version: int, values: dict[str, Any]) -> bytes:
    schema: Any = load_response_schema(api_key, version)
    buffer = io.BytesIO()
    entity_writer(schema)(buffer, build(schema, values))
    return buffer.getvalue()


@pytest.mark.parametrize("version", range(3, 9))
@settings(max_examples=20, deadline=None)
@given(topics=st.lists(st.tuples(_NAMES, st.lists(_PRODUCED, max_size=3)), max_size=3))
def test_produce_answer_equals_the_schema_encoding_when_any_partitions_are_answered(
    version: int, topics: list[tuple[str, list[ProducedPartition]]]
) -> None:
    values = {
        "responses": [
            {
                "name": name,
                "partition_responses": [
                    {
                        "index": entry.partition,
                        "error_code": entry.error_code,
                        "base_offset": entry.base_offset,
                        "log_append_time": None,
                        "log_start_offset": entry.log_start_offset,
                        "record_errors": [],
                        "error_message": entry.message,
                    }
                    for entry in partitions
                ],
            }
            for name, partitions in topics
        ],
        "throttle_time": 0,
    }
    assert encode_produce(version, topics) == _encode_by_schema(0, version, values)


@pytest.mark.parametrize("version", range(4, 12))
@settings(max_examples=20, deadline=None)
@given(topics=st.lists(st.tuples(_NAMES, st.lists(_FETCHED, max_size=3)), max_size=3), error=_ERRORS)
def test_fetch_answer_equals_the_schema_encoding_when_any_partitions_are_answered(
    version: int, topics: list[tuple[str, list[FetchedPartition]]], error: int
) -> None:
    values = {
        "throttle_time": 0,
        "error_code": error,
        "session_id": 0,
        "responses": [
            {
                "topic": name,
                "partitions": [
                    {
                        "partition_index": entry.partition,
                        "error_code": entry.error_code,
                        "high_watermark": entry.high_watermark,
                        "last_stable_offset": entry.last_stable_offset,
                        "log_start_offset": entry.log_start_offset,
                        "aborted_transactions": entry.aborted
                        and [{"producer_id": each[0], "first_offset": each[1]} for each in entry.aborted],
                        "preferred_read_replica": -1,
                        "records": b"".join(entry.records),
                    }
                    for entry in partitions
                ],
            }
            for name, partitions in topics
        ],
    }
    assert encode_fetch(version, error, topics) == _encode_by_schema(1, version, values)
