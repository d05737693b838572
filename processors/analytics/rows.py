"""One record of the log as one JSON line for the warehouse. The record's JSON is carried and not decoded, but for the
few types that have fields which stay out (``personal``)."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from processors.analytics.personal import without_personal
from schemas.core.envelope import Envelope, EnvelopeError
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
COLUMNS: dict[Table, tuple[str, ...] | None] = {EVENTS: None, SNAPSHOTS: ("snapshot", "k_partition", "k_offset")}
"""What the lines of a table hold, where the table has a column that is read and not kept."""


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

    Times keep milliseconds; what is finer is cut off. Whether the value is JSON the warehouse checks, by a
    constraint on the column.
    """
    try:
        envelope = Envelope.from_headers(record.headers)
    except EnvelopeError as error:
        return refuse(record, "bad_envelope", str(error))
    for name, at in (("ce_time", envelope.time), ("ce_recordedtime", envelope.recorded_time)):
        if not EARLIEST <= at < LATEST:
            return refuse(record, "implausible_time", f"header {name} is {at.isoformat()}; check that machine's clock")
    if not record.value:
        return refuse(record, "no_data", "the value is empty; an event carries a JSON object")
    try:
        payload = without_personal(envelope.type, record.value).decode()
    except UnicodeDecodeError as error:
        return refuse(record, "not_utf8", f"the value is not UTF-8 at byte {error.start}")
    return Row(record, EVENTS, envelope.time.year * 100 + envelope.time.month, _line(record, envelope, payload))


def snapshot_row(record: Record) -> Row | Refusal | None:
    """Return the row of a ticket's view: the engine takes the columns out of the view by itself.

    None for a tombstone: the log forgets the ticket, and the figures need not.
    """
    if not record.value:
        return None
    try:
        snapshot = record.value.decode()
    except UnicodeDecodeError as error:
        return refuse(record, "not_utf8", f"the value is not UTF-8 at byte {error.start}")
    line = orjson.dumps({"snapshot": snapshot, "k_partition": record.partition, "k_offset": record.offset})
    return Row(record, SNAPSHOTS, 0, line)


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


def _line(record: Record, envelope: Envelope, payload: str) -> bytes:
    time, recorded = envelope.time, envelope.recorded_time
    event_ts = _milliseconds(time)
    return orjson.dumps(
        {
            "event_id": envelope.id_text,
            "event_type": envelope.type,
            "source": envelope.source,
            "subject": envelope.subject,
            "correlation_id": envelope.correlation_id,
            "causation_id": envelope.causation_text,
            "event_ts": event_ts,
            "recorded_ts": event_ts if recorded is time else _milliseconds(recorded),
            "k_topic": record.topic,
            "k_partition": record.partition,
            "k_offset": record.offset,
            "payload": payload,
        }
    )


def _milliseconds(at: datetime) -> str:
    return at.isoformat(" ", "milliseconds")[:23]  # its zone is UTC, as the column's is


def _readable_type(headers: Headers) -> str:
    for name, value in headers:
        if name == "ce_type":
            return value.decode(errors="replace")
    return ""
