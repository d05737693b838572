"""The condition of a device when it is handed in and when it is given back, and what the customer signed of it."""

from typing import ClassVar, Literal, get_args

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code, Sha256, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.devices import DeviceCategory

ConditionStage = Literal["intake", "return"]
Grade = Literal["ok", "worn", "damaged", "missing", "not_checked"]
GRADES: tuple[Grade, ...] = get_args(Grade)
Language = Literal["en", "de", "nl", "fr", "da"]


class ConditionAnswer(Value):
    """What was seen of one item of the checklist."""

    item: Code
    grade: Grade
    note: ShortText | None = None


class RecordCondition(Command):
    """Keep a filled-in checklist; a later one of the same stage replaces it. What is not answered is not checked."""

    TYPE: ClassVar[str] = "noizylab.condition.record.v1"

    ticket_id: TicketId
    stage: ConditionStage
    category: DeviceCategory
    answers: tuple[ConditionAnswer, ...] = Field(max_length=60)
    recorded_by: ShortText


class AddConditionPhoto(Command):
    """Keep a photo of an item, or of the whole device, at one of the two stages."""

    TYPE: ClassVar[str] = "noizylab.condition.add_photo.v1"

    ticket_id: TicketId
    stage: ConditionStage
    item: Code | None = None
    photo: BlobRef


class SignDocument(Command):
    """The customer signed the text of a checklist. ``signature`` is a stored record of the text and the drawing."""

    TYPE: ClassVar[str] = "noizylab.document.sign.v1"

    ticket_id: TicketId
    stage: ConditionStage
    revision: int = Field(ge=1)
    language: Language
    document_sha256: Sha256
    signature: BlobRef


class ConditionRecorded(Event):
    """A checklist was filled in; ``revision`` counts those of its stage from 1. Every item has an answer."""

    TYPE: ClassVar[str] = "noizylab.condition.recorded.v1"

    ticket_id: TicketId
    stage: ConditionStage
    category: DeviceCategory
    revision: int = Field(ge=1)
    answers: tuple[ConditionAnswer, ...]
    recorded_by: ShortText
    recorded_at: UtcTime


class ConditionPhotoAdded(Event):
    """A photo was taken of an item, or of the whole device."""

    TYPE: ClassVar[str] = "noizylab.condition.photo_added.v1"

    ticket_id: TicketId
    stage: ConditionStage
    item: Code | None = None
    photo: BlobRef
    added_at: UtcTime


class DocumentSigned(Event):
    """The customer signed exactly the text with this hash, in this language."""

    TYPE: ClassVar[str] = "noizylab.document.signed.v1"

    ticket_id: TicketId
    stage: ConditionStage
    revision: int = Field(ge=1)
    language: Language
    document_sha256: Sha256
    signature: BlobRef
    signed_at: UtcTime


class ConditionRefused(Event):
    """A checklist, photo or signature that cannot be taken as it is; ``detail`` says what to change."""

    TYPE: ClassVar[str] = "noizylab.condition.refused.v1"

    ticket_id: TicketId
    stage: ConditionStage
    reason: Code
    detail: str
    refused_at: UtcTime


class ConditionSheet(Value):
    """The newest checklist of a stage."""

    stage: ConditionStage
    category: DeviceCategory
    revision: int = Field(ge=1)
    answers: tuple[ConditionAnswer, ...]
    recorded_by: ShortText
    recorded_at: UtcTime


class ConditionPhoto(Value):
    """A photo of an item at a stage; ``item`` None: of the whole device."""

    stage: ConditionStage
    item: Code | None = None
    photo: BlobRef
    added_at: UtcTime


class ConditionSignature(Value):
    """The newest signature of a stage. It is for the revision that it names and no other."""

    stage: ConditionStage
    revision: int = Field(ge=1)
    language: Language
    document_sha256: Sha256
    signature: BlobRef
    signed_at: UtcTime


class ConditionsView(View):
    """What is known of a device's condition: at most one sheet and one signature a stage, and the photos."""

    TYPE: ClassVar[str] = "noizylab.condition.view.v1"

    ticket_id: TicketId
    sheets: tuple[ConditionSheet, ...] = ()
    photos: tuple[ConditionPhoto, ...] = ()
    signatures: tuple[ConditionSignature, ...] = ()
