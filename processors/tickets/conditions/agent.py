"""Wires the condition of devices to its topics."""

from collections.abc import Mapping

from connectors.bus.aggregate import Aggregates
from connectors.bus.app import App
from processors.tickets.conditions.decide import decide
from processors.tickets.conditions.state import evolve_one, keys_of
from schemas.conditions import AddConditionPhoto, ConditionsView, RecordCondition, SignDocument
from schemas.core.envelope import Envelope
from schemas.core.outcome import Outcome
from topics.conditions import CONDITION_COMMANDS, CONDITION_EVENTS, CONDITION_VIEWS

CONDITIONS = Aggregates(view=CONDITION_VIEWS, keys=keys_of, evolve=evolve_one)


def wire_conditions(app: App) -> None:
    """Keep the condition of devices. Importing this module registers nothing."""

    @app.agent(CONDITION_COMMANDS, emits=(CONDITION_EVENTS,), state=CONDITIONS)
    async def condition(
        command: RecordCondition | AddConditionPhoto | SignDocument,
        envelope: Envelope,
        conditions: Mapping[str, ConditionsView],
    ) -> Outcome:
        return decide(command, conditions.get(command.ticket_id), envelope.time)
