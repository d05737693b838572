"""The orchestrator's wiring: events of the shop into the inbox of their flow, the inbox through the engine."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid5

import orjson

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.orchestrator.decide import decide, due_timers
from processors.orchestrator.deployment import OBSERVED, STEERED, Flows
from processors.orchestrator.state import evolve_one, keys_of
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.message import Message, View
from schemas.core.outcome import Drop, Emit, Outcome
from schemas.workflow import FireTimer, FlowView, SignalFlow
from topics.registry import class_of
from topics.workflow import WORKFLOW_COMMANDS, WORKFLOW_EVENTS, WORKFLOW_VIEWS

FLOWS = Aggregates(view=WORKFLOW_VIEWS, keys=keys_of, evolve=evolve_one)
TICK_S = 0.5


def wire(app: App, flows: Flows) -> None:
    """Run the deployed flows. What they react to is read off them, so a new flow needs no new code."""
    awaited = [class_of(message_type) for message_type in sorted(flows.awaited)]

    @app.agent(*OBSERVED, emits=WORKFLOW_COMMANDS, expects=awaited)
    async def signal(event: Message, envelope: Envelope) -> Outcome:
        ticket_id = getattr(event, "ticket_id", None)
        if ticket_id is None:
            return Drop("no_ticket")
        return Emit.of(
            SignalFlow(
                ticket_id=ticket_id,
                event_id=envelope.id,
                event_type=envelope.type,
                in_reply_to=envelope.causation_id,
                data=orjson.loads(event.to_json()),
            )
        )

    @app.agent(WORKFLOW_COMMANDS, emits=(WORKFLOW_EVENTS, *STEERED), state=FLOWS)
    async def advance(command: Message, envelope: Envelope, views: Mapping[str, View]) -> Outcome:
        view = views.get(envelope.subject)
        assert view is None or isinstance(view, FlowView)
        return decide(command, view, envelope.time, flows)

    fired: set[Any] = set()

    @app.every(TICK_S)
    async def fire_due_timers() -> None:
        now = app.wall_clock.now()
        waiting = set()
        for view in app.states(FLOWS):
            assert isinstance(view, FlowView)
            for timer_id, due in due_timers(view, now):
                waiting.add((view.ticket_id, timer_id, due))
        for ticket_id, timer_id, due in waiting - fired:
            # The same firing has the same id, so a worker that fires it again after a restart changes nothing.
            firing = uuid5(NAMESPACE, f"timer/{ticket_id}/{timer_id}/{due.isoformat()}")
            timer = FireTimer(ticket_id=ticket_id, timer_id=timer_id, due=due)
            await app.tell(timer, correlation_id=ticket_id, id=firing)
        fired.clear()
        fired.update(waiting)
