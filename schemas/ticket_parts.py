"""What a ticket is made of besides its state: notes, files, payments, links, devices. And how it is asked to change."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code, Currency, TicketId
from schemas.core.message import Command, Event, Value
from schemas.core.text import SealableText, ShortText
from schemas.core.time import UtcTime
from schemas.devices import Device

NoteId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{4,60}$")]
FileId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{4,60}$")]
Actor = Annotated[ShortText, StringConstraints(min_length=1)]
"""Who does it: a person's or a key's name in the shop, or the processor that acts by itself."""

NoteKind = Literal["internal", "public"]
FileKind = Literal["photo_before", "photo_after", "document", "audio", "signature"]
PaymentKind = Literal["deposit", "part", "balance", "refund"]
LinkKind = Literal["warranty_of", "warranty_claim", "split_from", "split_into", "merged_into", "merged_from"]
DeviceStage = Literal[
    "waiting", "diagnosing", "repairing", "done", "unrepairable", "returned", "removed", "split_off"
]  # fmt: skip


class TextVersion(Value):
    """What a note said before it was changed."""

    text: SealableText
    by: Actor
    written_at: UtcTime


class TicketNote(Value):
    """A note. ``public`` ones are for the customer too. A withdrawn note stays, so that nothing was never said."""

    note_id: NoteId
    kind: NoteKind
    text: SealableText
    by: Actor
    written_at: UtcTime
    earlier: tuple[TextVersion, ...] = ()
    withdrawn_by: Actor | None = None
    withdrawn_at: UtcTime | None = None
    from_ticket: TicketId | None = None
    """The ticket it was written on, when it came here by a merge."""


class TicketFile(Value):
    """A stored file that belongs to the ticket."""

    file_id: FileId
    kind: FileKind
    blob: BlobRef
    caption: SealableText | None = None
    by: Actor
    attached_at: UtcTime
    from_ticket: TicketId | None = None


class PaymentRecord(Value):
    """Money that came in, or went back (``refund``), in minor units. ``reference`` is the till's or provider's."""

    reference: Annotated[ShortText, StringConstraints(min_length=1)]
    kind: PaymentKind
    amount_cents: int = Field(ge=1)
    currency: Currency


class TicketLink(Value):
    """What another ticket is to this one."""

    kind: LinkKind
    ticket_id: TicketId


class TicketDevice(Value):
    """One of several devices on a ticket. ``number`` counts from 1 and is never used again."""

    number: int = Field(ge=1)
    device: Device
    stage: DeviceStage = "waiting"


class FieldChange(Value):
    """One field of a ticket before and after. ``field`` is its path, ``device.serial``."""

    field: ShortText
    before: str | int | float | None = None
    after: str | int | float | None = None


class TicketRequest(Command):
    """What all wishes to change a ticket have. With ``expected_version`` a change that came between refuses it."""

    ticket_id: TicketId
    actor: Actor
    expected_version: int | None = Field(default=None, ge=1)


class TicketFact(Event):
    """What all changes of a ticket have. ``version`` counts the ticket's events from 1."""

    ticket_id: TicketId
    actor: Actor
    version: int = Field(ge=1)
    happened_at: UtcTime


class ReasonedRequest(TicketRequest):
    """A wish that says why, as a code that can be counted."""

    reason: Code


class ReasonedFact(TicketFact):
    """A change that says why."""

    reason: Code
