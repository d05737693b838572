"""One record of the log as one line for the warehouse, tab-separated: headers and JSON go there as the bytes they are.

Nothing is decoded, but for the few types that have fields which stay out (``personal``).
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import orjson

from processors.analytics.personal import PERSONAL, without_personal
from schemas.core.envelope import RARE, Envelope, EnvelopeError
from schemas.core.time import rfc3339
from topics.tickets import TICKET_VIEWS

Headers = Sequence[tuple[str, bytes]]

RefusalReason = Literal["bad_envelope", "implausible_time", "not_utf8", "no_data", "poison_row"]

# The bounds of the table's constraint `event_ts_plausible`: a clock that is wrong by decades would make a partition
# of its own, or be expired on arrival.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

Table = Literal["events", "ticket_snapshots"]
EVENTS: Table = "events"
SNAPSHOTS: Table = "ticket_snapshots"
COLUMNS: Mapping[Table, tuple[str, ...]] = {
    EVENTS: (
        "event_id", "causation_id", "event_ts", "recorded_ts", "event_type", "source", "subject", "correlation_id",
        "k_topic", "k_partition", "k_offset", "payload",
    ),
    SNAPSHOTS: ("k_partition", "k_offset", "snapshot"),
}  # fmt: skip
"""What the lines of a table hold, in order."""

NULL = rb"\N"
UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DAY = (
    rb"20[2-9]\d-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rb"|02-(?:0[1-9]|1\d|2[0-8]))"
)
_TIME = DAY + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z"
WORDS = rb"[ -\[\]-~]+"  # printable ASCII but the backslash: nothing that a line would have to escape
_PLAIN = re.compile(rb"\t".join((UUID, rb"(?:" + UUID + rb"|\\N)", _TIME, _TIME, WORDS, WORDS, WORDS, WORDS)))
"""The attributes of an event as our publishers write them, which the warehouse reads as they are."""
_TOUCHED = frozenset(kind.encode() for kind in PERSONAL)


@dataclass(slots=True)
class Record:
    """One record of the log as it was read: raw headers (CloudEvents binary mode), raw value, and when the log took it.

    Not to be changed: frozen it would take four times as long to make. ``timestamp_ms`` counts from 1970, 0 is unknown.
    """

    topic: str
    partition: int
    offset: int
    headers: Headers
    value: bytes
    timestamp_ms: int = 0

    @property
    def place(self) -> tuple[str, int, int]:
        """Where the record lies: topic, partition, offset."""
        return self.topic, self.partition, self.offset


@dataclass(slots=True)
class Row:
    """A line for a table, not to be changed. ``month``: its partition there, YYYYMM in UTC; 0 where there are none."""

    record: Record
    table: Table
    month: int
    line: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line for ``events_dlq``: the record as it was, and why it is no event."""

    record: Record
    reason: RefusalReason
    detail: str
    line: bytes


def row_of(record: Record) -> Row | Refusal | None:
    """Return the row of a record, of an event or of a ticket's view, or its refusal; None when there is nothing to say.

    The same record gives the same bytes at any time.
    """
    return snapshot_row(record) if record.topic == TICKET_VIEWS.name else event_row(record)


def event_row(record: Record) -> Row | Refusal:
    """Return the row of an event, or its refusal.

    The warehouse keeps milliseconds of times and cuts off what is finer. Whether the value is JSON it checks by a
    constraint on the column.
    """
    attributes = _plain_attributes(record.headers)
    if attributes is None:
        try:
            envelope = Envelope.from_headers(record.headers)
        except EnvelopeError as error:
            return refuse(record, "bad_envelope", str(error))
        for name, at in (("ce_time", envelope.time), ("ce_recordedtime", envelope.recorded_time)):
            if not EARLIEST <= at < LATEST:
                return refuse(
                    record, "implausible_time", f"header {name} is {at.isoformat()}; check that machine's clock"
                )
        attributes = _attributes(envelope)
    if not record.value:
        return refuse(record, "no_data", "the value is empty; an event carries a JSON object")
    if (fault := _not_utf8(record.value)) is not None:
        return refuse(record, "not_utf8", fault)
    line, kind, time = attributes
    payload = without_personal(kind.decode(), record.value) if kind in _TOUCHED else record.value
    place = _partition(record.topic, record.partition)
    return Row(
        record, EVENTS, int(time[:4] + time[5:7]), b"%b%b%d\t%b" % (line, place, record.offset, escaped(payload))
    )


def snapshot_row(record: Record) -> Row | Refusal | None:
    """Return the row of a ticket's view: the engine takes the columns out of the view by itself.

    None for a tombstone: the log forgets the ticket, and the figures need not.
    """
    if not record.value:
        return None
    if (fault := _not_utf8(record.value)) is not None:
        return refuse(record, "not_utf8", fault)
    return Row(record, SNAPSHOTS, 0, b"%d\t%d\t%b" % (record.partition, record.offset, escaped(record.value)))


def refuse(record: Record, reason: RefusalReason, detail: str, column: str = "") -> Refusal:
    """Return the dead letter of a record; ``column`` names the column or constraint that refused it, if one did."""
    line = orjson.dumps(
        {
            "k_topic": record.topic,
            "k_partition": record.partition,
            "k_offset": record.offset,
            "event_type": _readable_type(record.headers),
            "reason": reason,
            "error": detail,
            "column_name": column,
            "headers": orjson.dumps([[name, b64encode(value).decode()] for name, value in record.headers]).decode(),
            "value_base64": b64encode(record.value).decode(),
        }
    )
    return Refusal(record, reason, detail, line)


def escaped(value: bytes) -> bytes:
    """Return a value as it stands between the tabs of a line."""
    if b"\\" in value:
        value = value.replace(b"\\", rb"\\")
    # One look for each: hardly any value has one, and JSON written by us has none.
    for raw, written in ((b"\t", rb"\t"), (b"\n", rb"\n"), (b"\r", rb"\r")):
        if raw in value:
            value = value.replace(raw, written)
    return value


def _plain_attributes(headers: Headers) -> tuple[bytes, bytes, bytes] | None:
    """Return the line's beginning, the type and the time of an event as our publishers write it; None in any doubt.

    Less than half the time that reading an ``Envelope`` and writing it takes, and every event of the shop passes here.
    """
    found = dict(headers)
    try:
        kind, time = found["ce_type"], found["ce_time"]
        line = b"\t".join(
            (
                found["ce_id"], found.get("ce_causationid", NULL), time, found["ce_recordedtime"],
                kind, found["ce_source"], found["ce_subject"], found["ce_correlationid"],
            )
        )  # fmt: skip
        if found["ce_specversion"] != b"1.0" or _PLAIN.fullmatch(line) is None:
            return None
    except KeyError:
        return None
    for name in RARE:
        if (value := found.get(name)) is not None and not (value and value.isascii()):
            return None
    return line, kind, time


def _attributes(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    """Return the same of an envelope that took care to read."""
    kind, time = envelope.type.encode(), rfc3339(envelope.time).encode()
    causation = envelope.causation_text
    texts = (kind, envelope.source.encode(), envelope.subject.encode(), envelope.correlation_id.encode())
    line = b"\t".join(
        (
            envelope.id_text.encode(), NULL if causation is None else causation.encode(),
            time, rfc3339(envelope.recorded_time).encode(), *map(escaped, texts),
        )
    )  # fmt: skip
    return line, kind, time


@lru_cache(1024)
def _partition(topic: str, partition: int) -> bytes:
    return f"\t{topic}\t{partition}\t".encode()


def _not_utf8(value: bytes) -> str | None:
    if value.isascii():
        return None
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return f"the value is not UTF-8 at byte {error.start}"
    return None


def _readable_type(headers: Headers) -> str:
    for name, value in headers:
        if name == "ce_type":
            return value.decode(errors="replace")
    return ""
