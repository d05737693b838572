"""What the service clocks and the passcodes of a ticket take from its events: one step, as a topic has one reader."""

from connectors.bus.app import App
from processors.tickets.passcodes.tracking import FOLLOWED, end_of
from processors.tickets.sla.tracking import TRACKED, track_of
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome
from topics.clocks import CLOCK_COMMANDS
from topics.passcodes import PASSCODE_COMMANDS
from topics.tickets import TICKET_EVENTS


def wire_following(app: App) -> None:
    """Translate events of tickets for what goes by them. Importing this module registers nothing."""

    @app.agent(TICKET_EVENTS, emits=(CLOCK_COMMANDS, PASSCODE_COMMANDS), expects={*TRACKED, *FOLLOWED})
    async def follow(event: Message, envelope: Envelope) -> Outcome:
        commands = [command for command in (track_of(event), end_of(event)) if command is not None]
        return Emit.of(*commands) if commands else Drop("not_followed")
