"""Wires the service clocks: an inbox, and the time, into warnings and breaches. ``following`` fills the inbox."""

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.looks import LOOK_EVERY_S, Looks
from processors.tickets.sla.decide import decide, next_due
from processors.tickets.sla.hours import HoursOf
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.core.message import Message
from schemas.core.outcome import Outcome
from schemas.sla import CheckClocks, ClocksView, TrackClocks
from topics.access import ACCESS_VIEWS
from topics.clocks import CLOCK_COMMANDS, CLOCK_EVENTS, CLOCK_VIEWS

CLOCKS = Aggregate(view=CLOCK_VIEWS, evolve=evolve)


def wire_clocks(app: App, policy: SlaPolicy, hours_of: HoursOf) -> None:
    """Run the service clocks of all tickets, by the hours of their workspaces. Importing this registers nothing."""
    app.follow(ACCESS_VIEWS)

    @app.agent(CLOCK_COMMANDS, emits=(CLOCK_EVENTS,), state=CLOCKS)
    async def clocks(command: Message, envelope: Envelope, view: ClocksView | None) -> Outcome:
        if not isinstance(command, TrackClocks):
            return decide(command, view, policy)
        workspace = view.workspace_id if view is not None else command.workspace_id or DEFAULT_WORKSPACE
        return decide(command, view, policy, await hours_of(workspace))

    looks = looks_at(app, policy)

    @app.every(LOOK_EVERY_S)
    async def look_at_the_clocks() -> None:
        await looks.look()


def looks_at(app: App, policy: SlaPolicy) -> Looks:
    """Return the timer of the clocks."""
    return Looks(
        app,
        "clocks",
        CLOCKS,
        lambda view: next_due(view, policy),
        lambda ticket_id, as_of: CheckClocks(ticket_id=ticket_id, looked_at=as_of),
    )
