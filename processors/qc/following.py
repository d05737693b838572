"""What the events of tickets and of vision mean for the checks. Pure."""

from uuid import UUID

from schemas.core.message import Command, Message
from schemas.inspections import BoardInspected, BoardInspectionRefused
from schemas.qc import NoteBounce, NoteLeftCheck, TakeBoardVerdict
from schemas.ticket_links import WarrantyClaimed
from schemas.tickets import TicketMoved

FOLLOWED = (TicketMoved, WarrantyClaimed, BoardInspected, BoardInspectionRefused)
OUR_FAULT = ("part", "workmanship", "unknown")
"""Causes of a claim that say something about the repair; new damage does not."""


def followed(event: Message, cause: UUID | None) -> Command | None:
    """Return what an event asks of the checks; None when that is nothing. ``cause``: what the event answers."""
    match event:
        case TicketMoved(from_state="qc"):
            return NoteLeftCheck(ticket_id=event.ticket_id, to_state=event.to_state, actor=event.actor)
        case TicketMoved(from_state="ready", to_state="rework"):
            return NoteBounce(ticket_id=event.ticket_id, how="rework")
        case WarrantyClaimed() if event.cause in OUR_FAULT:
            return NoteBounce(ticket_id=event.ticket_id, how="warranty")
        case BoardInspected() if cause is not None:
            return TakeBoardVerdict(ticket_id=event.ticket_id, in_reply_to=cause, inspected=event)
        case BoardInspectionRefused() if cause is not None:
            return TakeBoardVerdict(ticket_id=event.ticket_id, in_reply_to=cause, refused=event)
        case _:
            return None
