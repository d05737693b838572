"""What the passcodes take from the events of tickets. The one place that knows them. Pure."""

from schemas.core.message import Message
from schemas.passcodes import EndPasscode, PurgePasscode
from schemas.ticket_links import TicketErased
from schemas.tickets import TERMINAL_STATES, TicketMoved

FOLLOWED: tuple[type[Message], ...] = (TicketMoved, TicketErased)
"""The events that end a passcode; each is translated in :func:`end_of`."""


def end_of(event: Message) -> EndPasscode | PurgePasscode | None:
    """Return what an event of a ticket means for its passcode, or None when it means nothing."""
    if isinstance(event, TicketMoved) and event.to_state in TERMINAL_STATES:
        return EndPasscode(ticket_id=event.ticket_id, ended_at=event.moved_at)
    if isinstance(event, TicketErased):
        return PurgePasscode(ticket_id=event.ticket_id, reason="erased")
    return None
