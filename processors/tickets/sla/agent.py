"""Wires the service clocks: events of tickets and the time into an inbox, the inbox into warnings and breaches."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import uuid5

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from processors.tickets.sla.decide import decide, next_due
from processors.tickets.sla.hours import HoursOf
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.state import evolve
from processors.tickets.sla.tracking import TRACKED, track_of
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.core.message import Message, View
from schemas.core.outcome import Drop, Emit, Outcome
from schemas.sla import CheckClocks, ClocksView, TrackClocks
from topics.access import ACCESS_VIEWS
from topics.clocks import CLOCK_COMMANDS, CLOCK_EVENTS, CLOCK_VIEWS
from topics.tickets import TICKET_EVENTS

CLOCKS = Aggregate(view=CLOCK_VIEWS, evolve=evolve)
LOOK_EVERY_S = 2.0
SETTLED_AFTER = timedelta(seconds=15)
"""A move and the moment it beats may come in any order within this time; the engine asks for the ends of its
partitions every five seconds."""


def wire_clocks(app: App, policy: SlaPolicy, hours_of: HoursOf) -> None:
    """Run the service clocks of all tickets, by the hours of their workspaces. Importing this registers nothing."""
    app.follow(ACCESS_VIEWS)

    @app.agent(TICKET_EVENTS, emits=(CLOCK_COMMANDS,), expects=TRACKED)
    async def follow(event: Message, envelope: Envelope) -> Outcome:
        command = track_of(event)
        return Drop("not_timed") if command is None else Emit.of(command)

    @app.agent(CLOCK_COMMANDS, emits=(CLOCK_EVENTS,), state=CLOCKS)
    async def clocks(command: Message, envelope: Envelope, view: ClocksView | None) -> Outcome:
        if not isinstance(command, TrackClocks):
            return decide(command, view, policy)
        workspace = view.workspace_id if view is not None else command.workspace_id or DEFAULT_WORKSPACE
        return decide(command, view, policy, await hours_of(workspace))

    dues = DueTimes(policy)
    asked: dict[str, datetime] = {}

    @app.every(LOOK_EVERY_S)
    async def look_at_the_clocks() -> None:
        # After a day of standstill the moves of that day come first: they may have stopped what seems due.
        if app.engine is None or any(one.lag != 0 for one in app.engine.standing()):
            return
        as_of = app.wall_clock.now() - SETTLED_AFTER
        fallen = dues.fallen(app.states(CLOCKS), as_of)
        for ticket_id, due in fallen:
            if asked.get(ticket_id) != due:
                # The same look has the same id, so a worker that looks again after a restart changes nothing.
                look = uuid5(NAMESPACE, f"clocks/{ticket_id}/{due.isoformat()}")
                await app.tell(CheckClocks(ticket_id=ticket_id, looked_at=as_of), correlation_id=ticket_id, id=look)
                asked[ticket_id] = due
        for ticket_id in asked.keys() - {ticket_id for ticket_id, _ in fallen}:
            del asked[ticket_id]


class DueTimes:
    """What is due next on each ticket, worked out again only when its clocks have changed."""

    def __init__(self, policy: SlaPolicy) -> None:
        self._policy = policy
        self._known: dict[str, tuple[ClocksView, datetime | None]] = {}

    def fallen(self, views: Iterable[View], as_of: datetime) -> list[tuple[str, datetime]]:
        """Return the tickets with something due by ``as_of``, and since when, the earliest first."""
        known: dict[str, tuple[ClocksView, datetime | None]] = {}
        for view in views:
            assert isinstance(view, ClocksView)
            before = self._known.get(view.ticket_id)
            known[view.ticket_id] = before if before and before[0] is view else (view, next_due(view, self._policy))
        self._known = known
        due = [(at, ticket) for ticket, (_, at) in known.items() if at is not None and at <= as_of]
        return [(ticket, at) for at, ticket in sorted(due)]
