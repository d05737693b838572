"""Record batches (message format v2): header, checksum, and the two fields a broker may change.

Layout: https://kafka.apache.org/documentation/#recordbatch. The CRC-32C covers everything from the
attributes on; base offset and partition leader epoch lie before it, so they are patched without touching it.
Records stay opaque, in whatever compression the producer chose.
"""

import struct
from dataclasses import dataclass

from crc32c import crc32c
from kio.schema.errors import ErrorCode

from infra.broker.errors import RequestRefusedError

_HEADER = struct.Struct(">qiibIhiqqqhii")
_PATCH = struct.Struct(">qii")
_CHECKED_HEADER = struct.Struct(">hiqqqhii")  # What the CRC covers of the header.
_CRC_START = 21
_LENGTH_FIELDS_BYTES = 12  # Base offset and length: the length field counts what follows them.
HEADER_BYTES = _HEADER.size

TRANSACTIONAL = 0x10
CONTROL = 0x20

_COORDINATOR_EPOCH = 0  # One coordinator, never a change.

NO_PRODUCER = -1
NO_TIMESTAMP = -1


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """What the header of one batch says. Timestamps are Unix milliseconds, sizes are bytes."""

    base_offset: int
    size: int
    attributes: int
    last_offset_delta: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def is_transactional(self) -> bool:
        """Whether the batch counts only when its producer's transaction is committed."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether the batch is a transaction's end marker: it has an offset, and no client shows it."""
        return bool(self.attributes & CONTROL)


def read_header(batch: bytes) -> BatchInfo:
    """Header of a batch that is already known to be sound (read back from the log)."""
    base_offset, length, _, _, _, attributes, delta, first_ts, max_ts, pid, epoch, sequence, count = (
        _HEADER.unpack_from(batch)
    )
    size = length + _LENGTH_FIELDS_BYTES
    return BatchInfo(base_offset, size, attributes, delta, first_ts, max_ts, pid, epoch, sequence, count)


def check_produced(records: bytes | None, max_bytes: int) -> BatchInfo:
    """Check what a producer sent for one partition: exactly one sound batch of format v2.

    Raises:
        RequestRefusedError: with the error code a Kafka broker answers for the defect.
    """
    if records is None or len(records) < HEADER_BYTES:
        raise RequestRefusedError(ErrorCode.corrupt_message, "the record batch is shorter than its header")
    if records[16] != 2:
        raise RequestRefusedError(
            ErrorCode.unsupported_for_message_format,
            f"record format {records[16]} is not stored; use a producer that writes format 2 (Kafka 0.11 or newer)",
        )
    info = read_header(records)
    if info.size > len(records):
        raise RequestRefusedError(ErrorCode.corrupt_message, "the record batch is cut short")
    if info.size < len(records):
        raise RequestRefusedError(ErrorCode.invalid_record, "send one record batch per partition and request")
    if info.size > max_bytes:
        raise RequestRefusedError(
            ErrorCode.message_too_large,
            f"the record batch has {info.size} bytes, the topic's max.message.bytes is {max_bytes}",
        )
    if crc32c(memoryview(records)[_CRC_START:]) != int.from_bytes(records[17:21], "big"):
        raise RequestRefusedError(ErrorCode.corrupt_message, "the CRC-32C of the record batch does not match")
    _check_content(info)
    return info


def _check_content(info: BatchInfo) -> None:
    if info.record_count < 1 or info.last_offset_delta != info.record_count - 1:
        raise RequestRefusedError(
            ErrorCode.invalid_record,
            f"a batch of {info.record_count} records cannot end at offset delta {info.last_offset_delta}",
        )
    if info.is_control:
        raise RequestRefusedError(ErrorCode.invalid_record, "clients may not write control batches")
    if info.is_transactional and info.producer_id == NO_PRODUCER:
        raise RequestRefusedError(ErrorCode.invalid_record, "a transactional batch needs a producer id")
    if info.producer_id != NO_PRODUCER and (info.base_sequence < 0 or info.producer_epoch < 0):
        raise RequestRefusedError(ErrorCode.invalid_record, "an idempotent batch needs an epoch and a sequence")


def with_position(records: bytes, base_offset: int, leader_epoch: int) -> bytes:
    """The same batch placed at `base_offset` of its partition."""
    head = _PATCH.pack(base_offset, len(records) - _LENGTH_FIELDS_BYTES, leader_epoch)
    return head + memoryview(records)[_PATCH.size :]


def end_marker(base_offset: int, producer_id: int, epoch: int, timestamp_ms: int, *, commit: bool) -> bytes:
    """The control batch that ends a producer's transaction in one partition: one record, version 0 key and value."""
    key = struct.pack(">hh", 0, int(commit))
    value = struct.pack(">hi", 0, _COORDINATOR_EPOCH)
    # Attributes, timestamp delta and offset delta are 0; there are no headers. Lengths are zigzag varints.
    content = b"\0\0\0" + bytes([2 * len(key)]) + key + bytes([2 * len(value)]) + value + b"\0"
    record = bytes([2 * len(content)]) + content
    attributes = TRANSACTIONAL | CONTROL
    checked = _CHECKED_HEADER.pack(attributes, 0, timestamp_ms, timestamp_ms, producer_id, epoch, -1, 1) + record
    length = HEADER_BYTES - _LENGTH_FIELDS_BYTES + len(record)
    return struct.pack(">qiibI", base_offset, length, 0, 2, crc32c(checked)) + checked
