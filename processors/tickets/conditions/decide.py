"""What becomes of a checklist, a photo of an item, or a signature. Pure and total."""

from collections import Counter
from datetime import datetime

from processors.tickets.conditions.checklists import checklist_of
from schemas.conditions import (
    AddConditionPhoto,
    ConditionAnswer,
    ConditionPhotoAdded,
    ConditionRecorded,
    ConditionRefused,
    ConditionSheet,
    ConditionStage,
    ConditionsView,
    DocumentSigned,
    RecordCondition,
    SignDocument,
)
from schemas.core.message import Message
from schemas.core.outcome import Emit, Outcome, Reject

PHOTOS_MAX = 40
"""Of one stage: two for each item of the longest list leave room."""


def decide(command: Message, view: ConditionsView | None, now: datetime) -> Outcome:
    """Answer a command about the condition of one ticket's device."""
    match command:
        case RecordCondition():
            return _record(command, view, now)
        case AddConditionPhoto():
            return _photo(command, view, now)
        case SignDocument():
            return _sign(command, view, now)
        case _:
            return Reject("unknown_command", f"the conditions do not handle {command.TYPE}")


def sheet_of(view: ConditionsView | None, stage: ConditionStage) -> ConditionSheet | None:
    """Return the newest checklist of a stage."""
    return next((sheet for sheet in view.sheets if sheet.stage == stage), None) if view is not None else None


def _record(command: RecordCondition, view: ConditionsView | None, now: datetime) -> Outcome:
    items = checklist_of(command.category)
    given = Counter(answer.item for answer in command.answers)
    if unknown := sorted(given.keys() - set(items)):
        listed = ", ".join(items)
        return _refuse(command, "unknown_item", f"{unknown[0]} is not on the list; on it are {listed}.", now)
    if twice := [item for item, count in given.items() if count > 1]:
        return _refuse(command, "item_twice", f"{twice[0]} is answered more than once; keep one answer.", now)
    answered = {answer.item: answer for answer in command.answers}
    before = sheet_of(view, command.stage)
    return Emit.of(
        ConditionRecorded(
            ticket_id=command.ticket_id,
            stage=command.stage,
            category=command.category,
            revision=1 if before is None else before.revision + 1,
            answers=tuple(answered.get(item, ConditionAnswer(item=item, grade="not_checked")) for item in items),
            recorded_by=command.recorded_by,
            recorded_at=now,
        )
    )


def _photo(command: AddConditionPhoto, view: ConditionsView | None, now: datetime) -> Outcome:
    there = [one for one in (view.photos if view is not None else ()) if one.stage == command.stage]
    known = any((one.item, one.photo) == (command.item, command.photo) for one in there)
    if len(there) >= PHOTOS_MAX and not known:
        detail = f"There are {PHOTOS_MAX} photos of this stage already; that is as many as are kept."
        return _refuse(command, "too_many_photos", detail, now)
    return Emit.of(
        ConditionPhotoAdded(
            ticket_id=command.ticket_id, stage=command.stage, item=command.item, photo=command.photo, added_at=now
        )
    )


def _sign(command: SignDocument, view: ConditionsView | None, now: datetime) -> Outcome:
    sheet = sheet_of(view, command.stage)
    if sheet is None:
        detail = "There is no checklist of this stage to sign; fill it in first."
        return _refuse(command, "nothing_recorded", detail, now)
    if sheet.revision != command.revision:
        detail = f"Revision {command.revision} was signed but {sheet.revision} is the newest; show it and sign again."
        return _refuse(command, "other_revision", detail, now)
    return Emit.of(
        DocumentSigned(
            ticket_id=command.ticket_id,
            stage=command.stage,
            revision=command.revision,
            language=command.language,
            document_sha256=command.document_sha256,
            signature=command.signature,
            signed_at=now,
        )
    )


def _refuse(
    command: RecordCondition | AddConditionPhoto | SignDocument, reason: str, detail: str, now: datetime
) -> Outcome:
    refused = ConditionRefused(
        ticket_id=command.ticket_id, stage=command.stage, reason=reason, detail=detail, refused_at=now
    )
    return Emit.of(refused)
