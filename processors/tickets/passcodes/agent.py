"""Wires the passcodes of devices to their topics, to the vault and to the time."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from connectors.bus.looks import LOOK_EVERY_S, Looks
from connectors.vault.passcodes import SealedPasscodes
from processors.tickets.passcodes.decide import PasscodePolicy, decide, next_due
from processors.tickets.passcodes.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Emit, Outcome
from schemas.passcodes import CheckPasscode, PasscodePurged, PasscodesView
from topics.passcodes import PASSCODE_COMMANDS, PASSCODE_EVENTS, PASSCODE_VIEWS

PASSCODES = Aggregates(view=PASSCODE_VIEWS, keys=keys_of, evolve=evolve_one)


def wire_passcodes(app: App, vault: SealedPasscodes, policy: PasscodePolicy) -> None:
    """Keep the access ledgers and destroy passcodes in time. Importing this module registers nothing."""

    @app.agent(PASSCODE_COMMANDS, emits=(PASSCODE_EVENTS,), state=PASSCODES)
    async def passcode(command: Message, envelope: Envelope, ledgers: Mapping[str, PasscodesView]) -> Outcome:
        [ticket_id] = keys_of(command)
        outcome = decide(command, ledgers.get(ticket_id), envelope.time, policy)
        if isinstance(outcome, Emit):
            for event in outcome.messages:
                # Destroyed before it is stated: after a kill in between it is done again, never left out.
                if isinstance(event, PasscodePurged):
                    await vault.forget(event.ticket_id, event.passcode)
        return outcome

    looks = Looks(
        app,
        "passcodes",
        PASSCODES,
        next_due,
        lambda ticket_id, as_of: CheckPasscode(ticket_id=ticket_id, looked_at=as_of),
    )

    @app.every(LOOK_EVERY_S)
    async def look_at_the_passcodes() -> None:
        await looks.look()
