"""The owner of access without a broker: the real decisions and folds over a state in memory."""

from collections.abc import Sequence

from processors.gateway.access.decide import decide
from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from topics.access import ACCESS_COMMANDS
from topics.registry import topic_of


class AccessOwner:
    """Answers every command about access as the gateway's worker does, until it is told to be silent."""

    def __init__(self) -> None:
        self.states: dict[str, View] = {}
        self.silent = False

    def answer(self, command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        if self.silent or topic_of(command.TYPE) is not ACCESS_COMMANDS:
            return ()
        [key] = keys_of(command)
        outcome = decide(command, self.states.get(key), envelope.time, AccessPolicy())
        found: list[tuple[Event, View | None]] = []
        for event in outcome.messages if isinstance(outcome, Emit) else ():
            assert isinstance(event, Event)
            for one in keys_of(event):
                self.states[one] = evolve_one(one, self.states.get(one), event)
            found.append((event, self.states[key] if keys_of(event) else None))
        return found
