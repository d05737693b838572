"""How a ticket's events add up to its state. Pure and total."""

from typing import Any

from processors.tickets.devices import GONE
from processors.tickets.folding import changes_of
from schemas.core.message import Event, Message
from schemas.ticket_facets import TicketRequestRefused
from schemas.ticket_parts import TicketDevice, TicketFact, TicketRequest
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

ABOUT_A_TICKET = (
    SubmitIntake, MoveTicket, TicketRequest, TicketOpened, TicketMoved, TicketMoveRefused, TicketRequestRefused,
    TicketFact,
)  # fmt: skip


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket a message is about. A refused intake opens no ticket and changes none."""
    return (message.ticket_id,) if isinstance(message, ABOUT_A_TICKET) else ()


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
        case TicketFact() if ticket is not None and event.version == ticket.version + 1:
            return ticket.model_copy(update={"version": event.version, **changes_of(ticket, event)})
        case _:
            return ticket


def _opened(event: TicketOpened) -> TicketView:
    all_devices = (event.device, *event.more_devices)
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
        devices=tuple(TicketDevice(number=n, device=one) for n, one in enumerate(all_devices, 1))
        if event.more_devices
        else (),
        checks=event.checks,
        links=event.links,
        warranty_began_at=event.warranty_began_at,
        version=1,
        opened_at=event.opened_at,
        moved_at=event.opened_at,
    )


def _moved(ticket: TicketView, event: TicketMoved) -> TicketView:
    evidence = event.evidence
    changes: dict[str, Any] = {
        "state": event.to_state,
        "outcome": _outcome(ticket, event),
        "fault_family": event.evidence.fault_family or ticket.fault_family,
        "payment": _payment(ticket, event),
        "custody": _custody(ticket, event),
        "version": event.version,
        "moved_at": event.moved_at,
    }
    if evidence.bin is not None:
        changes["bin"] = evidence.bin
    if event.to_state == "collected" and ticket.warranty_began_at is None:
        changes["warranty_began_at"] = event.moved_at
    if event.to_state in ("collected", "disposed", "cancelled"):
        changes["devices"] = tuple(
            one if one.stage in GONE else one.model_copy(update={"stage": "returned"}) for one in ticket.devices
        )
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
        return "refunded" if ticket.payment == "refunded" else "paid"
    if event.from_state == "awaiting_deposit" and event.reason == "deposit_paid":
        return "deposit"
    return ticket.payment


def _custody(ticket: TicketView, event: TicketMoved) -> Custody:
    """Who has the device after a move. One that the customer took home meanwhile does not come back by a move."""
    if ticket.custody in ("customer", "courier") and event.from_state not in ("draft", "booked"):
        return "customer" if event.to_state in ("collected", "cancelled") else ticket.custody
    match event.to_state:
        case "draft" | "booked" | "collected" | "cancelled":
            return "customer"
        case "outsourced" | "disposed":
            return "vendor"
        case _:
            return "shop"
