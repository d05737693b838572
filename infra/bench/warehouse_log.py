"""A log for the analytics benchmarks: tickets from opening to collection, of the committed examples' shapes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from connectors.bus.aggregate import Held
from connectors.bus.records import Outgoing, record_of
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.message import Message
from schemas.diagnoses import FaultDiagnosed
from schemas.inventory import PartsCommitted, PartsReserved
from schemas.notifications import NotificationSent
from schemas.quotes import QuoteAccepted, QuotePrepared
from schemas.tickets import TicketMoved, TicketOpened, TicketState, TicketView
from topics.registry import topic_of
from topics.tickets import TICKET_VIEWS

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "examples"
EVENTS_A_TICKET = 12
PATH: tuple[TicketState, ...] = ("received", "triage", "quoted", "approved", "ready", "collected")
SPAN = timedelta(minutes=2)
"""Between one ticket and the next: a shop that takes in 720 devices a day."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket leaves on the log: its events in order, and its view after the last."""

    events: tuple[Outgoing, ...]
    view: Outgoing


def tickets(count: int, seed: int, until: datetime, first: int = 0) -> Iterator[Ticket]:
    """Yield ``count`` tickets from the one numbered ``first`` on; ``until`` is about when number 0 was taken in."""
    for number in range(first, first + count):
        yield _ticket(seed, number, until + number * SPAN)


def _ticket(seed: int, number: int, at: datetime) -> Ticket:
    ticket_id = f"T-{uuid5(NAMESPACE, f'bench/warehouse/{seed}/{number}')}"
    events = tuple(
        _record(message, seed, number, ordinal, at) for ordinal, message in enumerate(_messages(ticket_id, number))
    )
    example = _example(TicketView)
    assert isinstance(example, TicketView)
    view = example.model_copy(
        update={"ticket_id": ticket_id, "state": PATH[-1], "version": len(PATH), "opened_at": at, "moved_at": at}
    )
    envelope = _envelope(view, seed, number, EVENTS_A_TICKET, at)
    value = Held(view, EVENTS_A_TICKET, (envelope.id,)).to_value()
    return Ticket(events, Outgoing(TICKET_VIEWS.name, ticket_id.encode(), value, envelope.to_headers()))


def _messages(ticket_id: str, number: int) -> Iterator[Message]:
    def made(kind: type[Message], name: str = "minimal", **update: Any) -> Message:
        return _example(kind, name).model_copy(update={"ticket_id": ticket_id, **update})

    cents = 3_000 + number * 37 % 40_000
    quote = f"{number:064x}"
    yield made(TicketOpened, state=PATH[0])
    for version, (source, target) in enumerate(pairwise(PATH), start=2):
        yield made(TicketMoved, from_state=source, to_state=target, version=version)
        match target:
            case "triage":
                yield made(FaultDiagnosed)
            case "quoted":
                yield made(QuotePrepared, quote_hash=quote, total_cents=cents)
                yield made(QuoteAccepted, quote_hash=quote, total_cents=cents)
            case "approved":
                yield made(PartsReserved, "full")
            case "ready":
                yield made(PartsCommitted, "full")
                yield made(NotificationSent)
            case _:
                pass


@cache
def _example(kind: type[Message], name: str = "minimal") -> Message:
    path = EXAMPLES / kind.TYPE.removeprefix("noizylab.") / f"{name}.json"
    return kind.model_validate_json(path.read_bytes())


def _record(message: Message, seed: int, number: int, ordinal: int, at: datetime) -> Outgoing:
    return record_of(message, topic_of(message.TYPE).name, _envelope(message, seed, number, ordinal, at))


def _envelope(message: Message, seed: int, number: int, ordinal: int, at: datetime) -> Envelope:
    happened = at + ordinal * timedelta(minutes=1)
    ticket_id = str(message.ticket_id)  # type: ignore[attr-defined]  # every message of this file has one
    return Envelope(
        id=_id(seed, number, ordinal),
        source="/noizylab/bench",
        type=message.TYPE,
        subject=ticket_id,
        time=happened,
        recorded_time=happened,
        correlation_id=ticket_id,
        causation_id=_id(seed, number, ordinal - 1) if ordinal else None,
    )


def _id(seed: int, number: int, ordinal: int) -> UUID:
    return uuid5(NAMESPACE, f"bench/warehouse/{seed}/{number}/{ordinal}")
