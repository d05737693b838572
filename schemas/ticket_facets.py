"""What runs beside a ticket's state: its hold, what was paid, and where the device is."""

from typing import ClassVar

from schemas.core.ids import Code, TicketId
from schemas.core.message import Event
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.ticket_parts import (
    Actor,
    PaymentRecord,
    ReasonedFact,
    ReasonedRequest,
    TicketFact,
    TicketRequest,
)
from schemas.tickets import Custody, Hold, Payment


class SetHold(ReasonedRequest):
    """Put a ticket on hold, or change whose hold it is. ``none`` is said with ``ReleaseHold``."""

    TYPE: ClassVar[str] = "noizylab.ticket.set_hold.v1"

    hold: Hold


class ReleaseHold(ReasonedRequest):
    """Let work go on."""

    TYPE: ClassVar[str] = "noizylab.ticket.release_hold.v1"


class RecordPayment(TicketRequest):
    """Book money that came in or went back. The same reference is booked once."""

    TYPE: ClassVar[str] = "noizylab.ticket.record_payment.v1"

    paid: PaymentRecord


class MoveCustody(ReasonedRequest):
    """Say who has the device now, and where it lies in the shop."""

    TYPE: ClassVar[str] = "noizylab.ticket.move_custody.v1"

    custody: Custody
    location: ShortText | None = None
    bin: ShortText | None = None


class HoldSet(ReasonedFact):
    """A ticket waits, and for whom."""

    TYPE: ClassVar[str] = "noizylab.ticket.hold_set.v1"

    hold: Hold
    before: Hold


class HoldReleased(ReasonedFact):
    """A ticket no longer waits."""

    TYPE: ClassVar[str] = "noizylab.ticket.hold_released.v1"

    before: Hold


class PaymentRecorded(TicketFact):
    """Money came in or went back. ``payment`` is what the ticket counts as since then."""

    TYPE: ClassVar[str] = "noizylab.ticket.payment_recorded.v1"

    paid: PaymentRecord
    payment: Payment


class CustodyMoved(ReasonedFact):
    """The device is somewhere else, or with somebody else."""

    TYPE: ClassVar[str] = "noizylab.ticket.custody_moved.v1"

    custody: Custody
    before: Custody
    location: ShortText | None = None
    bin: ShortText | None = None


class TicketRequestRefused(Event):
    """A wish that a guard does not allow. The ticket stays as it is; ``detail`` says what to do."""

    TYPE: ClassVar[str] = "noizylab.ticket.request_refused.v1"

    ticket_id: TicketId
    asked: ShortText
    """The type of the command."""
    guard: Code
    detail: str
    actor: Actor
    refused_at: UtcTime
