"""The chain that the bus is measured with: A -> B -> C over four topics, B with an aggregate.

It is made of types and topics of the shop that have the same shape, a refusal with a reason: what an event costs is
what an event of the shop costs. A run therefore needs a cluster of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.records import Outgoing, record_of
from schemas.core.envelope import NAMESPACE, Envelope, derived_id
from schemas.core.message import Event
from schemas.core.outcome import Emit, Outcome
from schemas.diagnoses import DiagnosisAbstained
from schemas.inspections import BoardInspectionRefused
from schemas.notifications import NotificationFailed, OutboxEntry, OutboxView
from schemas.tickets import IntakeRefused
from topics.diagnoses import DIAGNOSIS_EVENTS
from topics.inspections import INSPECTION_EVENTS
from topics.notifications import NOTIFICATION_EVENTS, NOTIFICATION_VIEWS
from topics.registry import dead_letters
from topics.tickets import TICKET_EVENTS
from topics.topic import Topic

VALUE_BYTES = 424
"""About the size of a value: the median of the shop's events."""

HOPS: tuple[Topic, ...] = (TICKET_EVENTS, INSPECTION_EVENTS, NOTIFICATION_EVENTS, DIAGNOSIS_EVENTS)
"""The topics from the first input to the last output."""

VIEWS = NOTIFICATION_VIEWS


@dataclass(frozen=True, slots=True)
class Link:
    """A stage of the chain: a processor's name, what it emits, and how it is wired."""

    processor: str
    emits: type[Event]
    wire: Callable[[App], None]

    @property
    def group(self) -> str:
        """The consumer group of the stage."""
        return f"noizylab.{self.processor}"


def _wire_a(app: App) -> None:
    @app.agent(TICKET_EVENTS, emits=INSPECTION_EVENTS, expects=[IntakeRefused])
    async def hand_on(event: IntakeRefused, envelope: Envelope) -> Outcome:
        return Emit.of(after_a(event))


def _wire_b(app: App) -> None:
    @app.agent(
        INSPECTION_EVENTS,
        emits=NOTIFICATION_EVENTS,
        state=Aggregate(NOTIFICATION_VIEWS, _evolve),
        expects=[BoardInspectionRefused],
    )
    async def keep(event: BoardInspectionRefused, envelope: Envelope, view: OutboxView | None) -> Outcome:
        return Emit.of(after_b(event, str(envelope.id)))


def _wire_c(app: App) -> None:
    @app.agent(NOTIFICATION_EVENTS, emits=DIAGNOSIS_EVENTS, expects=[NotificationFailed])
    async def end(event: NotificationFailed, envelope: Envelope) -> Outcome:
        return Emit.of(after_c(event))


CHAIN: tuple[Link, ...] = (
    Link("bench-a", BoardInspectionRefused, _wire_a),
    Link("bench-b", NotificationFailed, _wire_b),
    Link("bench-c", DiagnosisAbstained, _wire_c),
)
LINKS = {link.processor[-1]: link for link in CHAIN}
TOPICS: tuple[Topic, ...] = (*HOPS, VIEWS, *(dead_letters(link.processor) for link in CHAIN))


def after_a(event: IntakeRefused) -> BoardInspectionRefused:
    """Return what stage A makes of its input."""
    return BoardInspectionRefused(
        ticket_id=event.ticket_id, reason=event.reason, detail=event.detail, refused_at=event.refused_at
    )


def after_b(event: BoardInspectionRefused, notification_id: str) -> NotificationFailed:
    """Return what stage B makes of its input; ``notification_id`` names the input in the view."""
    return NotificationFailed(
        ticket_id=event.ticket_id,
        notification_id=notification_id,
        template="bench",
        reason=event.reason,
        detail=event.detail,
        failed_at=event.refused_at,
    )


def after_c(event: NotificationFailed) -> DiagnosisAbstained:
    """Return what stage C makes of its input."""
    return DiagnosisAbstained(
        ticket_id=event.ticket_id,
        reason=event.reason,
        detail=event.detail,
        engine="bench",
        abstained_at=event.failed_at,
    )


def _evolve(view: OutboxView | None, event: Event) -> OutboxView:
    assert isinstance(event, NotificationFailed)
    entry = OutboxEntry(notification_id=event.notification_id, template=event.template, status="failed")
    return OutboxView(ticket_id=event.ticket_id, entries=(*(view.entries if view else ()), entry))


def first_id(seed: int, number: int) -> UUID:
    """Return the id of an input."""
    return uuid5(NAMESPACE, f"bench/{seed}/{number}")


def next_id(stage: int, cause: UUID) -> UUID:
    """Return the id of what a stage (0, 1, 2) makes of the record ``cause``."""
    link = CHAIN[stage]
    return derived_id(cause, link.processor, link.emits.TYPE, 0)


def ticket(key: int) -> str:
    """Return the ticket with a number."""
    return f"T-bench-{key:06d}"


def first_record(seed: int, number: int, ticket_id: str, now: datetime) -> Outgoing:
    """Return the record of an input of :data:`VALUE_BYTES`."""
    fixed = IntakeRefused(ticket_id=ticket_id, reason="bench", detail="", refused_at=now)
    text = f"event {number} of seed {seed} "
    room = VALUE_BYTES - len(fixed.to_json())
    event = fixed.model_copy(update={"detail": (text * (room // len(text) + 1))[:room]})
    envelope = Envelope(
        id=first_id(seed, number),
        source="/noizylab/bench",
        type=event.TYPE,
        subject=ticket_id,
        time=now,
        recorded_time=now,
        correlation_id=ticket_id,
    )
    return record_of(event, TICKET_EVENTS.name, envelope)
