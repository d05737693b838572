"""What the edge answers about tickets and devices. These models describe; the routes write their JSON themselves.

A test holds every recorded answer against its model, so that neither can change without the other.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, create_model

from schemas.conditions import ConditionPhoto, ConditionSheet, ConditionSignature, ConditionStage
from schemas.core.ids import MessageType, TicketId
from schemas.core.message import Event
from schemas.core.time import UtcTime
from schemas.device_history import DeviceHistoryView
from schemas.devices import Device, DeviceCategory
from schemas.diagnoses import DiagnosisView
from schemas.inspections import InspectionView
from schemas.notifications import OutboxView
from schemas.passcodes import PasscodesView
from schemas.quotes import QuoteView
from schemas.tickets import Hold, RepairOutcome, TicketState, TicketView
from schemas.workflow import FlowView


class Answer(BaseModel):
    """Part of an answer. Readers ignore what they do not know: additions are compatible."""

    model_config = ConfigDict(frozen=True)


class Warned(Answer):
    """Something to know about a ticket's devices before they are touched."""

    code: str
    detail: str
    device_id: str | None = None
    ticket_id: TicketId | None = None


class CloudEvent(Answer):
    """An event in the structured JSON form of CloudEvents 1.0; the schema of ``data`` is at ``dataschema``."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: MessageType
    subject: str
    time: UtcTime
    recordedtime: UtcTime
    datacontenttype: str
    dataschema: str
    correlationid: str
    causationid: str | None = None
    data: dict[str, JsonValue]


class TimelineEvent(Answer):
    """An event, when it happened, and a sentence that says it."""

    at: UtcTime
    summary: str
    event: CloudEvent


class Timeline(Answer):
    """A ticket's events, the oldest first. ``complete`` is false when the oldest are not held in memory any more."""

    ticket_id: TicketId
    complete: bool
    events: list[TimelineEvent]


class Ticket(TicketView):
    """A ticket with what ``include`` asked for; a part that does not exist yet is null, one not asked for is absent."""

    warnings: list[Warned]
    inspection: InspectionView | None = None
    diagnosis: DiagnosisView | None = None
    quote: QuoteView | None = None
    flow: FlowView | None = None
    notifications: OutboxView | None = None
    timeline: Timeline | None = None


class TicketPage(Answer):
    """One page of tickets. ``next`` is the address of the page after it; null: this is the last one."""

    tickets: list[TicketView]
    next: str | None
    count: int | None = None
    count_is: Literal["exact", "at_least"] | None = None


class Chosen(Answer):
    """Only the fields that were asked for."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ChosenPage(Answer):
    """One page of tickets with only the fields that were asked for."""

    tickets: list[Chosen]
    next: str | None
    count: int | None = None
    count_is: Literal["exact", "at_least"] | None = None


class Card(Answer):
    """A ticket on the board."""

    ticket_id: TicketId
    number: str
    state: TicketState
    hold: Hold
    outcome: RepairOutcome | None = None
    device: Device
    technician: str | None = None
    bench: str | None = None
    opened_at: UtcTime
    moved_at: UtcTime
    quote_total_cents: int | None = None
    version: int


class Heap(Answer):
    """What some tickets come to. ``oldest_since``: since when the oldest has been in its state."""

    count: int
    overdue: int
    value_cents: int
    oldest_since: UtcTime | None


class Bucket(Heap):
    """Tickets in states that belong together, the oldest first."""

    name: str
    says: str
    states: list[TicketState]
    cards: list[Card]


class Lane(Heap):
    """What one technician works on: how many tickets in each bucket."""

    technician: str
    buckets: dict[str, int]


class Board(Answer):
    """What lies where, how much and for how long."""

    at: UtcTime
    buckets: list[Bucket]
    lanes: list[Lane]
    overdue: int


class IntakeLinks(Answer):
    """Where the new ticket is, its events, and the same live."""

    ticket: str
    timeline: str
    events: str


class IntakeTaken(Answer):
    """The ticket of a device that was handed in; ``accepted``: it is being opened."""

    ticket_id: TicketId
    links: IntakeLinks
    status: Literal["opened", "accepted"]
    state: TicketState | None = None
    number: str | None = None
    warnings: tuple[Warned, ...] = ()
    detail: str | None = None


class TicketAddress(Answer):
    """Where the ticket is."""

    ticket: str


class TicketWrite(Answer):
    """What came of a wish: ``done`` with the event, ``unchanged`` (it was so), or ``accepted`` (not known yet)."""

    ticket_id: TicketId
    links: TicketAddress
    status: Literal["done", "unchanged", "accepted"]
    version: int | None = None
    state: TicketState | None = None
    event: Any = None
    note_id: str | None = None
    file_id: str | None = None
    number: int | None = None
    new_ticket_id: TicketId | None = None


def write_of(event: type[Event]) -> type[BaseModel]:
    """Return the answer to a wish that is granted with ``event``."""
    fields: dict[str, Any] = {"event": (event | None, None)}
    made: type[BaseModel] = create_model(
        f"{event.__name__}Answer", __base__=TicketWrite, __doc__=TicketWrite.__doc__, **fields
    )
    return made


class Accepted(Answer):
    """The wish is on the log; its outcome is not known yet. ``Location`` says where it will show."""

    status: Literal["accepted"]
    ticket_id: TicketId | None = None
    task_id: str | None = None
    device_id: str | None = None
    webhook_id: str | None = None
    delivery_id: str | None = None
    secret: str | None = None


class BulkItem(Answer):
    """What became of one ticket."""

    ticket_id: TicketId
    status: Literal["done", "unchanged", "refused", "late", "not_found", "failed", "would_send"]
    reason: str | None = None
    detail: str | None = None


class BulkResult(Answer):
    """What became of every ticket, in the order asked. Repeat with ``idempotency_key`` to finish what failed."""

    idempotency_key: str
    dry_run: bool
    total: int
    counts: dict[str, int]
    items: list[BulkItem]


class ColumnFault(Answer):
    """What is wrong in one column of a row."""

    column: str
    code: str
    detail: str


class ImportRow(Answer):
    """What became of one row of a table."""

    line: int
    ticket_id: TicketId
    status: Literal["opened", "there_already", "invalid", "refused", "skipped", "late", "failed", "valid"]
    errors: tuple[ColumnFault, ...] = ()
    reason: str | None = None
    detail: str | None = None


class ImportResult(Answer):
    """What became of a table, row by row, and how it was read."""

    dry_run: bool
    total: int
    encoding: str
    delimiter: str
    columns: dict[str, str]
    ignored_columns: list[str]
    counts: dict[str, int]
    rows: list[ImportRow]


class CustomerLinks(Answer):
    """Links that a customer may be given; ``approve`` is null while no quote is open."""

    ticket_id: TicketId
    approve: str | None


class SocketTicket(Answer):
    """Good for one socket, within ``expires_in_s`` seconds."""

    ticket: str
    expires_in_s: int


class Devices(Answer):
    """The devices with an IMEI or a serial number: one or none."""

    devices: list[DeviceHistoryView]


class FlagUnchanged(Answer):
    """The flag was so already."""

    device_id: str
    status: Literal["unchanged"]


class ChecklistItem(Answer):
    """Something to look at, in words."""

    item: str
    says: str


class Grade(Answer):
    """A grade to choose, in words."""

    grade: str
    says: str


class ChecklistToFill(Answer):
    """What is looked at on a kind of device."""

    category: DeviceCategory
    language: str
    items: list[ChecklistItem]
    grades: list[Grade]


class ConditionSide(Answer):
    """How an item was found."""

    item: str
    grade: str
    note: str | None = None


class ConditionChange(Answer):
    """An item that is not as it was handed in."""

    item: str
    before: ConditionSide
    after: ConditionSide


class PhotoPair(Answer):
    """Numbers of the photos of one item; null: of the whole device."""

    item: str | None
    before: list[int]
    after: list[int]


class Conditions(Answer):
    """Checklists of hand-in and return, what differs, photos in pairs, and the signature of each stage."""

    ticket_id: TicketId
    sheets: list[ConditionSheet]
    photos: list[ConditionPhoto]
    signed: dict[ConditionStage, ConditionSignature | None]
    changes: list[ConditionChange]
    photo_pairs: list[PhotoPair]


class DocumentToSign(Answer):
    """A text, and the hash that a signature under it must name."""

    ticket_id: TicketId
    stage: ConditionStage
    revision: int
    language: str
    text: str
    document_sha256: str


class PasscodeLedger(PasscodesView):
    """Every passcode and every access, without any code; ``customer_page`` shows the same to the customer."""

    customer_page: str | None


class OpenedPasscode(Answer):
    """A passcode, for one task and a time. ``read``: how often it was read again."""

    unlock: int
    task: str
    open_until: UtcTime
    kind: str
    code: str
    read: int | None = None
