"""How a ticket's events add up to its state. Pure and total."""

from typing import Any

from schemas.core.message import Event, Message
from schemas.tickets import (
    Custody,
    MoveTicket,
    Payment,
    RepairOutcome,
    SubmitIntake,
    TicketMoved,
    TicketMoveRefused,
    TicketOpened,
    TicketView,
)


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket a message is about. A refused intake opens no ticket and changes none."""
    if isinstance(message, SubmitIntake | MoveTicket | TicketOpened | TicketMoved | TicketMoveRefused):
        return (message.ticket_id,)
    return ()


def evolve_one(_key: str, ticket: TicketView | None, event: Event) -> TicketView:
    """Return the ticket after an event that ``keys_of`` ties to it.

    Raises:
        ValueError: the event is about a ticket that was never opened; the log is not complete.
    """
    after = evolve(ticket, event)
    if after is None:
        raise ValueError(f"{event.TYPE} comes before the ticket was opened; read its events from the start")
    return after


def evolve(ticket: TicketView | None, event: Event) -> TicketView | None:
    """Return the ticket after ``event``; None while none is open. An event that does not fit changes nothing."""
    match event:
        case TicketOpened() if ticket is None:
            return _opened(event)
        case TicketMoved() if ticket is not None and event.version == ticket.version + 1:
            return _moved(ticket, event)
        case _:
            return ticket


def _opened(event: TicketOpened) -> TicketView:
    return TicketView(
        ticket_id=event.ticket_id,
        workspace_id=event.workspace_id,
        customer_id=event.customer_id,
        state=event.state,
        custody="shop" if event.state == "received" else "customer",
        device=event.device,
        complaint=event.complaint,
        language=event.language,
        photos=event.photos,
        channel=event.channel,
        pre_approved_cents=event.pre_approved_cents,
        version=1,
        opened_at=event.opened_at,
        moved_at=event.opened_at,
    )


def _moved(ticket: TicketView, event: TicketMoved) -> TicketView:
    evidence = event.evidence
    changes: dict[str, Any] = {
        "state": event.to_state,
        "outcome": _outcome(ticket, event),
        "payment": _payment(ticket, event),
        "custody": _custody(event),
        "version": event.version,
        "moved_at": event.moved_at,
    }
    if evidence.bin is not None:
        changes["bin"] = evidence.bin
    if evidence.quote_hash is not None:
        changes["quote_hash"] = evidence.quote_hash
        changes["quote_total_cents"] = evidence.quote_total_cents
        changes["quote_valid_until"] = evidence.quote_valid_until
    return ticket.model_copy(update=changes)


def _outcome(ticket: TicketView, event: TicketMoved) -> RepairOutcome | None:
    if event.evidence.outcome is not None:
        return event.evidence.outcome
    if event.to_state == "declined":
        return "declined"
    if (event.from_state, event.to_state) == ("qc", "ready"):
        return "fixed"
    # A ticket that goes back to work has no outcome yet.
    return None if event.to_state in ("diagnosing", "rework") else ticket.outcome


def _payment(ticket: TicketView, event: TicketMoved) -> Payment:
    evidence = event.evidence
    if event.to_state == "collected" and evidence.balance_cents == 0:
        return "paid"
    if event.from_state == "awaiting_deposit" and event.reason == "deposit_paid":
        return "deposit"
    return ticket.payment


def _custody(event: TicketMoved) -> Custody:
    match event.to_state:
        case "draft" | "booked" | "collected" | "cancelled":
            return "customer"
        case "outsourced" | "disposed":
            return "vendor"
        case _:
            return "shop"
