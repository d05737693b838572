"""Records of the log, hand-made: real envelopes round small bodies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from processors.analytics.batch import Range
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


class ListedLog:
    """A log that is a list of records; it may hold more than was fetched."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records = list(records)
        self.asked: list[tuple[Range, ...]] = []

    async def read(self, ranges: Sequence[Range]) -> list[Record]:
        """Return every record of some ranges."""
        self.asked.append(tuple(ranges))
        return [
            record
            for one in ranges
            for record in self.records
            if record.place[:2] == (one.topic, one.partition) and one.first <= record.offset <= one.last
        ]

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record of a partition will get."""
        return max((one.offset + 1 for one in self.records if one.place[:2] == (topic, partition)), default=0)
