"""A wish and all that its answer may look at, and the shapes an answer may have."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from processors.tickets.config import Policy
from processors.tickets.lifecycle import Refusal
from schemas.core.message import Message
from schemas.ticket_parts import TicketFact, TicketRequest
from schemas.tickets import TERMINAL_STATES, TicketView

F = TypeVar("F", bound=TicketFact)

Answer = tuple[Message, ...] | Refusal
"""What is to be published, in order; or why not."""

ALREADY_SO = Refusal("already_so", "Nothing is to be done: the ticket is like that already.")
DUPLICATE = Refusal("duplicate", "Nothing is to be done: this was asked and granted before.")
"""Refusals rather than silence: whoever asked again under a new id waits for an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish about a ticket that exists."""

    request: TicketRequest
    ticket: TicketView
    now: datetime
    policy: Policy

    def fact(self, kind: type[F], /, **fields: Any) -> F:
        """Return the event that the wish leads to, as the ticket's next."""
        return kind(
            ticket_id=self.ticket.ticket_id,
            actor=self.request.actor,
            version=self.ticket.version + 1,
            happened_at=self.now,
            **fields,
        )

    @property
    def closed(self) -> bool:
        """Whether the ticket is in a final state."""
        return self.ticket.state in TERMINAL_STATES
