"""Every wish to change a ticket beside its moves: what is asked of all, and who answers which. Pure and total."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from processors.tickets import devices, facets, links, records
from processors.tickets.asked import DUPLICATE, Answer, Asked
from processors.tickets.config import Policy
from processors.tickets.lifecycle import Refusal
from schemas import ticket_devices as d
from schemas import ticket_facets as f
from schemas import ticket_links as k
from schemas import ticket_records as r
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.ticket_parts import TicketRequest
from schemas.tickets import TicketView


def answer(request: TicketRequest, ticket: TicketView | None, now: datetime, policy: Policy) -> Outcome:
    """Answer a wish about a ticket that was opened; what a person can put right is a refusal event that says how."""
    if ticket is None:
        return Reject("no_such_ticket", f"there is no ticket {request.ticket_id}; {request.TYPE} has nothing to change")
    asked = Asked(request, ticket, now, policy)
    answered = _ANSWERS[type(request)](asked, request)
    if isinstance(answered, tuple):
        answered = _refusal_of_all(asked) or answered
    if answered is DUPLICATE and isinstance(request, k.AbsorbTicket):
        return Drop(DUPLICATE.guard)  # a ticket sent it, which waits for nothing
    if isinstance(answered, Refusal):
        return Emit.of(
            f.TicketRequestRefused(
                ticket_id=ticket.ticket_id,
                asked=request.TYPE,
                guard=answered.guard,
                detail=answered.detail,
                actor=request.actor,
                refused_at=now,
            )
        )
    return Emit(answered)


def _refusal_of_all(asked: Asked) -> Refusal | None:
    """What stops every change. It comes last, so that a wish that was granted before is a duplicate, not a conflict."""
    ticket, expected = asked.ticket, asked.request.expected_version
    if ticket.erased_at is not None:
        return Refusal("erased", f"The ticket was erased on {ticket.erased_at:%Y-%m-%d}; nothing is added to it.")
    if expected is not None and expected != ticket.version:
        detail = f"The ticket is at version {ticket.version}, not {expected}; read it again and repeat what still fits."
        return Refusal("version_conflict", detail)
    return None


_ANSWERS: dict[type[TicketRequest], Callable[[Asked, Any], Answer]] = {
    f.SetHold: facets.set_hold,
    f.ReleaseHold: facets.release_hold,
    f.RecordPayment: facets.record_payment,
    f.MoveCustody: facets.move_custody,
    r.AmendTicket: records.amend,
    r.AssignTicket: records.assign,
    r.AddNote: records.add_note,
    r.EditNote: records.edit_note,
    r.WithdrawNote: records.withdraw_note,
    r.AttachFile: records.attach,
    r.DetachFile: records.detach,
    d.AddDevice: devices.add_device,
    d.RemoveDevice: devices.remove_device,
    d.MoveDevice: devices.move_device,
    k.SplitTicket: links.split,
    k.MergeTickets: links.merge,
    k.AbsorbTicket: links.absorb,
    k.ClaimWarranty: links.claim_warranty,
    k.EraseTicket: links.erase,
}
REQUESTS = tuple(_ANSWERS)
"""All wishes about a ticket that exists."""
