"""How the events of a device's condition add up. Pure and total."""

from schemas.conditions import (
    AddConditionPhoto,
    ConditionPhoto,
    ConditionPhotoAdded,
    ConditionRecorded,
    ConditionSheet,
    ConditionSignature,
    ConditionsView,
    DocumentSigned,
    RecordCondition,
    SignDocument,
)
from schemas.core.message import Event, Message


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket a message is about. A refusal changes nothing, and may be all there is."""
    if isinstance(
        message,
        RecordCondition | AddConditionPhoto | SignDocument | ConditionRecorded | ConditionPhotoAdded | DocumentSigned,
    ):
        return (message.ticket_id,)
    return ()


def evolve_one(key: str, view: ConditionsView | None, event: Event) -> ConditionsView:
    """Return the condition after an event that ``keys_of`` ties to it."""
    return evolve(view or ConditionsView(ticket_id=key), event)


def evolve(view: ConditionsView, event: Event) -> ConditionsView:
    """Return the condition after ``event``; a new sheet or signature takes the place of the one of its stage."""
    match event:
        case ConditionRecorded():
            sheet = ConditionSheet.model_validate(event.model_dump())
            kept = tuple(one for one in view.sheets if one.stage != event.stage)
            return view.model_copy(update={"sheets": (*kept, sheet)})
        case ConditionPhotoAdded():
            if any((one.stage, one.item, one.photo) == (event.stage, event.item, event.photo) for one in view.photos):
                return view
            return view.model_copy(update={"photos": (*view.photos, ConditionPhoto.model_validate(event.model_dump()))})
        case DocumentSigned():
            signed = ConditionSignature.model_validate(event.model_dump())
            others = tuple(one for one in view.signatures if one.stage != event.stage)
            return view.model_copy(update={"signatures": (*others, signed)})
        case _:
            return view
