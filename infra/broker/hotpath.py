"""Encoders of the two answers that carry the load: Produce (versions 3-8) and Fetch (4-11).

A Fetch answer over twenty partitions takes kio's Python writer more than 100 us and takes these a few. A test
compares every version with kio byte for byte.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_PRODUCE_PARTITION = struct.Struct(">ihqq")
_FETCH_HEAD_V7 = struct.Struct(">ihi")
_FETCH_PARTITION_V4 = struct.Struct(">ihqq")
_FETCH_PARTITION_V5 = struct.Struct(">ihqqq")
_REPLICA_AND_SIZE = struct.Struct(">ii")
_ABORTED = struct.Struct(">qq")
_NO_ABORTED = _INT32.pack(-1)  # A null array, which readers of everything get.
_NO_TIMESTAMP = -1
_NO_REPLICA = -1


class ProducedPartition(NamedTuple):
    """Answer for one partition of a Produce request."""

    partition: int
    error_code: int
    base_offset: int
    log_start_offset: int
    message: str | None


class FetchedPartition(NamedTuple):
    """Answer for one partition of a Fetch request; `records` are whole batches in offset order.

    `aborted` are (producer id, first offset) of transactions to skip; None for readers of everything.
    """

    partition: int
    error_code: int
    high_watermark: int
    last_stable_offset: int
    log_start_offset: int
    records: Sequence[bytes]
    aborted: Sequence[tuple[int, int]] | None = None


def _string(text: str) -> bytes:
    data = text.encode()
    return _INT16.pack(len(data)) + data


def encode_produce(version: int, topics: Sequence[tuple[str, Sequence[ProducedPartition]]]) -> bytes:
    """Body of a Produce answer, versions 3 to 8."""
    parts = [_INT32.pack(len(topics))]
    for name, partitions in topics:
        parts += (_string(name), _INT32.pack(len(partitions)))
        for entry in partitions:
            parts.append(_PRODUCE_PARTITION.pack(entry.partition, entry.error_code, entry.base_offset, _NO_TIMESTAMP))
            if version >= 5:
                parts.append(entry.log_start_offset.to_bytes(8, "big", signed=True))
            if version >= 8:
                parts += (_INT32.pack(0), _INT16.pack(-1) if entry.message is None else _string(entry.message))
    parts.append(_INT32.pack(0))
    return b"".join(parts)


def encode_fetch(version: int, error_code: int, topics: Sequence[tuple[str, Sequence[FetchedPartition]]]) -> bytes:
    """Body of a Fetch answer, versions 4 to 11; always a full answer outside any fetch session."""
    parts = [_INT32.pack(0) if version < 7 else _FETCH_HEAD_V7.pack(0, error_code, 0), _INT32.pack(len(topics))]
    for name, partitions in topics:
        parts += (_string(name), _INT32.pack(len(partitions)))
        for entry in partitions:
            parts.append(_fetch_partition(version, entry))
            parts += entry.records
    return b"".join(parts)


def _fetch_partition(version: int, entry: FetchedPartition) -> bytes:
    partition, error_code, high_watermark, stable, log_start_offset, records, aborted = entry
    if version >= 5:
        head = _FETCH_PARTITION_V5.pack(partition, error_code, high_watermark, stable, log_start_offset)
    else:
        head = _FETCH_PARTITION_V4.pack(partition, error_code, high_watermark, stable)
    skipped = _NO_ABORTED if aborted is None else _aborted(aborted)
    size = sum(map(len, records))
    tail = _REPLICA_AND_SIZE.pack(_NO_REPLICA, size) if version >= 11 else _INT32.pack(size)
    return head + skipped + tail


def _aborted(entries: Sequence[tuple[int, int]]) -> bytes:
    return _INT32.pack(len(entries)) + b"".join(_ABORTED.pack(*entry) for entry in entries)
