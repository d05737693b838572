"""The made-up events as records of the log, as their owners would have written them."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid5

from connectors.bus.aggregate import Held
from connectors.bus.records import Outgoing
from processors.tickets.state import evolve
from schemas.core.envelope import NAMESPACE, Envelope, caused_headers, derived_id, derived_text
from schemas.core.message import Message
from schemas.core.time import rfc3339
from schemas.ticket_parts import TicketFact
from schemas.tickets import TicketMoved, TicketOpened, TicketView
from topics.registry import topic_of
from topics.tickets import TICKET_VIEWS

MADE_UP = "noizylab analytics seed"
"""``ce_authid`` of what begins each chain, so that what was made up can be told from what happened."""

Told = list[tuple[datetime, Message]]


class Records:
    """Makes records with ids that follow from the seed."""

    def __init__(self, seed: int) -> None:
        self._root = uuid5(NAMESPACE, f"year/{seed}")

    def name(self, kind: str, number: int) -> UUID:
        """Return the id of the numbered thing of a kind."""
        return derived_id(self._root, "year", kind, number)

    def events(self, told: Told, correlation: str) -> Iterator[tuple[datetime, Outgoing]]:
        """Yield the records of events that belong together, each with its time; the first has caused the others."""
        cause: Envelope | None = None
        for number, (at, message) in enumerate(told):
            topic = topic_of(message.TYPE)
            subject = str(getattr(message, topic.key))
            if cause is None:
                cause = self._first(message, subject, at, correlation)
                headers = cause.to_headers()
            else:
                named = derived_text(cause.id_text, topic.owner, message.TYPE, number)
                time = rfc3339(at).encode()
                headers = caused_headers(_source(topic.owner), message.TYPE, named, subject.encode(), time, cause)
            yield at, Outgoing(topic.name, subject.encode(), message.to_json(), headers)

    def view(self, told: Told) -> tuple[datetime, Outgoing] | None:
        """Return the record of a ticket's view after some of its story, and its time; None while it is not open."""
        ticket: TicketView | None = None
        count = 0
        for at, event in told:
            if isinstance(event, TicketOpened | TicketMoved | TicketFact):
                ticket, count, last = evolve(ticket, event), count + 1, at
        if ticket is None:
            return None
        envelope = self._first(ticket, ticket.ticket_id, last, ticket.ticket_id)
        value = Held(ticket, count, (envelope.id,)).to_value()
        return last, Outgoing(TICKET_VIEWS.name, ticket.ticket_id.encode(), value, envelope.to_headers())

    def _first(self, message: Message, subject: str, at: datetime, correlation: str) -> Envelope:
        return Envelope(
            id=derived_id(self._root, correlation, message.TYPE, 0),
            source=_source(topic_of(message.TYPE).owner),
            type=message.TYPE,
            subject=subject,
            time=at,
            recorded_time=at,
            correlation_id=correlation,
            auth_type="system",
            auth_id=MADE_UP,
        )


def _source(owner: str) -> str:
    return f"/noizylab/{owner}"
