"""What the token engine works on: the definition of a flow, the state of one instance, events in, outputs out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from processors.orchestrator.durations import Schedule
from processors.orchestrator.expressions import Expression

Kind = Literal[
    "start", "end", "service", "user", "receive", "catch", "exclusive", "parallel",
    "timer_boundary", "error_boundary", "message_boundary",
]  # fmt: skip
EndKind = Literal["none", "terminate", "error"]
Status = Literal["new", "running", "completed", "terminated", "cancelled"]
OVER: frozenset[Status] = frozenset({"completed", "terminated", "cancelled"})


# --- the definition ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong in a BPMN file, and where."""

    element_id: str
    element_type: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.element_type} {self.element_id!r}: {self.message}"


class DefinitionError(ValueError):
    """A BPMN file cannot be deployed; `issues` holds everything found in it, in the order of lines."""

    def __init__(self, issues: list[Issue]) -> None:
        self.issues = tuple(sorted(issues, key=lambda issue: issue.line))
        super().__init__("\n".join(str(issue) for issue in self.issues))


@dataclass(frozen=True, slots=True)
class Binding:
    """A name and the expression that gives its value: an input of a command or task, or an assignment."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """A message that is waited for: its type, the variable it fills, a condition on it, a refusal's error code."""

    type: str
    into: str | None = None
    when: Expression | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """What a service task sends and the answers that complete or refuse it; no replies: fire and forget."""

    type: str
    inputs: tuple[Binding, ...] = ()
    replies: tuple[MessageSpec, ...] = ()
    refusals: tuple[MessageSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """A variable that completing a user task may set; `values`, if any, lists the only texts allowed."""

    name: str
    values: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class UserTask:
    """Work for a person of `role`, shown `inputs` in `form`."""

    role: str
    form: str | None = None
    inputs: tuple[Binding, ...] = ()
    outputs: tuple[TaskOutput, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow."""

    id: str
    name: str
    source: str
    target: str
    condition: Expression | None
    line: int


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node with what its kind needs; `boundaries` are the ids of the boundary events on it."""

    id: str
    kind: Kind
    name: str
    line: int
    incoming: tuple[str, ...] = ()
    outgoing: tuple[Flow, ...] = ()
    default: str | None = None
    assigns: tuple[Binding, ...] = ()
    command: Command | None = None
    task: UserTask | None = None
    messages: tuple[MessageSpec, ...] = ()
    end: EndKind = "none"
    error_code: str | None = None
    attached_to: str | None = None
    interrupting: bool = True
    schedule: Schedule | None = None
    boundaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A checked flow, ready to run. `hash` pins instances to exactly this content.

    `awaited` holds every message type the flow can take at all, `kept` those that may come before the flow waits
    for them, `reaches` for each node the nodes that a token on it can still come to.
    """

    id: str
    name: str
    hash: str
    nodes: Mapping[str, Node]
    variables: tuple[Binding, ...] = ()
    starts: tuple[str, ...] = ()
    awaited: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    reaches: Mapping[str, frozenset[str]] = field(default_factory=dict)


# --- the state of one instance -------------------------------------------------------------------------------


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Incident(_Frozen):
    """Why a token is parked. `leaving`: the node's work is done and only its way out failed."""

    reason: str
    detail: str
    leaving: bool = False


class Token(_Frozen):
    """A token that waits at `node`: for a reply, a message, a person, or the resolution of an incident."""

    node: str
    via: str | None = None
    timers: tuple[str, ...] = ()
    claimed_by: str | None = None
    incident: Incident | None = None


class Timer(_Frozen):
    """A running boundary timer; `left` counts the firings to come, this one included (None: without end)."""

    node: str
    token: str
    due: datetime
    left: int | None = 1


class State(_Frozen):
    """One instance. JSON in both directions; the engine never changes a state, it makes the next one.

    The id of a waiting token is the key of its command, or the id of its task, or the id of its incident. `joins`
    counts the arrivals at parallel joins by flow, `kept` holds early messages by type, `seen` short hashes of the
    newest messages, against redelivery.
    """

    definition: str
    business_key: str
    status: Status = "new"
    counter: int = 0
    tokens: dict[str, Token] = Field(default_factory=dict)
    timers: dict[str, Timer] = Field(default_factory=dict)
    joins: dict[str, dict[str, int]] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)
    kept: dict[str, Any] = Field(default_factory=dict)
    seen: tuple[str, ...] = ()

    @classmethod
    def new(cls, definition: Definition, business_key: str) -> Self:
        """The state of an instance that has not started."""
        return cls(definition=definition.hash, business_key=business_key)

    def dump(self) -> bytes:
        """Compact JSON; fields at their default are left out."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def load(cls, data: bytes | str) -> Self:
        """The state that `dump` wrote; pydantic.ValidationError for anything else."""
        return cls.model_validate_json(data)


# --- events: what happens to an instance ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the log. `in_reply_to` is the key of the command it answers, where that is known."""

    event_id: str
    type: str
    data: Mapping[str, Any]
    in_reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start the instance by a message, or without one, with `variables` set beforehand."""

    message: Message | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A scheduled timer is due."""

    timer_id: str


@dataclass(frozen=True, slots=True)
class TaskClaimed:
    """A person takes a task; `by` None hands it back."""

    task_id: str
    by: str | None


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """A person has done a task."""

    task_id: str
    by: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolve:
    """Resolve an incident, after setting `variables`.

    `retry` does what failed again, `skip` goes on as if the node were done, `move` puts the token on node `to`,
    `cancel` ends the instance.
    """

    incident_id: str
    action: Literal["retry", "skip", "move", "cancel"]
    variables: Mapping[str, Any] = field(default_factory=dict)
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the instance from outside."""

    reason: str


Event = Start | Message | TimerFired | TaskClaimed | TaskCompleted | Resolve | Cancel


# --- outputs: what the world has to do, and what there is to know ----------------------------------------------


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Send a command; `key` is unique in the instance and the same however often this step is repeated."""

    key: str
    node_id: str
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScheduleTimer:
    """Deliver TimerFired(timer_id) at `due` (UTC) or later; asking again for the same id replaces it."""

    timer_id: str
    due: datetime
    node_id: str


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is no longer wanted."""

    timer_id: str


@dataclass(frozen=True, slots=True)
class RaiseTask:
    """Ask a person of `role`, showing `data` in `form`."""

    task_id: str
    node_id: str
    name: str
    role: str
    form: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimTask:
    """The task is now held by `by`, or by nobody."""

    task_id: str
    by: str | None


@dataclass(frozen=True, slots=True)
class RefuseTask:
    """A claim or completion was not accepted; the task stays as it is."""

    task_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseTask:
    """The task is over: `completed`, `interrupted` or `ended`."""

    task_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RaiseIncident:
    """A token is parked until somebody resolves it."""

    incident_id: str
    node_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CloseIncident:
    """The incident is over: `retry`, `skip`, `move`, or `ended` with its instance."""

    incident_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A token came to a node."""

    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Left:
    """A token left a node, by its way out or because it was interrupted."""

    node_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An end event was reached (None: cancelled); `final` when the instance is over with it."""

    end_event_id: str | None
    name: str
    final: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A message came before the flow waits for it and is kept until then."""

    event_id: str
    type: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """The event changed nothing, and why."""

    reason: str


Output = (
    SendCommand | ScheduleTimer | CancelTimer | RaiseTask | ClaimTask | RefuseTask | CloseTask
    | RaiseIncident | CloseIncident | Entered | Left | Ended | Kept | Ignored
)  # fmt: skip
