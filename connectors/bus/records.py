"""What goes to and comes from the log, independent of any client library."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from schemas.core.envelope import Envelope, Headers
from schemas.core.message import Message


@dataclass(frozen=True, slots=True)
class Fetched:
    """One record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to write. ``partition`` None lets the key decide (murmur2, as every Kafka client does)."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers
    partition: int | None = None


class Publisher(Protocol):
    """Writes records and answers when every one of them is acknowledged by all in-sync replicas."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write ``records``; those of one key arrive in this order."""
        ...


def record_of(message: Message, topic: str, envelope: Envelope) -> Outgoing:
    """Return the record of a message under its envelope; the subject is the key."""
    return Outgoing(topic, envelope.subject.encode(), message.to_json(), envelope.to_headers())


def caused_envelope(
    *, message_type: str, message_id: UUID, subject: str, processor: str, cause: Envelope, now: datetime
) -> Envelope:
    """Return the envelope of a message that ``cause`` led ``processor`` to."""
    return Envelope(
        id=message_id,
        source=f"/noizylab/{processor}",
        type=message_type,
        subject=subject,
        time=now,
        recorded_time=now,
        correlation_id=cause.correlation_id,
        causation_id=cause.id,
        traceparent=cause.traceparent,
    )
