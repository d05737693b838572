"""One input of a flow's inbox: what the engine makes of it, as messages of the house. Pure and total."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from processors.orchestrator import model
from processors.orchestrator.deployment import Flows, build
from processors.orchestrator.engine import step
from processors.orchestrator.expressions import Expression, ExpressionError
from processors.orchestrator.state import NO_FLOW
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.workflow import (
    CompleteTask,
    FireTimer,
    FlowAdvanced,
    FlowEnded,
    FlowStep,
    FlowView,
    IncidentRaised,
    IncidentResolved,
    ResolveIncident,
    SignalFlow,
    TaskClosed,
    TaskCompleted,
    TaskRaised,
    TaskRefused,
)

Sent = tuple[Message, UUID | None]


def command_id(ticket_id: str, key: str) -> UUID:
    """Return the id of the command that a flow sends under ``key``: the same however often it is sent."""
    return uuid5(NAMESPACE, f"flow/{ticket_id}/{key}")


def decide(command: Message, view: FlowView | None, now: datetime, flows: Flows) -> Outcome:
    """Take one input of a repair's flow."""
    ticket_id = str(getattr(command, "ticket_id", ""))
    if view is None:
        return _begin(command, now, flows)
    definition = flows.pinned(view.definition_hash)
    if definition is None:
        return Reject("unknown_definition", f"flow {view.definition} {view.definition_hash[:12]} is not deployed")
    state = model.State.model_validate(view.state)
    event = _event(command, state, ticket_id)
    if event is None:
        return Reject("not_for_a_flow", f"{command.TYPE} is no input of a flow")
    return _advance(definition, state, event, command, now)


def _begin(command: Message, now: datetime, flows: Flows) -> Outcome:
    if isinstance(command, CompleteTask):
        return Emit.of(_refused(command.ticket_id, command.task_id, NO_FLOW, now))
    if isinstance(command, ResolveIncident):
        return Emit.of(_refused(command.ticket_id, command.incident_id, NO_FLOW, now))
    if not isinstance(command, SignalFlow):
        return Drop("no_flow")
    definition = flows.starting(command.event_type)
    if definition is None:
        return Drop("no_flow")
    state = model.State.new(definition, command.ticket_id)
    message = model.Message(str(command.event_id), command.event_type, command.data)
    return _advance(definition, state, model.Start(message), command, now)


def _event(command: Message, state: model.State, ticket_id: str) -> model.Event | None:
    match command:
        case SignalFlow():
            key = _answered(command, state, ticket_id)
            return model.Message(str(command.event_id), command.event_type, command.data, key)
        case FireTimer():
            return model.TimerFired(command.timer_id)
        case CompleteTask():
            return model.TaskCompleted(command.task_id, command.by, command.outputs)
        case ResolveIncident():
            return model.Resolve(command.incident_id, command.action, command.variables)
        case _:
            return None


def _answered(signal: SignalFlow, state: model.State, ticket_id: str) -> str | None:
    """Return the key of the flow's own command that an event answers.

    An answer to a command that nothing waits for any more (asked again since, or sent without waiting) keeps its
    key as well: without one the engine would give it to the next token that waits for this type.
    """
    if signal.in_reply_to is None:
        return None
    keys = (*state.tokens, *(f"t{count}" for count in range(state.counter, 0, -1)))
    return next((key for key in keys if command_id(ticket_id, key) == signal.in_reply_to), None)


def _advance(
    definition: model.Definition, before: model.State, event: model.Event, command: Message, now: datetime
) -> Outcome:
    after, outputs = _fitting_step(definition, before, event, now)
    if after is before or after == before:
        return _unchanged(outputs, command, before.business_key, now)
    sent: list[Sent] = [(_advanced(definition, before, after, outputs, command, now), None)]
    for output in outputs:
        sent.extend(_said(output, command, before.business_key, now))
    return Emit.with_ids(sent)


def _fitting_step(
    definition: model.Definition, before: model.State, event: model.Event, now: datetime
) -> tuple[model.State, tuple[model.Output, ...]]:
    """Take one step in which every command that is sent fits its schema.

    Inputs that do not fit their command are treated as inputs without a value: the step is taken again with that
    known, so the engine parks the token as an incident before anything goes on, and a person can set it right.
    """
    unfit: dict[str, str] = {}
    while True:
        after, outputs = step(_refusing(definition, unfit), before, event, now)
        commands = [output for output in outputs if isinstance(output, model.SendCommand)]
        found = {one.node_id: wrong for one in commands if isinstance(wrong := build(one.type, one.data), str)}
        if not found:
            return after, outputs
        unfit |= found


def _refusing(definition: model.Definition, unfit: Mapping[str, str]) -> model.Definition:
    """Return the flow with service tasks whose inputs have no value, by node and what is wrong with them."""
    if not unfit:
        return definition
    nodes = dict(definition.nodes)
    for node_id, wrong in unfit.items():
        node = nodes[node_id]
        assert node.command is not None
        inputs = (model.Binding("data", _without_value(node.id, wrong)),)
        nodes[node_id] = replace(node, command=replace(node.command, inputs=inputs))
    return replace(definition, nodes=nodes)


def _without_value(node_id: str, wrong: str) -> Expression:
    def fail(_variables: Mapping[str, Any]) -> Any:
        raise ExpressionError(wrong)

    return Expression(f"the inputs of {node_id}", frozenset(), fail)


def _unchanged(outputs: tuple[model.Output, ...], command: Message, ticket_id: str, now: datetime) -> Outcome:
    """Tell a person who acted why nothing came of it; what machines said is dropped."""
    reasons = [output.reason for output in outputs if isinstance(output, model.RefuseTask | model.Ignored)]
    reason = "; ".join(reasons) or "nothing changed"
    if isinstance(command, CompleteTask):
        return Emit.of(_refused(ticket_id, command.task_id, reason, now))
    if isinstance(command, ResolveIncident):
        return Emit.of(_refused(ticket_id, command.incident_id, reason, now))
    return Drop("ignored_by_flow")


def _advanced(
    definition: model.Definition,
    before: model.State,
    after: model.State,
    outputs: tuple[model.Output, ...],
    command: Message,
    now: datetime,
) -> FlowAdvanced:
    steps = tuple(
        FlowStep(
            kind="entered" if isinstance(output, model.Entered) else "left", node_id=output.node_id, name=output.name
        )
        for output in outputs
        if isinstance(output, model.Entered | model.Left)
    )
    changed = {
        name: value
        for name, value in after.variables.items()
        if name not in before.variables or before.variables[name] is not value
    }
    return FlowAdvanced(
        ticket_id=after.business_key,
        definition=definition.id,
        definition_hash=definition.hash,
        cause=command.event_type if isinstance(command, SignalFlow) else command.TYPE,
        steps=steps,
        state=after.model_dump(mode="json", exclude_defaults=True, exclude={"variables"}),
        variables=changed,
        advanced_at=now,
    )


def _said(output: model.Output, command: Message, ticket_id: str, now: datetime) -> list[Sent]:
    match output:
        case model.SendCommand():
            return [_command(output, ticket_id)]
        case model.RaiseTask():
            return [(_task(output, ticket_id, now), None)]
        case model.CloseTask():
            return [(_closed(output, command, ticket_id, now), None)]
        case model.RefuseTask():
            return [(_refused(ticket_id, output.task_id, output.reason, now), None)]
        case model.RaiseIncident():
            return [(_incident(output.incident_id, output.node_id, output.reason, output.detail, ticket_id, now), None)]
        case model.CloseIncident():
            return [
                (
                    IncidentResolved(
                        ticket_id=ticket_id, incident_id=output.incident_id, how=output.reason, resolved_at=now
                    ),
                    None,
                )
            ]
        case model.Ended(final=True):
            end = FlowEnded(
                ticket_id=ticket_id, end_id=output.end_event_id or "cancelled", name=output.name, ended_at=now
            )
            return [(end, None)]
        case _:
            return []


def _command(output: model.SendCommand, ticket_id: str) -> Sent:
    built = build(output.type, output.data)
    assert isinstance(built, Message), built
    return built, command_id(ticket_id, output.key)


def _task(output: model.RaiseTask, ticket_id: str, now: datetime) -> TaskRaised:
    return TaskRaised(
        ticket_id=ticket_id,
        task_id=output.task_id,
        node_id=output.node_id,
        name=output.name,
        role=output.role,
        form=output.form,
        data=output.data,
        raised_at=now,
    )


def _closed(output: model.CloseTask, command: Message, ticket_id: str, now: datetime) -> Message:
    if output.reason == "completed" and isinstance(command, CompleteTask):
        return TaskCompleted(ticket_id=ticket_id, task_id=output.task_id, by=command.by, completed_at=now)
    return TaskClosed(ticket_id=ticket_id, task_id=output.task_id, reason=output.reason, closed_at=now)


def _refused(ticket_id: str, task_id: str, reason: str, now: datetime) -> TaskRefused:
    return TaskRefused(ticket_id=ticket_id, task_id=task_id, reason=reason, refused_at=now)


def _incident(
    incident_id: str, node_id: str, reason: str, detail: str, ticket_id: str, now: datetime
) -> IncidentRaised:
    return IncidentRaised(
        ticket_id=ticket_id, incident_id=incident_id, node_id=node_id, reason=reason, detail=detail, raised_at=now
    )


def due_timers(view: FlowView, now: datetime) -> list[tuple[str, datetime]]:
    """Return the timers of a flow that are due: their ids and due times."""
    timers: dict[str, Any] = view.state.get("timers", {})
    if view.ended is not None:
        return []
    found = [(timer_id, datetime.fromisoformat(timer["due"])) for timer_id, timer in timers.items()]
    return [(timer_id, due) for timer_id, due in found if due <= now]
