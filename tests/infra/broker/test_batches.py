import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from infra.broker.batches import check_produced, read_header, with_position
from infra.broker.errors import RequestRefusedError
from infra.broker.records import first_record_at_or_after
from tests.infra.broker.support import make_batch

_LIMIT = 1 << 20
_GZIP, _SNAPPY, _LZ4 = 1, 2, 3


def _refusal(records: bytes | None, limit: int = _LIMIT) -> ErrorCode:
    with pytest.raises(RequestRefusedError) as refused:
        check_produced(records, limit)
    return refused.value.code


def test_accepts_a_batch_and_reads_its_header_when_it_is_sound() -> None:
    batch = make_batch(b"a", b"b", b"c", producer_id=7, epoch=2, sequence=40)
    info = check_produced(batch, _LIMIT)
    assert (info.record_count, info.last_offset_delta, info.size) == (3, 2, len(batch))
    assert (info.producer_id, info.producer_epoch, info.base_sequence) == (7, 2, 40)
    assert (info.base_timestamp_ms, info.max_timestamp_ms) == (1_000, 1_020)


@given(st.integers(21, 80), st.integers(1, 255))
def test_refuses_a_batch_as_corrupt_when_any_checksummed_byte_differs(position: int, flip: int) -> None:
    batch = bytearray(make_batch(b"a" * 30))
    batch[position] ^= flip
    assert _refusal(bytes(batch)) is ErrorCode.corrupt_message


@given(st.integers(0, 200))
def test_refuses_a_batch_as_corrupt_when_it_is_cut_short(kept: int) -> None:
    batch = make_batch(b"a" * 200)
    assert _refusal(batch[:kept]) is ErrorCode.corrupt_message


def test_refuses_null_records_two_batches_old_formats_and_oversize() -> None:
    batch = make_batch(b"a")
    assert _refusal(None) is ErrorCode.corrupt_message
    assert _refusal(batch + batch) is ErrorCode.invalid_record
    assert _refusal(batch[:16] + b"\x01" + batch[17:]) is ErrorCode.unsupported_for_message_format
    assert _refusal(batch, limit=len(batch) - 1) is ErrorCode.message_too_large


@given(st.integers(0, 2**40 - 1), st.lists(st.binary(max_size=20), min_size=1, max_size=4))
def test_only_the_position_changes_when_a_batch_is_placed(offset: int, values: list[bytes]) -> None:
    batch = make_batch(*values)
    placed = with_position(batch, offset, 0)
    assert placed[16:] == batch[16:]
    assert read_header(placed).base_offset == offset
    stored = MemoryRecords(placed).next_batch()
    assert stored is not None
    assert stored.validate_crc()
    assert [(record.offset, record.value) for record in stored] == list(enumerate(values, start=offset))


@pytest.mark.parametrize("compression", [0, _GZIP])
@pytest.mark.parametrize(("wanted_ms", "index"), [(0, 0), (1_000, 0), (1_001, 1), (1_015, 2), (1_020, 2)])
def test_finds_the_exact_record_when_the_batch_can_be_read(compression: int, wanted_ms: int, index: int) -> None:
    batch = with_position(make_batch(b"a", b"b", b"c", compression=compression), 100, 0)
    assert first_record_at_or_after(batch, wanted_ms) == (100 + index, 1_000 + 10 * index)


def test_answers_the_first_offset_when_the_records_are_packed_in_another_codec() -> None:
    batch = bytearray(with_position(make_batch(b"a", b"b"), 100, 0))
    batch[22] |= _LZ4  # The records stay unpacked: nobody may look at them.
    assert first_record_at_or_after(bytes(batch), 1_005) == (100, 1_000)
