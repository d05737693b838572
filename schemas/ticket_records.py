"""What people write on a ticket: corrections, assignments, notes and files."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.message import Value
from schemas.core.text import SealableText, ShortText
from schemas.ticket_parts import (
    FieldChange,
    FileId,
    FileKind,
    NoteId,
    NoteKind,
    ReasonedFact,
    ReasonedRequest,
    TicketFact,
    TicketRequest,
)

AmendableField = Literal[
    "complaint", "language", "pre_approved_cents", "device.category", "device.brand", "device.model",
    "device.board_model", "device.serial", "device.imei", "device.lock_state", "device.age_years",
]  # fmt: skip


class FieldEdit(Value):
    """A field and what it shall be; ``to`` None empties it."""

    field: AmendableField
    to: str | int | float | None = None


class AmendTicket(ReasonedRequest):
    """Correct what was written at intake. ``device_number`` says which device, where there are several."""

    TYPE: ClassVar[str] = "noizylab.ticket.amend.v1"

    changes: tuple[FieldEdit, ...] = Field(min_length=1, max_length=20)
    device_number: int = Field(default=1, ge=1)


class AssignTicket(TicketRequest):
    """Give a ticket to a technician and a bench; neither takes it from both."""

    TYPE: ClassVar[str] = "noizylab.ticket.assign.v1"

    technician: ShortText | None = None
    bench: ShortText | None = None


class AddNote(TicketRequest):
    """Write a note. Its id is made by the writer, so that a retry is the same note."""

    TYPE: ClassVar[str] = "noizylab.ticket.add_note.v1"

    note_id: NoteId
    kind: NoteKind
    text: SealableText


class EditNote(TicketRequest):
    """Change what a note says; what it said stays in its history."""

    TYPE: ClassVar[str] = "noizylab.ticket.edit_note.v1"

    note_id: NoteId
    text: SealableText


class WithdrawNote(ReasonedRequest):
    """Take a note back. It stays in the record, marked."""

    TYPE: ClassVar[str] = "noizylab.ticket.withdraw_note.v1"

    note_id: NoteId


class AttachFile(TicketRequest):
    """Tie a stored file to a ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.attach_file.v1"

    file_id: FileId
    kind: FileKind
    blob: BlobRef
    caption: SealableText | None = None


class DetachFile(ReasonedRequest):
    """Take a file off a ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.detach_file.v1"

    file_id: FileId


class TicketAmended(ReasonedFact):
    """Fields were corrected; each change says what was there before."""

    TYPE: ClassVar[str] = "noizylab.ticket.amended.v1"

    changes: tuple[FieldChange, ...] = Field(min_length=1)
    device_number: int = Field(default=1, ge=1)


class TicketAssigned(TicketFact):
    """A ticket is somebody's work now, or nobody's."""

    TYPE: ClassVar[str] = "noizylab.ticket.assigned.v1"

    technician: ShortText | None = None
    bench: ShortText | None = None


class NoteAdded(TicketFact):
    """A note was written."""

    TYPE: ClassVar[str] = "noizylab.ticket.note_added.v1"

    note_id: NoteId
    kind: NoteKind
    text: SealableText


class NoteEdited(TicketFact):
    """A note says something else now."""

    TYPE: ClassVar[str] = "noizylab.ticket.note_edited.v1"

    note_id: NoteId
    text: SealableText


class NoteWithdrawn(ReasonedFact):
    """A note was taken back."""

    TYPE: ClassVar[str] = "noizylab.ticket.note_withdrawn.v1"

    note_id: NoteId


class FileAttached(TicketFact):
    """A file belongs to the ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.file_attached.v1"

    file_id: FileId
    kind: FileKind
    blob: BlobRef
    caption: SealableText | None = None


class FileDetached(ReasonedFact):
    """A file no longer belongs to the ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.file_detached.v1"

    file_id: FileId
