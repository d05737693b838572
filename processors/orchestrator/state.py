"""The view of a flow, folded from its events."""

from typing import Any

from schemas.core.message import Event, Message
from schemas.workflow import (
    CompleteTask,
    FireTimer,
    FlowAdvanced,
    FlowEnded,
    FlowView,
    IncidentRaised,
    IncidentResolved,
    OpenTask,
    ResolveIncident,
    SignalFlow,
    TaskClosed,
    TaskCompleted,
    TaskRaised,
    TaskRefused,
)

NO_FLOW = "this ticket has no flow"
"""Reason of a refusal where there is nothing to keep a state of."""


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket whose flow a message is about. A refusal where there is no flow changes none."""
    match message:
        case TaskRefused(reason=reason) if reason == NO_FLOW:
            return ()
        case (
            SignalFlow()
            | FireTimer()
            | CompleteTask()
            | ResolveIncident()
            | FlowAdvanced()
            | TaskRaised()
            | TaskCompleted()
            | TaskClosed()
            | TaskRefused()
            | IncidentRaised()
            | IncidentResolved()
            | FlowEnded()
        ):
            return (message.ticket_id,)
        case _:
            return ()


def evolve_one(_key: str, view: FlowView | None, event: Event) -> FlowView:
    """Return the flow after an event that ``keys_of`` ties to it."""
    return evolve(view, event)


def evolve(view: FlowView | None, event: Event) -> FlowView:
    """Return the flow after ``event``.

    Raises:
        ValueError: the first event of a flow is not its first step.
    """
    if isinstance(event, FlowAdvanced):
        return _advanced(view, event)
    if view is None:
        raise ValueError(f"{event.TYPE} before the first step of the flow")
    changes: dict[str, Any]
    match event:
        case TaskRaised():
            changes = {"tasks": (*view.tasks, OpenTask.model_validate(event.model_dump()))}
        case TaskCompleted() | TaskClosed():
            changes = {"tasks": tuple(task for task in view.tasks if task.task_id != event.task_id)}
        case IncidentRaised():
            changes = {"incidents": (*view.incidents, event)}
        case IncidentResolved():
            changes = {"incidents": tuple(one for one in view.incidents if one.incident_id != event.incident_id)}
        case FlowEnded():
            changes = {"ended": event}
        case _:
            return view
    return _with_status(view.model_copy(update=changes))


def _advanced(view: FlowView | None, event: FlowAdvanced) -> FlowView:
    before = view.state.get("variables", {}) if view else {}
    state = {**event.state, "variables": {**before, **event.variables}}
    if view is None:
        return FlowView(
            ticket_id=event.ticket_id,
            definition=event.definition,
            definition_hash=event.definition_hash,
            status="running",
            state=state,
        )
    return view.model_copy(
        update={"state": state, "definition": event.definition, "definition_hash": event.definition_hash}
    )


def _with_status(view: FlowView) -> FlowView:
    waiting = bool(view.tasks or view.incidents)
    status = "ended" if view.ended else "with_a_person" if waiting else "running"
    return view.model_copy(update={"status": status})
