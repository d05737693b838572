"""A producer's batch as it lies in the log: for sinks that carry its bytes on and need no object for each record.

The layout is that of Kafka's record batches, magic 2 (kafka.apache.org/documentation, "Record Batch"): a head of 61
bytes, then the records, each with its length, attributes, time, offset, key, value and headers; numbers of a record are
zigzag varints. A pack is a batch whose records lie there as they are: not compressed, no marker of a transaction, no
offset left out by compaction. Whatever else there is comes as records.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import Any

import crc32c
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from connectors.bus.records import Fetched

_HEAD = Struct(">qiibIhiqqqhii")
"""Base offset, length from behind itself, leader's epoch, magic, checksum of what follows it, attributes, last offset
delta, first and last time, producer's id and epoch, first sequence, number of records."""
_BEHIND_LENGTH, _BEHIND_CHECKSUM = 12, 21
_COMPRESSED, _MARKER = 0x07, 0x20  # bits of the attributes


class Pack:
    """The records of ``topic``/``partition`` from offset ``first`` to ``last``, none of them absent.

    ``data`` holds them beside others of the same fetch. ``timestamp_ms`` is the time of the first.
    """

    __slots__ = ("_begin", "_end", "data", "first", "last", "partition", "timestamp_ms", "topic")

    def __init__(self, topic: str, partition: int, data: bytes, begin: int = 0) -> None:
        base, length, _, _, _, _, delta, timestamp_ms, *_ = _HEAD.unpack_from(data, begin)
        self.topic, self.partition, self.data, self._begin = topic, partition, data, begin
        self.first: int = base
        self.last: int = base + delta
        self.timestamp_ms: int = timestamp_ms
        self._end: int = begin + _BEHIND_LENGTH + length

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def offset(self) -> int:
        """The last offset, which aiokafka asks for: it goes on behind it."""
        return self.last

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Yield of each record where in ``data`` its value begins and ends, -1 for none, and where the record ends.

        Behind the value come the number of headers and the headers, up to the end of the record.

        Raises:
            IndexError, ValueError: the batch does not hold what its head says.
        """
        data, at = self.data, self._begin + _HEAD.size
        for _ in range(len(self)):
            # Numbers of one and two bytes are read here: a call for each would take as long as all the rest.
            length, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            end = at + (length >> 1)
            at += 1  # attributes
            while data[at] > 0x7F:  # time
                at += 1
            at += 1
            while data[at] > 0x7F:  # offset
                at += 1
            at += 1
            size, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            if not size & 1:  # an odd one is -1, no key
                at += size >> 1
            size, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            if size & 1:
                yield at, -1, end
            else:
                yield at, at + (size >> 1), end
            at = end
        if at != self._end:
            raise ValueError(f"records of {self.topic}/{self.partition} at {self.first} end at {at}, not {self._end}")

    def records(self) -> list[Fetched]:
        """Return the records one by one, read with care.

        Raises:
            CorruptRecordException: the batch does not hold what its head says.
        """
        batch = DefaultRecordBatch(self.data[self._begin : self._end])
        return [
            Fetched(self.topic, self.partition, one.offset, one.timestamp, one.key, one.value, one.headers)
            for one in batch
        ]


Item = Fetched | Pack


def offsets_of(items: Sequence[Item]) -> list[int]:
    """Return the offsets of all records, in order."""
    return list(
        chain.from_iterable(range(one.first, one.last + 1) if isinstance(one, Pack) else (one.offset,) for one in items)
    )


def unpacked(items: Sequence[Item]) -> list[Fetched]:
    """Return the records one by one."""
    return [record for one in items for record in (one.records() if isinstance(one, Pack) else (one,))]


def first_offset(item: Item) -> int:
    """Return the offset of a record, or of the first of a pack."""
    return item.first if isinstance(item, Pack) else item.offset


def count_of(items: Sequence[Item]) -> int:
    """Return the number of records."""
    return sum(len(one) if isinstance(one, Pack) else 1 for one in items)


class KeptRecords:
    """What aiokafka's ``MemoryRecords`` is to its fetcher, with the bytes of the fetch, so that batches can be packs.

    ``wanted``: the offset from which on records are wanted; None for no packs.
    """

    def __init__(self, data: bytes) -> None:
        self.wanted: int | None = None
        self._data, self._at, self._inner = data, 0, MemoryRecords(data)

    def has_next(self) -> bool:
        """Whether there is a whole batch more."""
        return bool(self._inner.has_next())

    def size_in_bytes(self) -> int:
        """Return the size of all batches, and of the part of one at the end."""
        return int(self._inner.size_in_bytes())

    def next_batch(self) -> Any:
        """Return the next batch; one that can be handed over whole has a single "record", its pack."""
        batch, at = self._inner.next_batch(), self._at
        self._at = at + _BEHIND_LENGTH + int.from_bytes(self._data[at + 8 : at + _BEHIND_LENGTH], "big")
        if self.wanted is None or batch is None or not _is_plain(self._data, at, self._at):
            return batch
        return _Whole(batch, self._data, at, self._at, self.wanted)


class _Whole:
    """A batch that its pack stands for; all else the fetcher asks is answered by aiokafka's batch."""

    def __init__(self, batch: Any, data: bytes, begin: int, end: int, wanted: int) -> None:
        self._batch, self._data, self._begin, self._end, self._wanted = batch, data, begin, end, wanted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """Whether the batch is what its producer wrote. aiokafka takes seven times as long."""
        with memoryview(self._data) as data:
            return bool(crc32c.crc32c(data[self._begin + _BEHIND_CHECKSUM : self._end]) == self._batch.crc)

    def __iter__(self) -> Iterator[Any]:
        # Of a batch whose first records were handed over before, the others come one by one.
        if self._batch.base_offset < self._wanted:
            return iter(self._batch)
        return iter((Pack("", -1, self._data, self._begin),))


def _is_plain(data: bytes, begin: int, end: int) -> bool:
    """Whether a batch lies there as it is, with no offset left out."""
    if end - begin < _HEAD.size or end > len(data):
        return False
    _, _, _, magic, _, attributes, delta, *_, count = _HEAD.unpack_from(data, begin)
    return magic == 2 and not attributes & (_COMPRESSED | _MARKER) and count == delta + 1 > 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned varint and where it ends."""
    number = shift = 0
    while (byte := data[at]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1
