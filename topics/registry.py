"""All topics, in one explicit tuple, and the look-ups everything else uses."""

from datetime import timedelta

from schemas.core.message import Message
from topics.access import ACCESS_COMMANDS, ACCESS_EVENTS, ACCESS_VIEWS
from topics.audit import AUDIT_CHECKPOINTS, AUDIT_HEADS, LETTERS_SETTLED
from topics.clocks import CLOCK_COMMANDS, CLOCK_EVENTS, CLOCK_VIEWS
from topics.conditions import CONDITION_COMMANDS, CONDITION_EVENTS, CONDITION_VIEWS
from topics.devices import DEVICE_COMMANDS, DEVICE_EVENTS, DEVICE_VIEWS
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS, DIAGNOSIS_VIEWS
from topics.edge import EDGE_ANSWERS
from topics.hooks import HOOK_EVENTS
from topics.inspections import IMAGE_EVENTS, INSPECTION_COMMANDS, INSPECTION_EVENTS, INSPECTION_VIEWS
from topics.inventory import INVENTORY_COMMANDS, INVENTORY_EVENTS, INVENTORY_VIEWS
from topics.models import MODEL_EVENTS
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, NOTIFICATION_VIEWS
from topics.passcodes import PASSCODE_COMMANDS, PASSCODE_EVENTS, PASSCODE_VIEWS
from topics.progress import DIAGNOSIS_PROGRESS
from topics.qc import QC_COMMANDS, QC_EVENTS, QC_VIEWS
from topics.quotes import QUOTE_COMMANDS, QUOTE_EVENTS, QUOTE_VIEWS
from topics.refusals import REFUSAL_EVENTS
from topics.schematics import DESIGN_COMMANDS, DESIGN_EVENTS, DESIGN_VIEWS
from topics.tickets import TICKET_COMMANDS, TICKET_EVENTS, TICKET_VIEWS
from topics.topic import Delete, Topic
from topics.webhooks import WEBHOOK_COMMANDS, WEBHOOK_EVENTS, WEBHOOK_VIEWS
from topics.workflow import WORKFLOW_COMMANDS, WORKFLOW_EVENTS, WORKFLOW_VIEWS

COMMANDS = (
    TICKET_COMMANDS,
    DEVICE_COMMANDS,
    CLOCK_COMMANDS,
    CONDITION_COMMANDS,
    PASSCODE_COMMANDS,
    INSPECTION_COMMANDS,
    DIAGNOSIS_COMMANDS,
    INVENTORY_COMMANDS,
    QUOTE_COMMANDS,
    NOTIFICATION_COMMANDS,
    WORKFLOW_COMMANDS,
    WEBHOOK_COMMANDS,
    QC_COMMANDS,
    DESIGN_COMMANDS,
    ACCESS_COMMANDS,
)
EVENTS = (
    TICKET_EVENTS,
    DEVICE_EVENTS,
    CLOCK_EVENTS,
    CONDITION_EVENTS,
    PASSCODE_EVENTS,
    IMAGE_EVENTS,
    INSPECTION_EVENTS,
    DIAGNOSIS_EVENTS,
    INVENTORY_EVENTS,
    QUOTE_EVENTS,
    NOTIFICATION_EVENTS,
    WORKFLOW_EVENTS,
    HOOK_EVENTS,
    WEBHOOK_EVENTS,
    REFUSAL_EVENTS,
    QC_EVENTS,
    DESIGN_EVENTS,
    ACCESS_EVENTS,
    MODEL_EVENTS,
)
SUBSCRIBABLE = tuple(
    topic for topic in EVENTS if topic.owner not in {"gateway", "webhooks"} and topic is not MODEL_EVENTS
)
"""What others may subscribe to: what happens in the shop. A delivery is no news, or each would lead to another; nor
is who came to the door, or what a language model cost.
"""
VIEWS = (
    TICKET_VIEWS,
    DEVICE_VIEWS,
    CLOCK_VIEWS,
    CONDITION_VIEWS,
    PASSCODE_VIEWS,
    INSPECTION_VIEWS,
    DIAGNOSIS_VIEWS,
    INVENTORY_VIEWS,
    QUOTE_VIEWS,
    NOTIFICATION_VIEWS,
    WORKFLOW_VIEWS,
    WEBHOOK_VIEWS,
    QC_VIEWS,
    DESIGN_VIEWS,
    ACCESS_VIEWS,
)
PROCESSORS = (
    "tickets", "vision", "brain", "inventory", "pricing", "notify", "orchestrator", "analytics", "gateway", "webhooks",
    "qc", "schematics",
)  # fmt: skip


def dead_letters(processor: str) -> Topic:
    """Return the dead-letter topic of a processor: raw records it could not handle, kept 90 days."""
    return Topic(
        name=f"dlq.{processor}.v1",
        owner=processor,
        summary=f"Records that {processor} could not handle, with the reason.",
        carries=(),
        key="",
        cleanup=Delete(timedelta(days=90)),
        max_bytes=2_097_152,  # the record of a full-size message, and its reason, must fit
        personal_data=True,
    )


DEAD_LETTERS = tuple(dead_letters(processor) for processor in PROCESSORS)
AUDIT = (AUDIT_CHECKPOINTS, AUDIT_HEADS, LETTERS_SETTLED)
"""Of the auditor and the operator, who are no processors."""
EDGE = (EDGE_ANSWERS,)
"""What the replicas of the edge need to act as one. It is no fact about the shop and soon gone, so nobody else reads
it and the auditor does not seal it."""
PASSING = (DIAGNOSIS_PROGRESS,)
"""News of the moment, which a fact follows. Nobody keeps it: no timeline, no figures, no webhook, no seal."""
AUDITED = (*COMMANDS, *EVENTS, *DEAD_LETTERS, LETTERS_SETTLED)
"""What the auditor seals. Views are left out: a replay checks them against the events."""
ALL = COMMANDS + EVENTS + VIEWS + DEAD_LETTERS + AUDIT + EDGE + PASSING

_BY_NAME = {topic.name: topic for topic in ALL}
_BY_TYPE = {message.TYPE: topic for topic in ALL for message in topic.carries}
_CLASSES = {message.TYPE: message for topic in ALL for message in topic.carries}


def topic_named(name: str) -> Topic:
    """Return the topic with this name.

    Raises:
        KeyError: no such topic is declared.
    """
    return _BY_NAME[name]


def topic_of(message_type: str) -> Topic:
    """Return the one topic that carries a message type.

    Raises:
        KeyError: no topic carries it.
    """
    return _BY_TYPE[message_type]


def class_of(message_type: str) -> type[Message]:
    """Return the class of a message type.

    Raises:
        KeyError: no topic carries it.
    """
    return _CLASSES[message_type]
