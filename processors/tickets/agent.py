"""Wires the life cycle of tickets, and the history of devices, to their topics."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregate, Aggregates
from connectors.bus.app import App
from connectors.vault.port import Vault
from processors.tickets.config import Policy
from processors.tickets.decide import decide
from processors.tickets.device_history import decide_device, evolve_device
from processors.tickets.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Emit, Outcome
from schemas.device_history import DeviceHistoryView
from schemas.ticket_links import TicketErased
from schemas.ticket_parts import TicketRequest
from schemas.tickets import MoveTicket, SubmitIntake, TicketView
from topics.devices import DEVICE_COMMANDS, DEVICE_EVENTS, DEVICE_VIEWS
from topics.tickets import TICKET_COMMANDS, TICKET_EVENTS, TICKET_VIEWS

# Aggregates rather than Aggregate: a refused intake is an event of a ticket that does not exist and has no view.
TICKETS = Aggregates(view=TICKET_VIEWS, keys=keys_of, evolve=evolve_one)
DEVICES = Aggregate(view=DEVICE_VIEWS, evolve=evolve_device)


def wire(app: App, policy: Policy, vault: Vault) -> None:
    """Take devices in, move and change their tickets, remember the devices. Importing this registers nothing.

    A ticket sends commands to other tickets (split, merge, warranty) through its own topic, so that each arrives in
    its partition and in order.
    """

    @app.agent(TICKET_COMMANDS, emits=(TICKET_EVENTS, TICKET_COMMANDS, DEVICE_COMMANDS), state=TICKETS)
    async def ticket(
        command: SubmitIntake | MoveTicket | TicketRequest, envelope: Envelope, tickets: Mapping[str, TicketView]
    ) -> Outcome:
        known = tickets.get(command.ticket_id)
        outcome = decide(command, known, envelope.time, policy)
        if known is not None and isinstance(outcome, Emit):
            await _forget(outcome, known, vault)
        return outcome

    @app.agent(DEVICE_COMMANDS, emits=(DEVICE_EVENTS,), state=DEVICES)
    async def device(command: Message, envelope: Envelope, history: DeviceHistoryView | None) -> Outcome:
        return decide_device(command, history, envelope.time)


async def _forget(outcome: Emit, ticket: TicketView, vault: Vault) -> None:
    """Destroy the keys before the tombstone is written: after a kill in between it is done again, never left out."""
    for message in outcome.messages:
        if isinstance(message, TicketErased):
            await vault.forget_texts(ticket.ticket_id)
            if message.forget_customer:
                await vault.erase(ticket.customer_id)
