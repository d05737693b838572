"""Records inside a batch: unpack, look at keys, and pack what is kept, as compaction needs it.

A batch that is rewritten keeps its base offset, its last offset delta and everything about its producer, so
offsets stay what they were and readers step over the holes. Its records are kept as the bytes they were, unless
their timestamps have to be told from another base (see `DELETE_HORIZON`).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cramjam
from crc32c import crc32c
from kio.schema.errors import ErrorCode

from infra.broker.batches import HEADER_BYTES, BatchInfo, read_header
from infra.broker.errors import RequestRefusedError

COMPRESSION_MASK = 0x07
LOG_APPEND_TIME = 0x08
DELETE_HORIZON = 0x40
"""Attribute of a batch with deleted keys that was compacted once: its base timestamp says until when they stay."""
UNPACKED_LIMIT_BYTES = 64 * 1024 * 1024

_NONE, _GZIP, _SNAPPY, _LZ4, _ZSTD = range(5)
_CODECS = {_GZIP: cramjam.gzip, _LZ4: cramjam.lz4, _ZSTD: cramjam.zstd}
_FIRST_GUESS_BYTES = 64 * 1024
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = _XERIAL + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK_BYTES = 32 * 1024
_HEADER = struct.Struct(">qiibIhiqqqhii")
_CRC_START = 21
_LENGTH_FIELDS_BYTES = 12


class UnreadableRecordsError(Exception):
    """The bytes after a batch's header are no records in the compression the header names."""


class Record(NamedTuple):
    """Where one record lies in the unpacked bytes: `start` is its length field, `body` its attributes byte."""

    start: int
    body: int
    end: int
    offset_delta: int
    timestamp_delta_ms: int
    key: bytes | None
    is_tombstone: bool


def is_sound(batch: bytes) -> bool:
    """Whether the length and the CRC-32C of a stored batch are right."""
    if len(batch) < HEADER_BYTES or int.from_bytes(batch[8:12], "big") + _LENGTH_FIELDS_BYTES != len(batch):
        return False
    return batch[16] == 2 and crc32c(memoryview(batch)[_CRC_START:]) == int.from_bytes(batch[17:21], "big")


def unpack(batch: bytes, info: BatchInfo, limit_bytes: int = UNPACKED_LIMIT_BYTES) -> bytes:
    """Records of a batch without their compression.

    Raises:
        UnreadableRecordsError: damaged, an unknown compression, or more than `limit_bytes` of them.
    """
    packed = batch[HEADER_BYTES:]
    compression = info.attributes & COMPRESSION_MASK
    if compression == _NONE:
        return packed
    try:
        if compression == _SNAPPY:
            return _unpack_snappy(packed, limit_bytes)
        return _unpack_stream(_CODECS[compression], packed, limit_bytes)
    except KeyError:
        raise UnreadableRecordsError(f"unknown compression {compression}") from None
    except (cramjam.DecompressionError, struct.error) as error:
        raise UnreadableRecordsError(str(error)) from error


def _unpack_stream(codec: object, packed: bytes, limit_bytes: int) -> bytes:
    """Unpack into buffers of growing size: a small batch can stand for gigabytes, which nobody may be made to hold."""
    size = min(limit_bytes, max(_FIRST_GUESS_BYTES, 4 * len(packed)))
    while True:
        buffer = bytearray(size)
        try:
            written = codec.decompress_into(packed, buffer)  # type: ignore[attr-defined]  # cramjam's modules have no types
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error) or size >= limit_bytes:
                raise
            size = min(limit_bytes, 8 * size)
            continue
        return bytes(memoryview(buffer)[:written])


def _unpack_snappy(packed: bytes, limit_bytes: int) -> bytes:
    """Raw snappy, or the framing of the Java library: a header, then blocks with their length before them."""
    if not packed.startswith(_XERIAL):
        return _unpack_block(packed, limit_bytes)
    parts: list[bytes] = []
    position, left = len(_XERIAL_HEADER), limit_bytes
    while position < len(packed):
        (size,) = struct.unpack_from(">i", packed, position)
        position += 4
        if not 0 < size <= len(packed) - position:
            raise UnreadableRecordsError("a snappy block is cut short")
        parts.append(_unpack_block(packed[position : position + size], left))
        left -= len(parts[-1])
        position += size
    return b"".join(parts)


def _unpack_block(block: bytes, limit_bytes: int) -> bytes:
    if not block or cramjam.snappy.decompress_raw_len(block) > limit_bytes:
        raise UnreadableRecordsError("a snappy block is empty or too large")
    return bytes(cramjam.snappy.decompress_raw(block))


def _pack(records: bytes, compression: int) -> bytes:
    if compression == _NONE:
        return records
    if compression == _SNAPPY:
        parts = [_XERIAL_HEADER]
        for start in range(0, len(records), _XERIAL_BLOCK_BYTES):
            block = bytes(cramjam.snappy.compress_raw(records[start : start + _XERIAL_BLOCK_BYTES]))
            parts += (len(block).to_bytes(4, "big"), block)
        return b"".join(parts)
    return bytes(_CODECS[compression].compress(records))


def iterate(records: bytes, count: int) -> Iterator[Record]:
    """Every record of unpacked bytes.

    Raises:
        UnreadableRecordsError: the bytes are not `count` whole records.
    """
    position = 0
    try:
        for _ in range(count):
            length, body = read_varint(records, position)
            end = body + length
            if length < 1 or end > len(records):
                raise UnreadableRecordsError("a record is cut short")
            timestamp_delta_ms, after = read_varint(records, body + 1)
            offset_delta, after = read_varint(records, after)
            key_size, after = read_varint(records, after)
            key = None if key_size < 0 else records[after : after + key_size]
            value_size, _ = read_varint(records, after + max(0, key_size))
            yield Record(position, body, end, offset_delta, timestamp_delta_ms, key, value_size < 0)
            position = end
    except IndexError:
        raise UnreadableRecordsError("a record is cut short") from None
    if position != len(records):
        raise UnreadableRecordsError(f"{len(records) - position} bytes follow the last record")


def require_keys(batch: bytes, info: BatchInfo) -> None:
    """Let nothing into a compacted topic that could not be compacted, as Kafka does.

    Raises:
        RequestRefusedError: a record has no key, or the batch does not unpack.
    """
    try:
        keyed = all(record.key is not None for record in iterate(unpack(batch, info), info.record_count))
    except UnreadableRecordsError as error:
        raise RequestRefusedError(ErrorCode.corrupt_message, f"the records do not unpack: {error}") from error
    if not keyed:
        raise RequestRefusedError(ErrorCode.invalid_record, "every record of a compacted topic needs a key")


def rebuild(
    batch: bytes, info: BatchInfo, unpacked: bytes, kept: Sequence[Record], delete_horizon_ms: int | None
) -> tuple[bytes, int]:
    """The batch with only the `kept` records (at least one), and its largest timestamp.

    With `delete_horizon_ms` the batch is marked: that time becomes its base, and every timestamp is told from it.
    """
    base_ms, attributes = info.base_timestamp_ms, info.attributes
    if delete_horizon_ms is None:
        records = b"".join(unpacked[record.start : record.end] for record in kept)
    else:
        shift_ms = base_ms - delete_horizon_ms
        records = b"".join(_shifted(unpacked, kept, shift_ms))
        base_ms, attributes = delete_horizon_ms, attributes | DELETE_HORIZON
    max_ms = info.max_timestamp_ms
    if not attributes & LOG_APPEND_TIME:
        max_ms = max(info.base_timestamp_ms + record.timestamp_delta_ms for record in kept)
    packed = _pack(records, attributes & COMPRESSION_MASK)
    length = HEADER_BYTES + len(packed) - _LENGTH_FIELDS_BYTES
    _, _, epoch, magic, _, _, *_ = _HEADER.unpack_from(batch)
    head = _HEADER.pack(
        info.base_offset, length, epoch, magic, 0, attributes, info.last_offset_delta, base_ms, max_ms,
        info.producer_id, info.producer_epoch, info.base_sequence, len(kept),
    )  # fmt: skip
    crc = crc32c(packed, crc32c(head[_CRC_START:]))
    return head[:17] + crc.to_bytes(4, "big") + head[_CRC_START:] + packed, max_ms


def _shifted(unpacked: bytes, kept: Iterable[Record], shift_ms: int) -> Iterator[bytes]:
    for record in kept:
        _, after = read_varint(unpacked, record.body + 1)
        delta = _write_varint(record.timestamp_delta_ms + shift_ms)
        rest = unpacked[record.body : record.body + 1] + delta + unpacked[after : record.end]
        yield _write_varint(len(rest)) + rest


def first_record_at_or_after(batch: bytes, timestamp_ms: int) -> tuple[int, int]:
    """Offset and timestamp of the first record not older than `timestamp_ms`.

    The caller knows that the batch holds one. Of a batch that does not unpack the first offset is answered, which
    is never too late.
    """
    info = read_header(batch)
    if info.attributes & LOG_APPEND_TIME:
        return info.base_offset, info.max_timestamp_ms
    try:
        for record in iterate(unpack(batch, info), info.record_count):
            found_ms = info.base_timestamp_ms + record.timestamp_delta_ms
            if found_ms >= timestamp_ms:
                return info.base_offset + record.offset_delta, found_ms
    except UnreadableRecordsError:
        pass
    return info.base_offset, info.base_timestamp_ms


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Zigzag varint at `position`, and the position after it."""
    byte = data[position]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position + 1
    value, shift = byte & 0x7F, 7
    while True:
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position + 1
        shift += 7
        if shift > 63:
            raise UnreadableRecordsError("a number of more than ten bytes")


def _write_varint(value: int) -> bytes:
    left = value << 1 if value >= 0 else (-value << 1) - 1
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)
