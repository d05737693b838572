"""The flow: its inbox, its steps, and the tasks it gives to people."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.core.ids import Code, MessageType, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

JsonObject = Annotated[dict[str, Any], Field(description="A JSON object; its shape is the flow's.")]


class SignalFlow(Command):
    """An event of the shop, put into the inbox of the repair's flow.

    Everything a flow reacts to passes through this one topic, so the order in which a repair's flow saw its inputs
    is in the log, and a replay takes the same path.
    """

    TYPE: ClassVar[str] = "noizylab.flow.signal.v1"

    ticket_id: TicketId
    event_id: UUID
    event_type: MessageType
    in_reply_to: UUID | None = None
    data: JsonObject


class FireTimer(Command):
    """A timer of a flow is due."""

    TYPE: ClassVar[str] = "noizylab.flow.fire_timer.v1"

    ticket_id: TicketId
    timer_id: str
    due: UtcTime


class CompleteTask(Command):
    """A person finished a task of a flow."""

    TYPE: ClassVar[str] = "noizylab.task.complete.v1"

    ticket_id: TicketId
    task_id: str
    by: ShortText
    outputs: JsonObject = Field(default_factory=dict)


class ResolveIncident(Command):
    """A person resolves an incident: try the step again, or cancel the flow."""

    TYPE: ClassVar[str] = "noizylab.incident.resolve.v1"

    ticket_id: TicketId
    incident_id: str
    action: Literal["retry", "skip", "cancel"]
    by: ShortText
    variables: JsonObject = Field(default_factory=dict)


class FlowStep(Value):
    """A token entered or left a node."""

    kind: Literal["entered", "left"]
    node_id: str
    name: str


class FlowAdvanced(Event):
    """A flow took steps. ``state`` is the engine's state after them without its variables, ``variables`` those that
    changed: together with the event before, the whole state, so that a replay is exact and the log stays small."""

    TYPE: ClassVar[str] = "noizylab.flow.advanced.v1"

    ticket_id: TicketId
    definition: str
    definition_hash: str
    cause: str = Field(description="Message type, timer or task that moved the flow.")
    steps: tuple[FlowStep, ...] = ()
    state: JsonObject
    variables: JsonObject = Field(default_factory=dict)
    advanced_at: UtcTime


class TaskRaised(Event):
    """A person is asked to act."""

    TYPE: ClassVar[str] = "noizylab.task.raised.v1"

    ticket_id: TicketId
    task_id: str
    node_id: str
    name: str
    role: Code
    form: str | None = None
    data: JsonObject = Field(default_factory=dict)
    raised_at: UtcTime


class TaskCompleted(Event):
    """A person did what was asked."""

    TYPE: ClassVar[str] = "noizylab.task.completed.v1"

    ticket_id: TicketId
    task_id: str
    by: ShortText
    completed_at: UtcTime


class TaskClosed(Event):
    """A task is no longer needed."""

    TYPE: ClassVar[str] = "noizylab.task.closed.v1"

    ticket_id: TicketId
    task_id: str
    reason: str
    closed_at: UtcTime


class TaskRefused(Event):
    """A completion or resolution that does not fit: no such task, or outputs the task does not take."""

    TYPE: ClassVar[str] = "noizylab.task.refused.v1"

    ticket_id: TicketId
    task_id: str
    reason: str
    refused_at: UtcTime


class IncidentRaised(Event):
    """A flow cannot go on by itself: the token is parked until a person resolves it."""

    TYPE: ClassVar[str] = "noizylab.incident.raised.v1"

    ticket_id: TicketId
    incident_id: str
    node_id: str
    reason: str
    detail: str
    raised_at: UtcTime


class IncidentResolved(Event):
    """The parked token moved on, or the flow ended over it."""

    TYPE: ClassVar[str] = "noizylab.incident.resolved.v1"

    ticket_id: TicketId
    incident_id: str
    how: str
    resolved_at: UtcTime


class FlowEnded(Event):
    """A flow reached an end."""

    TYPE: ClassVar[str] = "noizylab.flow.ended.v1"

    ticket_id: TicketId
    end_id: str
    name: str
    ended_at: UtcTime


class OpenTask(Value):
    """A task that waits for a person."""

    task_id: str
    node_id: str
    name: str
    role: Code
    form: str | None = None
    data: JsonObject = Field(default_factory=dict)
    raised_at: UtcTime


class FlowView(View):
    """The newest state of a repair's flow."""

    TYPE: ClassVar[str] = "noizylab.flow.view.v1"

    ticket_id: TicketId
    definition: str
    definition_hash: str
    status: Literal["running", "with_a_person", "ended"]
    state: JsonObject
    tasks: tuple[OpenTask, ...] = ()
    incidents: tuple[IncidentRaised, ...] = ()
    ended: FlowEnded | None = None
