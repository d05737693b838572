"""The gateway on the log: the one writer of users, sessions, API keys and workspaces. The web edge only asks it."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.gateway.access.decide import decide
from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.state import evolve_one, keys_of
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from schemas.core.outcome import Outcome
from topics.access import ACCESS_COMMANDS, ACCESS_EVENTS, ACCESS_VIEWS

# Aggregates rather than Aggregate: a refusal may be about a user or key that does not exist and has no view.
ACCESS = Aggregates(view=ACCESS_VIEWS, keys=keys_of, evolve=evolve_one)


def wire(app: App, policy: AccessPolicy) -> None:
    """Decide about access. Importing this module registers nothing."""

    @app.agent(ACCESS_COMMANDS, emits=(ACCESS_EVENTS,), state=ACCESS)
    async def access(command: Message, envelope: Envelope, views: Mapping[str, View]) -> Outcome:
        [key] = keys_of(command)
        return decide(command, views.get(key), envelope.time, policy)
