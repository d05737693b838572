"""Packs stand for whole batches only, and say of their records what the client says."""

from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from connectors.bus.packs import KeptRecords, Pack, count_of, first_offset, offsets_of, unpacked

Written = tuple[bytes | None, bytes | None]


def batch_of(*records: Written, first: int = 0, compression: int = 0, gap: bool = False) -> bytes:
    """Return a batch as a producer writes it; ``gap``: compaction took the offset before the last."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 24)
    for number, (key, value) in enumerate(records):
        offset = number + 1 if gap and number == len(records) - 1 else number
        assert builder.append(offset, 1_700_000_000_000 + number, key, value, [("name", b"v")]) is not None
    batch = bytearray(builder.build())
    batch[:8] = first.to_bytes(8, "big")
    return bytes(batch)


def taken(data: bytes, wanted: int | None) -> list[Any]:
    """Return what the fetcher gets out of a fetch."""
    kept, found = KeptRecords(data), []
    kept.wanted = wanted
    while kept.has_next():
        batch = kept.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    return found


@given(st.lists(st.tuples(st.none() | st.binary(max_size=300), st.none() | st.binary(max_size=20_000)), min_size=1))
def test_values_lie_where_a_pack_says(records: list[Written]) -> None:
    [pack] = taken(batch_of(*records, first=70), 0)
    assert isinstance(pack, Pack)
    assert (pack.first, pack.last, len(pack), pack.timestamp_ms) == (
        70, 69 + len(records), len(records), 1_700_000_000_000,
    )  # fmt: skip
    values = [pack.data[begin:end] if end >= 0 else None for begin, end, _ in pack.places()]
    assert values == [value for _, value in records]
    assert [(one.offset, one.key, one.value) for one in pack.records()] == [
        (70 + number, *record) for number, record in enumerate(records)
    ]


ONE: Written = (b"k", b"value")


def test_batches_that_are_not_plain_or_not_wholly_wanted_come_record_by_record() -> None:
    data = batch_of(ONE, ONE) + batch_of(ONE, first=2, compression=1) + batch_of(ONE, ONE, first=3, gap=True)
    data += batch_of(ONE, ONE, first=6)
    got = taken(data, 1)
    assert [type(one) is Pack for one in got] == [False, False, False, False, False, True]
    assert [one.offset for one in got] == [0, 1, 2, 3, 5, 7]  # the fetcher itself drops what lies before its position
    assert [first_offset(one) for one in got][-1] == 6
    assert (offsets_of(got), count_of(got)) == ([0, 1, 2, 3, 5, 6, 7], 7)
    assert [one.offset for one in unpacked(got[-1:])] == [6, 7]
    assert not any(isinstance(one, Pack) for one in taken(data, None))


@pytest.mark.parametrize("at", [25, 70, -1])
def test_a_changed_byte_is_found(at: int) -> None:
    data = bytearray(batch_of(ONE, ONE))
    data[at] ^= 1
    kept = KeptRecords(bytes(data))
    kept.wanted = 0
    assert not kept.next_batch().validate_crc()


def test_a_pack_whose_lengths_disagree_is_refused() -> None:
    [pack] = taken(batch_of(ONE, ONE), 0)
    data = bytearray(pack.data)
    data[61] += 2  # the length of the first record
    with pytest.raises((ValueError, IndexError)):
        list(Pack("t", 0, bytes(data)).places())
