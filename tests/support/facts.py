"""Records of the log, hand-made: real envelopes round small bodies."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from processors.analytics.rows import Record
from schemas.core.envelope import Envelope

_TEST_IDS = UUID("00000000-0000-5000-8000-000000000000")


def fact(
    kind: str, at: datetime, offset: int, ticket: str = "T-0001", topic: str = "tickets.events.v1", **data: Any
) -> Record:
    """Return the record of ``noizylab.<kind>.v1``; its id is derived from the offset."""
    envelope = Envelope(
        id=uuid5(_TEST_IDS, f"{topic}/{offset}"),
        source="/test",
        type=f"noizylab.{kind}.v1",
        subject=ticket,
        time=at,
        recorded_time=at,
        correlation_id=ticket,
    )
    return Record(topic, 0, offset, envelope.to_headers(), orjson.dumps({"ticket_id": ticket, **data}))


def again(record: Record, offset: int) -> Record:
    """Return the same event under another offset, as at-least-once delivery writes it."""
    return Record(record.topic, record.partition, offset, record.headers, record.value)
