"""One record of the log as one JSON line for the warehouse. The record's JSON is carried, never decoded."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from schemas.core.envelope import Envelope, EnvelopeError

Headers = Sequence[tuple[str, bytes]]

RefusalReason = Literal["bad_envelope", "implausible_time", "not_utf8", "no_data", "poison_row"]

# The bounds of the table's constraint `event_ts_plausible`: a clock that is wrong by decades would make a partition
# of its own, or be expired on arrival.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log as it was read: raw headers (CloudEvents binary mode), raw value."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    value: bytes


@dataclass(frozen=True, slots=True)
class EventRow:
    """A line for the table ``events``. ``month`` is its partition there, as YYYYMM in UTC."""

    offset: int
    month: int
    line: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line for ``events_dlq``: the record as it was, and why it is no event."""

    offset: int
    reason: RefusalReason
    detail: str
    line: bytes


def event_row(record: Record) -> EventRow | Refusal:
    """Return the row of a record, or its refusal. The same record gives the same bytes at any time.

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
        payload = record.value.decode()
    except UnicodeDecodeError as error:
        return refuse(record, "not_utf8", f"the value is not UTF-8 at byte {error.start}")
    return EventRow(record.offset, envelope.time.year * 100 + envelope.time.month, _line(record, envelope, payload))


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
    return Refusal(record.offset, reason, detail, line)


def _line(record: Record, envelope: Envelope, payload: str) -> bytes:
    return orjson.dumps(
        {
            "event_id": str(envelope.id),
            "event_type": envelope.type,
            "source": envelope.source,
            "subject": envelope.subject,
            "correlation_id": envelope.correlation_id,
            "causation_id": None if envelope.causation_id is None else str(envelope.causation_id),
            "event_ts": _milliseconds(envelope.time),
            "recorded_ts": _milliseconds(envelope.recorded_time),
            "k_topic": record.topic,
            "k_partition": record.partition,
            "k_offset": record.offset,
            "payload": payload,
        }
    )


def _milliseconds(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"


def _readable_type(headers: Headers) -> str:
    for name, value in headers:
        if name == "ce_type":
            return value.decode(errors="replace")
    return ""
