"""Stretches of the log as lines for the warehouse: what a batch is made of.

Packs are read where they lie: a record whose headers are as our publishers write them becomes a line without an object
in between, in half the time. Every other record goes the careful way (``rows``), with the same result.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
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


def begins_at(item: Item) -> int:
    """Return the offset of a record, or of the first of a pack."""
    return item.first if isinstance(item, Pack) else item.offset


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
        pack, data, match, known_of, length_of = self._pack, self._pack.data, _HEADERS.match, _KNOWN.get, _LENGTHS.get
        place = b"%b\t%d" % (pack.topic.encode(), pack.partition)
        month, strip = b"", None
        for offset, (begin, end, stop) in enumerate(pack.places(), pack.first):
            found = match(data, end) if end > begin else None
            if found is None or found.end() != stop:
                self._take_with_care(offset)
                month = b""
                continue
            id_text, named, size, subject, at, recorded, schema, size_2, correlation, cause, _ = found.groups(NULL)
            known = known_of(named) or _learn(named, schema)
            if (
                known.schema != schema
                or length_of(size) != len(subject)
                or length_of(size_2) != len(correlation)
                or data[end] != 2 * (1 + (found.lastindex or 0))  # the number of headers: 10, 11 or 12
                or (payload := _payload(data[begin:end], known.personal)) is None
            ):
                self._take_with_care(offset)
                month = b""
                continue
            if strip is None or not month or not at.startswith(month):
                month = at[:7]
                strip = self._stretch.strip(EVENTS, int(month[:4] + month[5:]), pack.topic, pack.partition, self._find)
            strip.offsets.append(offset)
            strip.lines.append(
                b"\t".join(
                    (
                        id_text, cause, at, recorded, known.kind_and_source, subject, correlation, place,
                        b"%d" % offset, payload,
                    )
                )
            )  # fmt: skip

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
    + _header("ce_time", rb"(?P<at>" + _MICROSECONDS + rb")", 27)
    + _header("ce_recordedtime", rb"((?P=at)|" + _MICROSECONDS + rb")", 27)
    + rb"(" + _header("ce_dataschema", rb"[!-\[\]-~]+") + rb")"
    + _header("ce_correlationid", rb"(" + WORDS + rb")").replace(_LENGTH, rb"(" + _LENGTH + rb")")
    + _header("content-type", rb"application/json", 16)
    + rb"(?:" + _header("ce_causationid", rb"(" + UUID + rb")", 36)
    + rb"(?:" + _header("traceparent", rb"([0-9a-f-]{55})", 55) + rb")?)?",
    re.DOTALL,
)  # fmt: skip
"""The number of headers and the headers of an event in the order in which ``Envelope.to_headers`` gives them."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the headers of a source and a type say: both as they stand in the line, the header of the type's schema, and
    the type if it has fields that stay out."""

    kind_and_source: bytes
    schema: bytes
    personal: str | None


_KNOWN: dict[bytes, _Known] = {}
_KNOWN_AT_MOST = 1_000
"""Some thirty sources with a few types each."""
_UNFIT = _Known(b"", b"", None)
"""Fits no record."""


def _learn(named: bytes, schema: bytes) -> _Known:
    """Return what is known of the headers of a source and a type from now on."""
    source_header, _, kind_text = named.partition(b"\x0ece_type")
    source, kind = _text(source_header[len(b"\x12ce_source") :]), _text(kind_text)
    if source is None or kind is None or _text(schema[len(b"\x1ace_dataschema") :]) is None:
        return _UNFIT
    if len(_KNOWN) >= _KNOWN_AT_MOST:
        _KNOWN.clear()
    personal = kind.decode() if kind.decode() in PERSONAL else None
    return _KNOWN.setdefault(named, _Known(kind + b"\t" + source, schema, personal))


def _payload(value: bytes, personal: str | None) -> bytes | None:
    """Return an event's data as it stands in the line; None when it is not UTF-8."""
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            return None
    return escaped(value if personal is None else without_personal(personal, value))


def _text(sized: bytes) -> bytes | None:
    """Return a text without the length before it; None where they disagree."""
    for width in (1, 2):
        if _LENGTHS.get(sized[:width]) == len(sized) - width:
            return sized[width:]
    return None
