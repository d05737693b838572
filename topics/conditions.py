"""Topics of the condition of devices."""

from datetime import timedelta

from schemas.conditions import (
    AddConditionPhoto,
    ConditionPhotoAdded,
    ConditionRecorded,
    ConditionRefused,
    ConditionsView,
    DocumentSigned,
    RecordCondition,
    SignDocument,
)
from topics.topic import Compact, Delete, Topic

CONDITION_COMMANDS = Topic(
    name="conditions.commands.v1",
    owner="tickets",
    summary="Checklists, photos of items and signatures to keep.",
    carries=(RecordCondition, AddConditionPhoto, SignDocument),
    key="ticket_id",
    personal_data=True,
)
CONDITION_EVENTS = Topic(
    name="conditions.events.v1",
    owner="tickets",
    summary="In what condition a device came and went, and what was signed.",
    carries=(ConditionRecorded, ConditionPhotoAdded, DocumentSigned, ConditionRefused),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
CONDITION_VIEWS = Topic(
    name="conditions.views.v1",
    owner="tickets",
    summary="The condition of each ticket's device.",
    carries=(ConditionsView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
