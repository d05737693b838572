"""Topics of the flow."""

from datetime import timedelta

from schemas.workflow import (
    CompleteTask,
    FireTimer,
    FlowAdvanced,
    FlowEnded,
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
from topics.topic import Compact, Delete, Topic

WORKFLOW_COMMANDS = Topic(
    name="workflow.commands.v1",
    owner="orchestrator",
    summary="The inbox of the flows: events they react to, due timers, what people finished.",
    carries=(SignalFlow, FireTimer, CompleteTask, ResolveIncident),
    key="ticket_id",
    personal_data=True,
)
WORKFLOW_EVENTS = Topic(
    name="workflow.events.v1",
    owner="orchestrator",
    summary="The steps of each flow and the tasks it gives to people.",
    carries=(
        FlowAdvanced,
        TaskRaised,
        TaskCompleted,
        TaskClosed,
        TaskRefused,
        IncidentRaised,
        IncidentResolved,
        FlowEnded,
    ),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
WORKFLOW_VIEWS = Topic(
    name="workflow.views.v1",
    owner="orchestrator",
    summary="The newest state of each flow.",
    carries=(FlowView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
