"""Stretches of the log as lines for the warehouse: what a batch is made of.

Packs are read where they lie: a record whose headers are as our publishers write them becomes a line without an object
in between, in half the time. Every other record goes the careful way (``rows``), with the same result.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from connectors.bus.packs import Pack
from connectors.bus.records import Fetched
from processors.analytics.personal import PERSONAL, without_personal
from processors.analytics.rows import (
    DAY,
    EVENTS,
    NULL,
    SNAPSHOTS,
    UUID,
    WORDS,
    Record,
    Refusal,
    Row,
    Table,
    escaped,
    place_in_line,
    row_of,
)
from topics.tickets import TICKET_VIEWS

Item = Record | Pack


@dataclass(slots=True)
class Strip:
    """Lines for one partition of one table (``month``), in the order of one partition of the log.

    ``record`` gives the record of a line by its offset.
    """

    table: Table
    month: int
    topic: str
    partition: int
    record: Callable[[int], Record]
    offsets: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    @property
    def order(self) -> tuple[str, int, str, int, int]:
        """Table and month, then the order of the log."""
        return self.table, self.month, self.topic, self.partition, self.offsets[0]

    def add(self, offset: int, line: bytes) -> None:
        """Add the line of the next record."""
        self.offsets.append(offset)
        self.lines.append(line)

    def without(self, places: Collection[tuple[str, int, int]]) -> "Strip":
        """Return it without the lines of some places of the log."""
        left = Strip(self.table, self.month, self.topic, self.partition, self.record)
        for offset, line in zip(self.offsets, self.lines, strict=True):
            if (self.topic, self.partition, offset) not in places:
                left.add(offset, line)
        return left


@dataclass(slots=True)
class Stretch:
    """What records of the log became."""

    strips: list[Strip] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The number of lines, without those of refused records."""
        return sum(len(one.lines) for one in self.strips)

    @property
    def size(self) -> int:
        """The bytes of all lines."""
        return sum(sum(map(len, one.lines)) for one in self.strips) + sum(len(one.line) for one in self.refused)

    def strip(self, table: Table, month: int, topic: str, partition: int, record: Callable[[int], Record]) -> Strip:
        """Return the strip that the next line goes to."""
        if self.strips:
            last = self.strips[-1]
            if last.record is record and (last.table, last.month, last.topic, last.partition) == (
                table, month, topic, partition,
            ):  # fmt: skip
                return last
        self.strips.append(Strip(table, month, topic, partition, record))
        return self.strips[-1]

    def take(self, row: Row | Refusal | None, record: Callable[[int], Record]) -> None:
        """Add what a record became the careful way."""
        if isinstance(row, Refusal):
            self.refused.append(row)
        elif row is not None:
            topic, partition, offset = row.record.place
            self.strip(row.table, row.month, topic, partition, record).add(offset, row.line)


def stretch_of(items: Sequence[Item]) -> Stretch:
    """Return what records and packs become, in their order. The same records give the same lines at any time."""
    stretch = Stretch()
    for place, together in groupby(items, key=lambda one: one if isinstance(one, Pack) else one.place[:2]):
        if isinstance(place, Pack):
            _Reading(place, stretch).read()
        else:
            _read_records(list(together), stretch)
    return stretch


def records_of(items: Iterable[Item]) -> list[Record]:
    """Return the records one by one."""
    return [record for one in items for record in (map(as_record, one.records()) if isinstance(one, Pack) else (one,))]


def as_record(record: Fetched) -> Record:
    """Return a fetched record as the sink takes it."""
    return Record(
        record.topic, record.partition, record.offset, record.headers, record.value or b"", record.timestamp_ms
    )


def _read_records(items: Iterable[Item], stretch: Stretch) -> None:
    """Add records of one partition."""
    records = records_of(items)

    def find(offset: int) -> Record:
        return next(one for one in records if one.offset == offset)

    for record in records:
        stretch.take(row_of(record), find)


class _Reading:
    """One pack on its way into a stretch."""

    def __init__(self, pack: Pack, stretch: Stretch) -> None:
        self._pack, self._stretch = pack, stretch
        self._records: list[Record] = []
        self._find = self._record  # one object: by it a strip knows that it goes on

    def read(self) -> None:
        """Add the lines of all records, in order."""
        if self._pack.topic == TICKET_VIEWS.name:
            self._read_views()
        else:
            self._read_events()

    def _read_events(self) -> None:
        pack, data, match = self._pack, self._pack.data, _HEADERS.match
        place = place_in_line(pack.topic, pack.partition)
        month, strip = b"", None
        for offset, (begin, end, stop) in enumerate(pack.places(), pack.first):
            found = match(data, end) if end > begin else None
            line = _line(found.groups(), data, begin, end) if found is not None and found.end() == stop else None
            if line is None:
                self._take_with_care(offset)
                month = b""
                continue
            attributes, time, payload = line
            if time[:7] != month or strip is None:
                month = time[:7]
                strip = self._stretch.strip(EVENTS, int(month[:4] + month[5:]), pack.topic, pack.partition, self._find)
            strip.offsets.append(offset)
            strip.lines.append(b"%b%b%d\t%b" % (attributes, place, offset, payload))

    def _read_views(self) -> None:
        pack = self._pack
        for offset, (begin, end, _) in enumerate(pack.places(), pack.first):
            value = pack.data[begin:end] if end > begin else b""
            if not value.isascii() or not value:
                self._take_with_care(offset)
            else:
                strip = self._stretch.strip(SNAPSHOTS, 0, pack.topic, pack.partition, self._find)
                strip.add(offset, b"%d\t%d\t%b" % (pack.partition, offset, escaped(value)))

    def _take_with_care(self, offset: int) -> None:
        self._stretch.take(row_of(self._record(offset)), self._find)

    def _record(self, offset: int) -> Record:
        if not self._records:
            self._records = records_of((self._pack,))
        return self._records[offset - self._pack.first]


def _zigzag(number: int) -> bytes:
    """Return a number that is not negative as Kafka writes it in a record."""
    number <<= 1
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


_LENGTHS = {_zigzag(length): length for length in range(1, 1024)}
"""Of texts, as they stand before them. What is longer goes the careful way."""
_LENGTH = rb"[\x80-\xff]?[\x00-\x7f]"
_MICROSECONDS = DAY + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z"


def _header(name: str, value: bytes, length: int | None = None) -> bytes:
    """Return the pattern of a header; without a ``length`` that of its value comes from the record."""
    size = _LENGTH if length is None else re.escape(_zigzag(length))
    return re.escape(_zigzag(len(name)) + name.encode()) + size + value


_HEADERS = re.compile(
    rb"[\x14\x16\x18]"
    + _header("ce_specversion", rb"1\.0", 3)
    + _header("ce_id", rb"(" + UUID + rb")", 36)
    + rb"(" + _header("ce_source", WORDS) + _header("ce_type", WORDS) + rb")"
    + _header("ce_subject", rb"(" + WORDS + rb")").replace(_LENGTH, rb"(" + _LENGTH + rb")")
    + _header("ce_time", rb"(" + _MICROSECONDS + rb")", 27)
    + _header("ce_recordedtime", rb"(" + _MICROSECONDS + rb")", 27)
    + rb"(" + _header("ce_dataschema", rb"[!-\[\]-~]+") + rb")"
    + _header("ce_correlationid", rb"(" + WORDS + rb")").replace(_LENGTH, rb"(" + _LENGTH + rb")")
    + _header("content-type", rb"application/json", 16)
    + rb"(?:" + _header("ce_causationid", rb"(" + UUID + rb")", 36) + rb")?"
    + rb"(?:" + _header("traceparent", rb"([0-9a-f-]{55})", 55) + rb")?",
    re.DOTALL,
)  # fmt: skip
"""The number of headers and the headers of an event in the order in which ``Envelope.to_headers`` gives them."""


def _line(found: Sequence[bytes], data: bytes, begin: int, end: int) -> tuple[bytes, bytes, bytes] | None:
    """Return a line's beginning, the time of the event and its data as it stands in the line; None in any doubt."""
    id_text, named, size, subject, time, recorded, schema, correlation_size, correlation, cause, trace = found
    known = _named(named)
    if (
        known is None
        or _LENGTHS.get(size) != len(subject)
        or _LENGTHS.get(correlation_size) != len(correlation)
        or not _fits(schema)
        or data[end] != _WITHOUT_RARE + 2 * ((cause is not None) + (trace is not None))
    ):
        return None
    kind_and_source, kind = known
    payload = data[begin:end]
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError:
            return None
    if kind is not None:
        payload = without_personal(kind, payload)
    attributes = b"%b\t%b\t%b\t%b\t%b\t%b\t%b" % (
        id_text, NULL if cause is None else cause, time, recorded, kind_and_source, subject, correlation,
    )  # fmt: skip
    return attributes, time, escaped(payload)


_WITHOUT_RARE = 20
"""Ten headers, as their number stands before them."""


@lru_cache(1024)
def _named(headers: bytes) -> tuple[bytes, str | None] | None:
    """Return type and source as they stand in the line, and the type if it has fields that stay out."""
    source_header, _, kind_text = headers.partition(b"\x0ece_type")
    source, kind = _text(source_header[len(b"\x12ce_source") :]), _text(kind_text)
    if source is None or kind is None:
        return None
    return kind + b"\t" + source, kind.decode() if kind.decode() in PERSONAL else None


@lru_cache(1024)
def _fits(header: bytes) -> bool:
    """Whether the header of a schema is as long as it says."""
    return _text(header[len(b"\x1ace_dataschema") :]) is not None


def _text(sized: bytes) -> bytes | None:
    """Return a text without the length before it; None where they disagree."""
    for width in (1, 2):
        if _LENGTHS.get(sized[:width]) == len(sized) - width:
            return sized[width:]
    return None
