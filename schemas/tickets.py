"""The ticket: its intake, its states and moves. The table of legal moves lives with its owner, ``tickets``."""

from typing import ClassVar, Literal, get_args

from pydantic import Field, computed_field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import DEFAULT_WORKSPACE, Code, CustomerId, TicketId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import SealableText, ShortText
from schemas.core.ticket_number import ticket_number
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.ticket_parts import PaymentRecord, TicketDevice, TicketFile, TicketLink, TicketNote

TicketState = Literal[
    "draft", "booked", "received", "triage", "diagnosing", "blocked_lock", "quoted", "approved", "declined",
    "awaiting_deposit", "awaiting_parts", "queued", "repairing", "outsourced", "qc", "rework", "ready",
    "collected", "disposed", "cancelled",
]  # fmt: skip
TICKET_STATES: tuple[TicketState, ...] = get_args(TicketState)
TerminalState = Literal["collected", "disposed", "cancelled"]
TERMINAL_STATES: tuple[TicketState, ...] = get_args(TerminalState)

RepairOutcome = Literal[
    "fixed", "partly", "unrepairable", "beyond_economic_repair", "no_fault_found", "declined", "data_only"
]
Payment = Literal["none", "deposit", "part", "paid", "refunded"]
Hold = Literal["none", "customer", "supplier", "internal", "legal"]
Custody = Literal["customer", "courier", "shop", "vendor"]
Channel = Literal["kiosk", "portal", "counter", "phone"]


class SubmitIntake(Command):
    """A customer hands in a device. The ticket id is minted where they stand, so a retry is the same ticket."""

    TYPE: ClassVar[str] = "noizylab.intake.submit.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    customer_id: CustomerId
    device: Device
    complaint: SealableText
    language: str | None = Field(default=None, pattern=r"^[a-z]{2}$")
    photos: tuple[BlobRef, ...] = Field(default=(), max_length=24)
    no_photos_reason: Literal["remote_estimate", "device_sealed", "camera_broken", "imported"] | None = None
    channel: Channel
    consent_version: ShortText
    pre_approved_cents: int | None = Field(default=None, ge=0)
    more_devices: tuple[Device, ...] = Field(default=(), max_length=20)
    """Devices beside the first, under the same ticket."""


class MoveEvidence(Value):
    """What is known at the time of a move; the guards of the life cycle read it."""

    bin: ShortText | None = None
    lock_state: Literal["unlocked", "locked", "unknown", "not_applicable"] | None = None
    on_stolen_list: bool | None = None
    quote_hash: str | None = None
    quote_total_cents: int | None = Field(default=None, ge=0)
    quote_valid_until: UtcTime | None = None
    quote_tiers: int | None = Field(default=None, ge=0)
    signature_quote_hash: str | None = None
    deposit_required: bool | None = None
    parts_reserved: bool | None = None
    parts_eta_days: int | None = Field(default=None, ge=0)
    steps_signed: bool | None = None
    part_serials_consumed: bool | None = None
    value_cents: int | None = Field(default=None, ge=0)
    repaired_by: ShortText | None = None
    checked_by: ShortText | None = None
    reason_code: Code | None = None
    reassembled: bool | None = None
    balance_cents: int | None = None
    credit_terms: bool | None = None
    collector_verified: bool | None = None
    post_condition_signed: bool | None = None
    abandonment_case: ShortText | None = None
    return_election: Literal["return", "dispose"] | None = None
    outcome: RepairOutcome | None = None
    fault_family: Code | None = None
    """What was really wrong, as a technician found it; the brain's probabilities are judged by it."""


class MoveTicket(Command):
    """Move a ticket to a state, if the life cycle's table and its guards allow it."""

    TYPE: ClassVar[str] = "noizylab.ticket.move.v1"

    ticket_id: TicketId
    to: TicketState
    reason: Code
    actor: ShortText
    evidence: MoveEvidence = MoveEvidence()


class TicketOpened(Event):
    """A device was taken in; a repair begins. Every later record of the repair carries this ticket as correlation."""

    TYPE: ClassVar[str] = "noizylab.ticket.opened.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    customer_id: CustomerId
    state: TicketState
    device: Device
    complaint: SealableText
    language: str | None = None
    photos: tuple[BlobRef, ...] = ()
    no_photos_reason: str | None = None
    channel: Channel
    consent_version: ShortText
    pre_approved_cents: int | None = None
    more_devices: tuple[Device, ...] = ()
    links: tuple[TicketLink, ...] = ()
    checks: tuple[ShortText, ...] = ()
    """What this model is known for, as checks to make before anything else."""
    warranty_began_at: UtcTime | None = None
    opened_at: UtcTime


class IntakeRefused(Event):
    """An intake that the shop cannot take as it is; ``detail`` says what to change."""

    TYPE: ClassVar[str] = "noizylab.intake.refused.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId | None = None
    """Whose intake it was; None in what was refused before that was written down."""
    reason: Code
    detail: str
    refused_at: UtcTime


class TicketMoved(Event):
    """A ticket changed state. ``version`` counts the ticket's events from 1."""

    TYPE: ClassVar[str] = "noizylab.ticket.moved.v1"

    ticket_id: TicketId
    from_state: TicketState
    to_state: TicketState
    reason: Code
    actor: ShortText
    evidence: MoveEvidence = MoveEvidence()
    version: int = Field(ge=1)
    moved_at: UtcTime


class TicketMoveRefused(Event):
    """A move that the table or a guard does not allow. The ticket stays where it is."""

    TYPE: ClassVar[str] = "noizylab.ticket.move_refused.v1"

    ticket_id: TicketId
    from_state: TicketState
    to_state: TicketState
    guard: Code
    detail: str
    actor: ShortText
    refused_at: UtcTime


class TicketView(View):
    """The newest state of a ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.view.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    customer_id: CustomerId
    state: TicketState
    outcome: RepairOutcome | None = None
    fault_family: Code | None = None
    payment: Payment = "none"
    hold: Hold = "none"
    custody: Custody = "shop"
    bin: str | None = None
    device: Device
    complaint: SealableText
    language: str | None = None
    photos: tuple[BlobRef, ...] = ()
    channel: Channel
    pre_approved_cents: int | None = Field(default=None, ge=0)
    quote_hash: str | None = None
    quote_total_cents: int | None = None
    quote_valid_until: UtcTime | None = None
    location: str | None = None
    technician: str | None = None
    bench: str | None = None
    devices: tuple[TicketDevice, ...] = ()
    """All devices, the first too, once there are several. ``device`` is the first that is still on the ticket."""
    checks: tuple[str, ...] = ()
    notes: tuple[TicketNote, ...] = ()
    files: tuple[TicketFile, ...] = ()
    payments: tuple[PaymentRecord, ...] = ()
    links: tuple[TicketLink, ...] = ()
    warranty_began_at: UtcTime | None = None
    """When the customer had the repaired device first; a warranty repair does not set it anew."""
    erased_at: UtcTime | None = None
    version: int = Field(ge=1)
    opened_at: UtcTime
    moved_at: UtcTime

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorator above a property
    @property
    def number(self) -> str:
        """The ticket's number for people."""
        return ticket_number(self.ticket_id)
