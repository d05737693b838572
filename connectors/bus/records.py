"""What goes to and comes from the log, independent of any client library."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from connectors.clock.clock import Clock
from schemas.core.envelope import Envelope, Headers
from schemas.core.message import Message
from schemas.core.trace import began, is_traceparent
from topics.registry import topic_of


@dataclass(slots=True)
class Fetched:
    """One record as it lies in the log. Not to be changed: frozen it would take four times as long to make."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class Outgoing:
    """One record to write, not to be changed. ``partition`` None lets the key decide, as every Kafka client does."""

    topic: str
    key: bytes | None
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


def command_record(
    message: Message,
    *,
    source: str,
    now: datetime,
    correlation_id: str,
    message_id: UUID,
    causation_id: UUID | None = None,
    auth_type: str | None = None,
    auth_id: str | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> Outgoing:
    """Return the record of a message that begins a chain: an edge, a timer or a person sent it.

    It goes on with the caller's trace when ``traceparent`` is one, else with the trace of its correlation id.
    """
    topic = topic_of(message.TYPE)
    given = traceparent is not None and is_traceparent(traceparent)
    envelope = Envelope(
        id=message_id,
        source=f"/noizylab/{source}",
        type=message.TYPE,
        subject=str(getattr(message, topic.key)),
        time=now,
        recorded_time=now,
        correlation_id=correlation_id,
        causation_id=causation_id,
        traceparent=traceparent if given else began(correlation_id, message_id),
        auth_type=auth_type,
        auth_id=auth_id,
        tracestate=tracestate if given else None,
    )
    return record_of(message, topic.name, envelope)


class EdgeSender:
    """Sends commands from outside of any worker: a kiosk, a tool, a benchmark."""

    def __init__(self, source: str, publisher: Publisher, clock: Clock) -> None:
        self._source, self._publisher, self._clock = source, publisher, clock

    async def send(self, message: Message, *, correlation_id: str, id: UUID) -> UUID:  # noqa: A002 - CloudEvents' name
        """Return the id once the log has acknowledged the command."""
        now = self._clock.now()
        await self._publisher.publish(
            [command_record(message, source=self._source, now=now, correlation_id=correlation_id, message_id=id)]
        )
        return id
