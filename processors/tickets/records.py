"""What people write on a ticket: corrections, assignments, notes, files. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from processors.tickets.asked import ALREADY_SO, DUPLICATE, Answer, Asked
from processors.tickets.devices import GONE, find_device
from processors.tickets.imei import imei_fault
from processors.tickets.lifecycle import Refusal
from schemas.devices import Device
from schemas.ticket_parts import FieldChange, TicketFile, TicketNote
from schemas.ticket_records import (
    AddNote,
    AmendTicket,
    AssignTicket,
    AttachFile,
    DetachFile,
    EditNote,
    FileAttached,
    FileDetached,
    NoteAdded,
    NoteEdited,
    NoteWithdrawn,
    TicketAmended,
    TicketAssigned,
    WithdrawNote,
)
from schemas.tickets import TicketView

OF_THE_DEVICE = "device."


def amend(asked: Asked, wish: AmendTicket) -> Answer:
    """Answer a correction: all of its fields, or none."""
    if asked.closed:
        return Refusal("closed", f"The ticket is {asked.ticket.state}; write a note instead.")
    fields = [edit.field for edit in wish.changes]
    if len(set(fields)) < len(fields):
        return Refusal("field_once", "A field is named twice; send each field once.")
    known = find_device(asked.ticket, wish.device_number)
    if known is None or known.stage in GONE:
        return Refusal("no_such_device", f"The ticket has no device {wish.device_number}; read it to see its devices.")
    try:
        own, device = amended(asked.ticket, known.device, {edit.field: edit.to for edit in wish.changes})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Refusal("value_fits", f"{where}: {first['msg'].removeprefix('Value error, ')}; send another value.")
    changes = tuple(
        FieldChange(field=field, before=before, after=after)
        for field in fields
        if (before := field_of(asked.ticket, known.device, field))
        != (after := own[field] if field in own else field_of(asked.ticket, device, field))
    )
    if not changes:
        return ALREADY_SO
    if device.imei is not None and device.imei != known.device.imei and (fault := imei_fault(device.imei)) is not None:
        return Refusal("identity_ok", fault)
    return (asked.fact(TicketAmended, reason=wish.reason, changes=changes, device_number=wish.device_number),)


def field_of(ticket: TicketView, device: Device, field: str) -> Any:
    """Return what a field says now."""
    if field.startswith(OF_THE_DEVICE):
        return getattr(device, field.removeprefix(OF_THE_DEVICE))
    return getattr(ticket, field)


def amended(ticket: TicketView, device: Device, values: Mapping[str, Any]) -> tuple[dict[str, Any], Device]:
    """Return the ticket's own fields and the device after a correction, each value as its field takes it.

    Raises:
        ValidationError: a value that its field does not take.
    """
    own = {field: value for field, value in values.items() if not field.startswith(OF_THE_DEVICE)}
    parts = {
        field.removeprefix(OF_THE_DEVICE): value for field, value in values.items() if field.startswith(OF_THE_DEVICE)
    }
    checked = TicketView.model_validate(dict(ticket) | own)
    return {name: getattr(checked, name) for name in own}, Device.model_validate(dict(device) | parts)


def assign(asked: Asked, wish: AssignTicket) -> Answer:
    """Answer an assignment."""
    if asked.closed:
        return Refusal("closed", f"The ticket is {asked.ticket.state}; there is no work left to give to anybody.")
    wanted = (wish.technician or None, wish.bench or None)
    if wanted == (asked.ticket.technician, asked.ticket.bench):
        return ALREADY_SO
    return (asked.fact(TicketAssigned, technician=wanted[0], bench=wanted[1]),)


def add_note(asked: Asked, wish: AddNote) -> Answer:
    """Answer a new note. Notes can be written on a closed ticket too: that is where late news belongs."""
    known = find_note(asked.ticket, wish.note_id)
    if known is not None:
        first = known.earlier[0].text if known.earlier else known.text
        detail = f"There is another note {wish.note_id}; give this one an id of its own."
        return DUPLICATE if (first, known.kind) == (wish.text, wish.kind) else Refusal("note_id_free", detail)
    if (full := _full(asked, wish.text)) is not None:
        return full
    return (asked.fact(NoteAdded, note_id=wish.note_id, kind=wish.kind, text=wish.text),)


def edit_note(asked: Asked, wish: EditNote) -> Answer:
    """Answer a change of a note."""
    note = find_note(asked.ticket, wish.note_id)
    if note is None:
        return _no_note(wish.note_id)
    if note.withdrawn_at is not None:
        return Refusal("note_stands", "The note was withdrawn; write a new one.")
    if note.text == wish.text:
        return ALREADY_SO
    if (full := _full(asked, wish.text)) is not None:
        return full
    return (asked.fact(NoteEdited, note_id=wish.note_id, text=wish.text),)


def withdraw_note(asked: Asked, wish: WithdrawNote) -> Answer:
    """Answer a wish to take a note back."""
    note = find_note(asked.ticket, wish.note_id)
    if note is None:
        return _no_note(wish.note_id)
    if note.withdrawn_at is not None:
        return ALREADY_SO
    return (asked.fact(NoteWithdrawn, reason=wish.reason, note_id=wish.note_id),)


def attach(asked: Asked, wish: AttachFile) -> Answer:
    """Answer a wish to tie a file to a ticket. The same content under the same id is the same file."""
    known = find_file(asked.ticket, wish.file_id)
    if known is not None:
        same = (known.kind, known.blob.sha256) == (wish.kind, wish.blob.sha256)
        detail = f"There is another file {wish.file_id}; give this one an id of its own."
        return DUPLICATE if same else Refusal("file_id_free", detail)
    if len(asked.ticket.files) >= asked.policy.files_max:
        return Refusal("files_full", f"The ticket has {len(asked.ticket.files)} files; detach some first.")
    return (asked.fact(FileAttached, file_id=wish.file_id, kind=wish.kind, blob=wish.blob, caption=wish.caption),)


def detach(asked: Asked, wish: DetachFile) -> Answer:
    """Answer a wish to take a file off a ticket. A signature is evidence and stays."""
    known = find_file(asked.ticket, wish.file_id)
    if known is None:
        return Refusal("no_such_file", f"The ticket has no file {wish.file_id}; read it to see its files.")
    if known.kind == "signature":
        return Refusal("evidence", "A signature is evidence of what was agreed and stays with the ticket.")
    return (asked.fact(FileDetached, reason=wish.reason, file_id=wish.file_id),)


def find_note(ticket: TicketView, note_id: str) -> TicketNote | None:
    """Return a note of a ticket."""
    return next((note for note in ticket.notes if note.note_id == note_id), None)


def find_file(ticket: TicketView, file_id: str) -> TicketFile | None:
    """Return a file of a ticket."""
    return next((file for file in ticket.files if file.file_id == file_id), None)


def texts_length(notes: tuple[TicketNote, ...]) -> int:
    """Return how much room notes take with their history, in characters."""
    return sum(len(note.text) + sum(len(one.text) for one in note.earlier) for note in notes)


def _full(asked: Asked, text: str) -> Refusal | None:
    if texts_length(asked.ticket.notes) + len(text) <= asked.policy.texts_max:
        return None
    return Refusal("notes_full", "The ticket's notes are full; attach the text as a document instead.")


def _no_note(note_id: str) -> Refusal:
    return Refusal("no_such_note", f"The ticket has no note {note_id}; read it to see its notes.")
