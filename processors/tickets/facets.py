"""The facets of a ticket as wishes: hold, payment, custody. Pure."""

from collections.abc import Sequence

from processors.tickets.asked import ALREADY_SO, DUPLICATE, Answer, Asked
from processors.tickets.lifecycle import ON_THE_BENCH, Refusal
from schemas.ticket_facets import (
    CustodyMoved,
    HoldReleased,
    HoldSet,
    MoveCustody,
    PaymentRecorded,
    RecordPayment,
    ReleaseHold,
    SetHold,
)
from schemas.ticket_parts import PaymentRecord
from schemas.tickets import Payment


def set_hold(asked: Asked, wish: SetHold) -> Answer:
    """Answer a wish to put a ticket on hold. After the end only a legal hold has a meaning: it keeps the record."""
    if wish.hold == "none":
        return Refusal("hold_named", "A hold is somebody's; to let work go on, release the hold.")
    if asked.closed and wish.hold != "legal":
        return Refusal("closed", f"The ticket is {asked.ticket.state}; only a legal hold can still be set.")
    if asked.ticket.hold == wish.hold:
        return ALREADY_SO
    if asked.ticket.hold == "legal":
        return Refusal("legal_hold", "A legal hold is not changed into another; release it first, and say why.")
    return (asked.fact(HoldSet, reason=wish.reason, hold=wish.hold, before=asked.ticket.hold),)


def release_hold(asked: Asked, wish: ReleaseHold) -> Answer:
    """Answer a wish to let work go on."""
    if asked.ticket.hold == "none":
        return ALREADY_SO
    return (asked.fact(HoldReleased, reason=wish.reason, before=asked.ticket.hold),)


def record_payment(asked: Asked, wish: RecordPayment) -> Answer:
    """Answer a booking. A reference is booked once, with one content; a refund gives back no more than came in."""
    booked, paid = asked.ticket.payments, wish.paid
    known = next((one for one in booked if one.reference == paid.reference), None)
    if known is not None:
        told = f"{known.kind} of {known.amount_cents} {known.currency}"
        detail = f"The reference {paid.reference} is booked as {told}; give this payment a reference of its own."
        return DUPLICATE if known == paid else Refusal("reference_taken", detail)
    if len(booked) >= asked.policy.payments_max:
        return Refusal("payments_full", f"The ticket has {len(booked)} payments, which is the most; use another.")
    if booked and booked[0].currency != paid.currency:
        return Refusal("one_currency", f"This ticket is paid in {booked[0].currency}; change the money first.")
    have = received_cents(booked)
    if paid.kind == "refund" and paid.amount_cents > have:
        return Refusal("refund_covered", f"Only {have} {paid.currency} (minor units) came in; refund at most that.")
    return (asked.fact(PaymentRecorded, paid=paid, payment=payment_after((*booked, paid))),)


def received_cents(booked: Sequence[PaymentRecord]) -> int:
    """Return what the shop holds of a ticket's payments, in minor units."""
    return sum(-one.amount_cents if one.kind == "refund" else one.amount_cents for one in booked)


def payment_after(booked: Sequence[PaymentRecord]) -> Payment:
    """Return what a ticket counts as: the last payment names it, unless money went back."""
    last = booked[-1].kind
    if last == "refund":
        return "part" if received_cents(booked) else "refunded"
    if last == "balance":
        return "paid"
    if last == "deposit":
        return "deposit" if all(one.kind == "deposit" for one in booked) else "part"
    return "part"


def move_custody(asked: Asked, wish: MoveCustody) -> Answer:
    """Answer a wish to say where the device is. The final hand-over is a move of the ticket, with its own guards."""
    ticket = asked.ticket
    place = (wish.custody, wish.location or None, wish.bin or None)
    if asked.closed:
        return Refusal("closed", f"The ticket is {ticket.state}; where the device went is on record.")
    if place == (ticket.custody, ticket.location, ticket.bin):
        return ALREADY_SO
    leaves = wish.custody != "shop" and ticket.custody == "shop"
    if leaves and ticket.hold == "legal":
        return Refusal("legal_hold", "The ticket is on legal hold; the device stays until the hold is released.")
    if leaves and ticket.state in ON_THE_BENCH and wish.custody != "vendor":
        detail = f"The ticket is {ticket.state}; finish the work, or give it up, before the device leaves the bench."
        return Refusal("off_the_bench", detail)
    where = {"location": place[1], "bin": place[2]}
    return (asked.fact(CustodyMoved, reason=wish.reason, before=ticket.custody, custody=wish.custody, **where),)
