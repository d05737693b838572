"""Wires the life cycle of tickets to its topics."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.tickets.config import Policy
from processors.tickets.decide import decide
from processors.tickets.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.outcome import Outcome
from schemas.tickets import MoveTicket, SubmitIntake, TicketView
from topics.tickets import TICKET_COMMANDS, TICKET_EVENTS, TICKET_VIEWS

# Aggregates rather than Aggregate: a refused intake is an event of a ticket that does not exist and has no view.
TICKETS = Aggregates(view=TICKET_VIEWS, keys=keys_of, evolve=evolve_one)


def wire(app: App, policy: Policy) -> None:
    """Take devices in and move their tickets. Importing this module registers nothing."""

    @app.agent(TICKET_COMMANDS, emits=(TICKET_EVENTS,), state=TICKETS)
    async def ticket(
        command: SubmitIntake | MoveTicket, envelope: Envelope, tickets: Mapping[str, TicketView]
    ) -> Outcome:
        return decide(command, tickets.get(command.ticket_id), envelope.time, policy)
