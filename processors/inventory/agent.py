"""Wires the stock ledger to its topics."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.inventory.config import Policy
from processors.inventory.decide import decide
from processors.inventory.keys import keys_of
from processors.inventory.state import evolve_one
from schemas.core.envelope import Envelope
from schemas.core.message import View
from schemas.core.outcome import Outcome
from schemas.inventory import CommitParts, ReceiveStock, ReleaseParts, ReserveParts
from topics.inventory import INVENTORY_COMMANDS, INVENTORY_EVENTS, INVENTORY_VIEWS

STOCK = Aggregates(view=INVENTORY_VIEWS, keys=keys_of, evolve=evolve_one)


def wire(app: App, policy: Policy) -> None:
    """Book, reserve, release and commit parts. Importing this module registers nothing."""

    @app.agent(INVENTORY_COMMANDS, emits=(INVENTORY_EVENTS,), state=STOCK)
    async def stock(
        command: ReceiveStock | ReserveParts | ReleaseParts | CommitParts,
        envelope: Envelope,
        views: Mapping[str, View],
    ) -> Outcome:
        return decide(command, views, envelope.time, policy)
