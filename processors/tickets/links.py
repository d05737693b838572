"""What happens between two tickets, and the end of a ticket's text. Pure.

Split and warranty: this ticket checks everything, states it, and sends the new ticket the command to open. Merge:
the source checks and ends, then sends the target what it held; the target can refuse nothing but a stranger. Each
second command has an id derived from the first, so a kill between the two repeats it and changes nothing.
"""

from datetime import datetime, timedelta

from processors.tickets.asked import ALREADY_SO, DUPLICATE, Answer, Asked
from processors.tickets.config import Policy
from processors.tickets.devices import open_devices
from processors.tickets.lifecycle import UNOPENED, Refusal
from processors.tickets.records import texts_length
from schemas.ticket_links import (
    AbsorbTicket,
    ClaimWarranty,
    EraseTicket,
    MergeTickets,
    OpenLinkedTicket,
    SplitTicket,
    TicketAbsorbed,
    TicketErased,
    TicketMerged,
    TicketSplit,
    WarrantyClaimed,
)
from schemas.ticket_parts import LinkKind, TicketLink
from schemas.tickets import MoveEvidence, TicketMoved, TicketView

MERGEABLE = ("draft", "booked", *UNOPENED)
MERGED: LinkKind = "merged_into"
REPAIRED = ("fixed", "partly")


def split(asked: Asked, wish: SplitTicket) -> Answer:
    """Answer a wish to give some devices a ticket of their own; the rest stays."""
    ticket, numbers = asked.ticket, tuple(sorted(set(wish.device_numbers)))
    if linked(ticket, "split_into", wish.new_ticket_id):
        return DUPLICATE
    if asked.closed:
        return Refusal("closed", f"The ticket is {ticket.state}; open a new one for what comes now.")
    here = {one.number: one for one in open_devices(ticket)}
    if missing := [number for number in numbers if number not in here]:
        return Refusal("no_such_device", f"Device {missing[0]} is not on the ticket; read it to see its devices.")
    if len(numbers) == len(here):
        return Refusal("last_device", "All devices would go; leave at least one, or keep the ticket whole.")
    if busy := [number for number in numbers if here[number].stage in ("diagnosing", "repairing")]:
        return Refusal("off_the_bench", f"Device {busy[0]} is {here[busy[0]].stage}; bring it to waiting first.")
    if ticket.hold == "legal":
        return Refusal("legal_hold", "The ticket is on legal hold; release it before devices go elsewhere.")
    going = [here[number].device for number in numbers]
    opening = OpenLinkedTicket(
        ticket_id=wish.new_ticket_id,
        actor=wish.actor,
        workspace_id=ticket.workspace_id,
        customer_id=ticket.customer_id,
        device=going[0],
        more_devices=tuple(going[1:]),
        complaint=ticket.complaint,
        language=ticket.language,
        photos=ticket.photos,
        channel=ticket.channel,
        link=TicketLink(kind="split_from", ticket_id=ticket.ticket_id),
        warranty_began_at=ticket.warranty_began_at,
    )
    fact = asked.fact(TicketSplit, reason=wish.reason, new_ticket_id=wish.new_ticket_id, device_numbers=numbers)
    return (fact, opening)


def merge(asked: Asked, wish: MergeTickets) -> Answer:
    """Answer a wish to end this ticket in favour of another."""
    ticket = asked.ticket
    if linked(ticket, MERGED, wish.into):
        return DUPLICATE
    if wish.into == ticket.ticket_id:
        return Refusal("two_tickets", "A ticket cannot be merged into itself; name another one.")
    if wish.into_workspace_id != ticket.workspace_id:
        return Refusal("same_workspace", "The tickets belong to different workspaces, which never mix.")
    if wish.into_customer_id != ticket.customer_id and not wish.forced:
        detail = "The tickets are of different customers; make sure that it is one person, then force the merge."
        return Refusal("same_customer", detail)
    if ticket.hold == "legal":
        return Refusal("legal_hold", "The ticket is on legal hold; release it before the ticket ends.")
    if ticket.state not in MERGEABLE:
        detail = f"The ticket is {ticket.state}; only one on which no work was done goes on in another."
        return Refusal("no_work_done", detail)
    if ticket.payments:
        return Refusal("no_payments", "Money is booked on this ticket; refund it and book it on the other one first.")
    moved = TicketMoved(
        ticket_id=ticket.ticket_id,
        from_state=ticket.state,
        to_state="cancelled",
        reason=MERGED,
        actor=wish.actor,
        evidence=MoveEvidence(reason_code="duplicate_ticket"),
        version=ticket.version + 2,
        moved_at=asked.now,
    )
    absorb = AbsorbTicket(
        ticket_id=wish.into,
        actor=wish.actor,
        source_id=ticket.ticket_id,
        source_workspace_id=ticket.workspace_id,
        notes=ticket.notes,
        files=ticket.files,
    )
    return (asked.fact(TicketMerged, reason=wish.reason, into=wish.into, forced=wish.forced), moved, absorb)


def absorb(asked: Asked, wish: AbsorbTicket) -> Answer:
    """Take over what a merged ticket held, each piece marked with where it came from.

    Also when this ticket was closed in between: the source has ended, and nothing it held may be lost.
    """
    ticket = asked.ticket
    if linked(ticket, "merged_from", wish.source_id):
        return DUPLICATE
    if wish.source_workspace_id != ticket.workspace_id:
        return Refusal("same_workspace", "The tickets belong to different workspaces, which never mix.")
    have = {note.note_id for note in ticket.notes} | {file.file_id for file in ticket.files}
    origin = {"from_ticket": wish.source_id}
    notes = tuple(
        note.model_copy(update=origin if note.from_ticket is None else {})
        for note in wish.notes
        if note.note_id not in have
    )
    files = tuple(
        file.model_copy(update=origin if file.from_ticket is None else {})
        for file in wish.files
        if file.file_id not in have
    )
    if texts_length(ticket.notes) + texts_length(notes) > asked.policy.texts_max:
        notes = ()  # they stay readable on the ticket that ended, which is linked
    return (asked.fact(TicketAbsorbed, source_id=wish.source_id, notes=notes, files=files),)


def claim_warranty(asked: Asked, wish: ClaimWarranty) -> Answer:
    """Answer a claim. Any number may follow each other; the time runs from the first collection."""
    ticket = asked.ticket
    if linked(ticket, "warranty_claim", wish.new_ticket_id):
        return DUPLICATE
    if ticket.state != "collected" or ticket.warranty_began_at is None:
        return Refusal("collected", f"The ticket is {ticket.state}; a warranty begins when the device is collected.")
    if ticket.outcome not in REPAIRED:
        return Refusal("repaired", f"The outcome was {ticket.outcome}; where nothing was repaired, nothing is covered.")
    if wish.cause == "new_damage":
        return Refusal("covered_cause", "New damage is not covered; take the device in as an ordinary repair.")
    until = warranty_until(ticket.warranty_began_at, wish.repair_line, asked.policy)
    if asked.now > until:
        detail = f"The warranty of {wish.repair_line} ended on {until:%Y-%m-%d}; take it in as an ordinary repair."
        return Refusal("in_warranty", detail)
    opening = OpenLinkedTicket(
        ticket_id=wish.new_ticket_id,
        actor=wish.actor,
        workspace_id=ticket.workspace_id,
        customer_id=ticket.customer_id,
        device=ticket.device,
        complaint=wish.complaint,
        language=ticket.language,
        channel="counter",
        link=TicketLink(kind="warranty_of", ticket_id=ticket.ticket_id),
        warranty_began_at=ticket.warranty_began_at,
    )
    fact = asked.fact(
        WarrantyClaimed,
        new_ticket_id=wish.new_ticket_id,
        repair_line=wish.repair_line,
        cause=wish.cause,
        covered_until=until,
    )
    return (fact, opening)


def warranty_until(began_at: datetime, repair_line: str, policy: Policy) -> datetime:
    """Return until when a repaired line is covered."""
    return began_at + timedelta(days=policy.warranty_days_by_line.get(repair_line, policy.warranty_days))


def erase(asked: Asked, wish: EraseTicket) -> Answer:
    """Answer a wish to forget. What the shop still works on, or a court still asks for, is kept."""
    ticket = asked.ticket
    if ticket.erased_at is not None:
        return ALREADY_SO
    if ticket.hold == "legal":
        return Refusal("legal_hold", "The ticket is on legal hold and must be kept; release the hold first.")
    if not asked.closed and ticket.state not in ("draft", "booked"):
        detail = f"The ticket is {ticket.state} and the shop may have the device; end the ticket first."
        return Refusal("ended", detail)
    return (asked.fact(TicketErased, reason=wish.reason, forget_customer=wish.forget_customer),)


def linked(ticket: TicketView, kind: LinkKind, ticket_id: str) -> bool:
    """Whether the two tickets are linked this way already."""
    return TicketLink(kind=kind, ticket_id=ticket_id) in ticket.links
