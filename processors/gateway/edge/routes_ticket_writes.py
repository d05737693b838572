"""Changing tickets: moves, facets, corrections, notes, devices, and what happens between two tickets."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.routes_tickets import TicketPath, existing_ticket
from processors.gateway.edge.ticket_requests import (
    Body,
    Reasoned,
    ask,
    derived_ticket_id,
    made,
    sealed,
)
from schemas.core.ids import Code, TicketId
from schemas.core.text import LongText, ShortText
from schemas.devices import Device
from schemas.ticket_devices import AddDevice, DeviceAdded, DeviceMoved, DeviceRemoved, MoveDevice, RemoveDevice
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
from schemas.ticket_links import (
    ClaimWarranty,
    EraseTicket,
    MergeTickets,
    SplitTicket,
    TicketErased,
    TicketMerged,
    TicketSplit,
    WarrantyCause,
    WarrantyClaimed,
)
from schemas.ticket_parts import DeviceStage, NoteId, NoteKind, PaymentRecord
from schemas.ticket_records import (
    AddNote,
    AmendTicket,
    AssignTicket,
    EditNote,
    FieldEdit,
    NoteAdded,
    NoteEdited,
    NoteWithdrawn,
    TicketAmended,
    TicketAssigned,
    WithdrawNote,
)
from schemas.tickets import Custody, Hold, MoveEvidence, MoveTicket, TicketMoved, TicketState, TicketView
from topics.tickets import TICKET_VIEWS

router = APIRouter(prefix="/v1/tickets/{ticket_id}", tags=["tickets"])

Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
Eraser = Annotated[Principal, Depends(Needs("tickets:delete"))]
NotePath = Annotated[NoteId, Path()]
NumberPath = Annotated[int, Path(ge=1)]


class Evidence(MoveEvidence):
    """What is known at a move, and nothing else."""

    model_config = Body.model_config


class Edit(FieldEdit):
    """One field and what it shall be."""

    model_config = Body.model_config


class AnotherDevice(Device):
    """A device as it is described."""

    model_config = Body.model_config


class Move(Body):
    """Where the ticket shall go, and what is known."""

    to: TicketState
    reason: Code
    evidence: Evidence = Evidence()


class HoldBody(Reasoned):
    """Whose hold it is."""

    hold: Hold


class CustodyBody(Reasoned):
    """Who has the device, and where it lies."""

    custody: Custody
    location: ShortText | None = None
    bin: ShortText | None = None


class PaymentBody(PaymentRecord):
    """Money that came in or went back; the same reference is booked once."""

    model_config = Body.model_config


class Amendment(Reasoned):
    """Fields and what they shall be."""

    changes: tuple[Edit, ...] = Field(min_length=1, max_length=20)
    device_number: int = Field(default=1, ge=1)


class Assignment(Body):
    """Who works on it, and where; neither takes it from both."""

    technician: ShortText | None = None
    bench: ShortText | None = None


class NoteBody(Body):
    """A note."""

    kind: NoteKind
    text: LongText


class NoteText(Body):
    """What a note shall say."""

    text: LongText


class DeviceBody(Body):
    """One more device."""

    device: AnotherDevice


class StageBody(Reasoned):
    """Where a device shall go."""

    to: DeviceStage


class SplitBody(Reasoned):
    """The devices that get a ticket of their own."""

    device_numbers: tuple[int, ...] = Field(min_length=1, max_length=20)


class MergeBody(Reasoned):
    """The ticket that goes on. ``forced``: although the customers differ; needs the scope admin."""

    into: TicketId
    forced: bool = False


class ClaimBody(Body):
    """What came back, and what is wrong now."""

    repair_line: Code
    cause: WarrantyCause
    complaint: LongText


async def _ask(
    request: Request, principal: Principal, ticket_id: str, kind: Any, answer: Any, /, *, key: str | None, **fields: Any
) -> Response:
    """Check whose ticket it is, make the command in the caller's name, and answer with what came of it."""
    existing_ticket(edge_of(request), ticket_id)
    also = {name: fields.pop(name) for name in ("note_id", "new_ticket_id", "number") if name in fields}
    status = fields.pop("status", 200)
    command = made(kind, ticket_id=ticket_id, actor=principal.actor, **fields, **also)
    return await ask(request, principal, command, (answer,), key=key, status=status, **also)


@router.post("/moves")
async def move(
    request: Request, ticket_id: TicketPath, body: Move, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Move the ticket: 200 when table and guards allow it, 409 with the guard's name when they do not."""
    ticket = existing_ticket(edge_of(request), ticket_id)
    if body.expected_version not in (None, ticket.version):
        detail = f"the ticket is at version {ticket.version}; read it again and repeat what still fits"
        raise Problem(409, "refused", detail, guard="version_conflict", ticket_id=ticket_id)
    command = MoveTicket(
        ticket_id=ticket_id, to=body.to, reason=body.reason, actor=principal.actor, evidence=body.evidence
    )
    return await ask(request, principal, command, (TicketMoved,), key=idempotency_key)


@router.put("/hold")
async def hold(
    request: Request, ticket_id: TicketPath, body: HoldBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Put the ticket on hold: nothing is worked on until it is released; a legal one keeps everything in the shop."""
    return await _ask(request, principal, ticket_id, SetHold, HoldSet, key=idempotency_key, **dict(body))


@router.post("/hold/release")
async def release(
    request: Request, ticket_id: TicketPath, body: Reasoned, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Let work go on."""
    return await _ask(request, principal, ticket_id, ReleaseHold, HoldReleased, key=idempotency_key, **dict(body))


@router.post("/payments", status_code=201)
async def pay(request: Request, ticket_id: TicketPath, body: PaymentBody, principal: Writer) -> Response:
    """Book a payment or a refund. Its reference makes it safe to repeat."""
    paid = PaymentRecord.model_validate(body.model_dump())
    fields = {"paid": paid, "status": 201}
    return await _ask(request, principal, ticket_id, RecordPayment, PaymentRecorded, key=None, **fields)


@router.put("/custody")
async def custody(
    request: Request,
    ticket_id: TicketPath,
    body: CustodyBody,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Say who has the device now, and where it lies in the shop."""
    return await _ask(request, principal, ticket_id, MoveCustody, CustodyMoved, key=idempotency_key, **dict(body))


@router.patch("")
async def amend(
    request: Request, ticket_id: TicketPath, body: Amendment, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Correct fields: all of them or none; what was there before stays in the history."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    changes = [await _sealed_edit(request, ticket_id, edit) for edit in body.changes]
    fields = {**dict(body), "changes": tuple(changes)}
    return await _ask(request, principal, ticket_id, AmendTicket, TicketAmended, key=idempotency_key, **fields)


async def _sealed_edit(request: Request, ticket_id: str, edit: FieldEdit) -> FieldEdit:
    if edit.field != "complaint" or not isinstance(edit.to, str):
        return edit
    made(LongTextBody, complaint=edit.to)
    return FieldEdit(field=edit.field, to=await sealed(edge_of(request), ticket_id, edit.to))


class LongTextBody(Body):
    """A complaint by its own rules, before it is sealed."""

    complaint: LongText


@router.put("/assignment")
async def assign(
    request: Request, ticket_id: TicketPath, body: Assignment, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Give the ticket to a technician and a bench, or take it back."""
    return await _ask(request, principal, ticket_id, AssignTicket, TicketAssigned, key=idempotency_key, **dict(body))


@router.post("/notes", status_code=201)
async def add_note(
    request: Request, ticket_id: TicketPath, body: NoteBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Write a note, internal or for the customer too."""
    edge, key = edge_of(request), idempotency_key
    existing_ticket(edge, ticket_id)
    note_id = str(stable_id(principal.caller, "note", ticket_id, key) if key else new_id())
    fields = {**dict(body), "text": await sealed(edge, ticket_id, body.text), "note_id": note_id, "status": 201}
    return await _ask(request, principal, ticket_id, AddNote, NoteAdded, key=key, **fields)


@router.patch("/notes/{note_id}")
async def edit_note(
    request: Request,
    ticket_id: TicketPath,
    note_id: NotePath,
    body: NoteText,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Change a note; what it said stays in its history."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    fields = {**dict(body), "text": await sealed(edge, ticket_id, body.text), "note_id": note_id}
    return await _ask(request, principal, ticket_id, EditNote, NoteEdited, key=idempotency_key, **fields)


@router.post("/notes/{note_id}/withdraw")
async def withdraw_note(
    request: Request,
    ticket_id: TicketPath,
    note_id: NotePath,
    body: Reasoned,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a note back; it stays in the record, marked."""
    fields = {**dict(body), "note_id": note_id}
    return await _ask(request, principal, ticket_id, WithdrawNote, NoteWithdrawn, key=idempotency_key, **fields)


@router.post("/devices", status_code=201)
async def add_device(
    request: Request, ticket_id: TicketPath, body: DeviceBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Put one more device on the ticket."""
    ticket = existing_ticket(edge_of(request), ticket_id)
    number = max((one.number for one in ticket.devices), default=1) + 1
    fields = {**dict(body), "number": number, "status": 201}
    return await _ask(request, principal, ticket_id, AddDevice, DeviceAdded, key=idempotency_key, **fields)


@router.post("/devices/{number}/remove")
async def remove_device(
    request: Request,
    ticket_id: TicketPath,
    number: NumberPath,
    body: Reasoned,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a device off the ticket; its number stays taken."""
    fields = {**dict(body), "number": number}
    return await _ask(request, principal, ticket_id, RemoveDevice, DeviceRemoved, key=idempotency_key, **fields)


@router.post("/devices/{number}/moves")
async def move_device(
    request: Request,
    ticket_id: TicketPath,
    number: NumberPath,
    body: StageBody,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Bring one device to another stage."""
    fields = {**dict(body), "number": number}
    return await _ask(request, principal, ticket_id, MoveDevice, DeviceMoved, key=idempotency_key, **fields)


@router.post("/split", status_code=201)
async def split(
    request: Request, ticket_id: TicketPath, body: SplitBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Give some devices a ticket of their own; the answer names it."""
    new = derived_ticket_id(principal, "split", ticket_id, idempotency_key)
    fields = {**dict(body), "new_ticket_id": new, "status": 201}
    return await _ask(request, principal, ticket_id, SplitTicket, TicketSplit, key=idempotency_key, **fields)


@router.post("/merge")
async def merge(
    request: Request, ticket_id: TicketPath, body: MergeBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """End this ticket in favour of another, which takes over its notes and files."""
    if body.forced:
        principal.require("admin")
    other = existing_ticket(edge_of(request), body.into)
    into = {"into_workspace_id": other.workspace_id, "into_customer_id": other.customer_id}
    return await _ask(
        request, principal, ticket_id, MergeTickets, TicketMerged, key=idempotency_key, **dict(body), **into
    )


@router.post("/warranty-claims", status_code=201)
async def claim_warranty(
    request: Request, ticket_id: TicketPath, body: ClaimBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Open a linked ticket for a repair that came back within its warranty."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    new = derived_ticket_id(principal, "claim", ticket_id, idempotency_key)
    complaint = await sealed(edge, new, body.complaint)
    fields = {**dict(body), "complaint": complaint, "new_ticket_id": new, "status": 201}
    return await _ask(request, principal, ticket_id, ClaimWarranty, WarrantyClaimed, key=idempotency_key, **fields)


@router.delete("")
async def erase(
    request: Request, ticket_id: TicketPath, body: Reasoned, principal: Eraser, idempotency_key: IdempotencyKey = None
) -> Response:
    """Make what the ticket knew about a person unreadable, for good. A tombstone says who, why and when."""
    ticket = existing_ticket(edge_of(request), ticket_id)
    fields = {**dict(body), "forget_customer": not _needed_elsewhere(request, ticket)}
    return await _ask(request, principal, ticket_id, EraseTicket, TicketErased, key=idempotency_key, **fields)


def _needed_elsewhere(request: Request, ticket: TicketView) -> bool:
    """Whether another ticket that is not erased has the same customer."""
    return any(
        other.customer_id == ticket.customer_id and other.ticket_id != ticket.ticket_id and other.erased_at is None
        for other in edge_of(request).deps.views.views(TICKET_VIEWS, TicketView)
    )
