"""What a ticket answers to an intake or a move. Pure and total."""

from datetime import datetime

from processors.tickets.checks import checks_for
from processors.tickets.config import Policy
from processors.tickets.devices import devices_of
from processors.tickets.guards import Situation
from processors.tickets.imei import imei_fault
from processors.tickets.lifecycle import WAYS, Refusal, refusal_of
from processors.tickets.requests import answer
from processors.tickets.standing import standing_refusal
from processors.tickets.visits import visits_of
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.ticket_links import OpenLinkedTicket
from schemas.ticket_parts import TicketRequest
from schemas.tickets import (
    IntakeRefused,
    MoveTicket,
    SubmitIntake,
    TicketMoved,
    TicketMoveRefused,
    TicketOpened,
    TicketView,
)


def decide(command: Message, ticket: TicketView | None, now: datetime, policy: Policy) -> Outcome:
    """Answer a command about one ticket; ``ticket`` is None while there is none.

    Where devices come or go, their histories are told: commands for ``devices`` follow the ticket's events.

    What a person can put right is a refusal event that says how. A move of a ticket that does not exist is a
    reject: no correct client sends it, and an event would state something about a ticket that never was.
    """
    outcome = _decide(command, ticket, now, policy)
    return Emit((*outcome.messages, *visits_of(ticket, outcome.messages))) if isinstance(outcome, Emit) else outcome


def _decide(command: Message, ticket: TicketView | None, now: datetime, policy: Policy) -> Outcome:
    match command:
        case SubmitIntake():
            return _take_in(command, ticket, now, policy)
        case OpenLinkedTicket():
            return _open_linked(command, ticket, now)
        case TicketRequest():
            return answer(command, ticket, now, policy)
        case MoveTicket():
            return _move(command, ticket, now, policy)
        case _:
            return Reject("unknown_command", f"tickets does not handle {command.TYPE}")


def _take_in(intake: SubmitIntake, ticket: TicketView | None, now: datetime, policy: Policy) -> Outcome:
    if ticket is not None:
        if _same_content(intake, ticket):
            return Drop("duplicate")
        return _refuse(
            intake,
            "ticket_exists",
            "A ticket with this id was opened with other content; correct that ticket, or open one with a new id.",
            now,
        )
    fault = _intake_fault(intake, policy)
    if fault is not None:
        return _refuse(intake, *fault, now)
    return Emit.of(
        TicketOpened(
            ticket_id=intake.ticket_id,
            workspace_id=intake.workspace_id,
            customer_id=intake.customer_id,
            state="received",
            device=intake.device,
            complaint=intake.complaint,
            language=intake.language,
            photos=intake.photos,
            no_photos_reason=intake.no_photos_reason,
            channel=intake.channel,
            consent_version=intake.consent_version,
            pre_approved_cents=intake.pre_approved_cents,
            more_devices=intake.more_devices,
            checks=checks_for(intake.device, *intake.more_devices),
            opened_at=now,
        )
    )


def _open_linked(wish: OpenLinkedTicket, ticket: TicketView | None, now: datetime) -> Outcome:
    """Open what another ticket has checked; only a ticket of the same id, from elsewhere, can be in the way."""
    if ticket is not None:
        if wish.link in ticket.links:
            return Drop("duplicate")
        return Reject("ticket_exists", f"{wish.ticket_id} was opened as something else; split or claim with a new id")
    fields = wish.model_dump(exclude={"actor", "expected_version", "link"})
    return Emit.of(
        TicketOpened.model_validate(
            {
                **fields,
                "state": "received",
                "no_photos_reason": None if wish.photos else "linked_ticket",
                "consent_version": f"as {wish.link.ticket_id}",
                "links": (wish.link,),
                "checks": checks_for(wish.device, *wish.more_devices),
                "opened_at": now,
            }
        )
    )


def _intake_fault(intake: SubmitIntake, policy: Policy) -> tuple[str, str] | None:
    """Return reason and detail of the first thing that is missing. Consent comes first: without it nothing is kept."""
    if not intake.consent_version.strip():
        return "consent_missing", "No consent is recorded; let the customer read and accept the terms first."
    for device in (intake.device, *intake.more_devices):
        if device.imei is not None and (fault := imei_fault(device.imei)) is not None:
            return "imei_invalid", fault
    have = len(intake.photos)
    if have < policy.min_photos and intake.no_photos_reason is None:
        return (
            "photos_missing",
            f"{have} of {policy.min_photos} photos were taken; take the rest, or choose a reason why there are none.",
        )
    return None


def _same_content(intake: SubmitIntake, ticket: TicketView) -> bool:
    return (
        intake.workspace_id == ticket.workspace_id
        and intake.customer_id == ticket.customer_id
        and intake.device == ticket.device
        and intake.complaint == ticket.complaint
        and intake.language == ticket.language
        and intake.photos == ticket.photos
        and intake.channel == ticket.channel
        and intake.pre_approved_cents == ticket.pre_approved_cents
        and (intake.device, *intake.more_devices) == tuple(one.device for one in devices_of(ticket))
    )


def _refuse(intake: SubmitIntake, reason: str, detail: str, now: datetime) -> Outcome:
    refused = IntakeRefused(
        ticket_id=intake.ticket_id, workspace_id=intake.workspace_id, reason=reason, detail=detail, refused_at=now
    )
    return Emit.of(refused)


def _move(move: MoveTicket, ticket: TicketView | None, now: datetime, policy: Policy) -> Outcome:
    if ticket is None:
        return Reject("no_such_ticket", f"there is no ticket {move.ticket_id}, so it cannot move to {move.to}")
    if move.to == ticket.state and not _brings_another_quote(move, ticket):
        return Drop("already_there")
    refusal = _refusal(move, ticket, now, policy)
    if refusal is not None:
        return Emit.of(
            TicketMoveRefused(
                ticket_id=move.ticket_id,
                from_state=ticket.state,
                to_state=move.to,
                guard=refusal.guard,
                detail=refusal.detail,
                actor=move.actor,
                refused_at=now,
            )
        )
    return Emit.of(
        TicketMoved(
            ticket_id=move.ticket_id,
            from_state=ticket.state,
            to_state=move.to,
            reason=move.reason,
            actor=move.actor,
            evidence=move.evidence,
            version=ticket.version + 1,
            moved_at=now,
        )
    )


def _refusal(move: MoveTicket, ticket: TicketView, now: datetime, policy: Policy) -> Refusal | None:
    """The facets come before the guards of a way, because no evidence at the move can mend them."""
    standing = standing_refusal(ticket, move.to) if (ticket.state, move.to) in WAYS else None
    if standing is not None:
        return Refusal(*standing)
    return refusal_of(Situation(ticket, move.evidence, now, policy), move.to)


def _brings_another_quote(move: MoveTicket, ticket: TicketView) -> bool:
    """A quoted ticket whose quote changed moves from quoted to quoted: the answer must be bound to the new one."""
    return move.to == "quoted" and move.evidence.quote_hash not in (None, ticket.quote_hash)
