"""Wires the service clocks: an inbox, and the time, into warnings and breaches. ``following`` fills the inbox."""

from collections.abc import Iterable
from datetime import datetime

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.looks import LOOK_EVERY_S, Looks
from processors.tickets.sla.decide import decide, next_due
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from schemas.core.outcome import Outcome
from schemas.sla import CheckClocks, ClocksView
from topics.clocks import CLOCK_COMMANDS, CLOCK_EVENTS, CLOCK_VIEWS

CLOCKS = Aggregate(view=CLOCK_VIEWS, evolve=evolve)


def wire_clocks(app: App, policy: SlaPolicy) -> None:
    """Run the service clocks of all tickets. Importing this module registers nothing."""

    @app.agent(CLOCK_COMMANDS, emits=(CLOCK_EVENTS,), state=CLOCKS)
    async def clocks(command: Message, envelope: Envelope, view: ClocksView | None) -> Outcome:
        return decide(command, view, policy)

    dues = DueTimes(policy)
    looks = Looks(app, "clocks", lambda ticket_id, as_of: CheckClocks(ticket_id=ticket_id, looked_at=as_of))

    @app.every(LOOK_EVERY_S)
    async def look_at_the_clocks() -> None:
        as_of = looks.as_of()
        if as_of is not None:
            await looks.ask(dues.fallen(app.states(CLOCKS), as_of), as_of)


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
