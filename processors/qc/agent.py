"""Wires the quality check to its topics."""

from collections.abc import Awaitable, Callable, Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.qc.decide import Desk, decide
from processors.qc.directory import FOLDED, Directory
from processors.qc.following import FOLLOWED, followed
from processors.qc.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome
from schemas.qc import OpenCheck, QcView
from schemas.tickets import TicketMoved
from topics.inspections import INSPECTION_COMMANDS, INSPECTION_EVENTS
from topics.qc import QC_COMMANDS, QC_EVENTS, QC_VIEWS
from topics.tickets import TICKET_COMMANDS, TICKET_EVENTS

CHECKS = Aggregates(view=QC_VIEWS, keys=keys_of, evolve=evolve_one)


def wire(app: App, catch_up: Callable[[], Awaitable[None]], directory: Directory, desk: Desk) -> None:
    """Check repairs before they go. Importing this module registers nothing.

    ``catch_up`` reads what is new into ``directory``. What is looked up there goes into the command, so that from then
    on the log alone decides.
    """
    app.follow(*FOLDED)

    @app.agent(TICKET_EVENTS, INSPECTION_EVENTS, emits=(QC_COMMANDS,), expects=FOLLOWED)
    async def follow(event: Message, envelope: Envelope) -> Outcome:
        if isinstance(event, TicketMoved) and event.to_state == "qc":
            await catch_up()
            repair = directory.repair(event.ticket_id, event.actor, event.evidence)
            history = directory.history(repair)
            return Emit.of(OpenCheck(ticket_id=event.ticket_id, repair=repair, history=history))
        command = followed(event, envelope.causation_id)
        return Emit.of(command) if command is not None else Drop("not_followed")

    @app.agent(QC_COMMANDS, emits=(QC_EVENTS, TICKET_COMMANDS, INSPECTION_COMMANDS), state=CHECKS)
    async def check(command: Message, envelope: Envelope, checks: Mapping[str, QcView]) -> Outcome:
        return decide(command, envelope.id, checks.get(envelope.subject), envelope.time, desk)
