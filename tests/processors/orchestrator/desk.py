"""One flow as `decide` and `evolve` run it: commands in, the view folded from the events that come out."""

from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

from processors.orchestrator.decide import command_id, decide
from processors.orchestrator.deployment import Flows, deploy
from processors.orchestrator.state import evolve
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Command, Event, Message
from schemas.core.outcome import Emit, Outcome
from schemas.notifications import NotifyCustomer
from schemas.workflow import FlowView, SignalFlow
from tests.processors.orchestrator.shop import AT, OPENED, PATH, TICKET_ID, answer_data, as_json
from topics.registry import topic_of
from topics.workflow import WORKFLOW_EVENTS

M = TypeVar("M", bound=Message)
FLOWS = deploy([PATH.read_bytes()])


def signal(
    message: Message | str, number: int = 0, reply_to: str | UUID | None = None, template: str = "quote_ready"
) -> SignalFlow:
    """A message of the shop in the inbox; `reply_to` is the key of the flow's command, or any record's id.

    An answer about a message to the customer is about `template`.
    """
    message_type = message if isinstance(message, str) else message.TYPE
    return SignalFlow(
        ticket_id=TICKET_ID,
        event_id=uuid5(NAMESPACE, f"{message_type}/{number}"),
        event_type=message_type,
        in_reply_to=command_id(TICKET_ID, reply_to) if isinstance(reply_to, str) else reply_to,
        data=answer_data(message, template) if isinstance(message, str) else as_json(message),
    )


class Desk:
    """Takes commands one by one; the view goes through its JSON after each."""

    def __init__(self, flows: Flows = FLOWS) -> None:
        self.flows, self.now = flows, AT
        self.view: FlowView | None = None
        self.said: list[Message] = []
        self.sent: dict[UUID, Message] = {}
        self.count = 0

    @property
    def flow(self) -> FlowView:
        assert self.view is not None
        return self.view

    def take(self, command: Message, now: datetime | None = None) -> Outcome:
        outcome = decide(command, self.view, now or self.now, self.flows)
        if isinstance(outcome, Emit):
            for position, message in enumerate(outcome.messages):
                fixed = outcome.ids[position] if position < len(outcome.ids) else None
                self.said.append(message)
                if isinstance(message, Command):
                    assert fixed is not None, "a command of a flow has an id that does not depend on its cause"
                    self.sent[fixed] = message
                else:
                    assert isinstance(message, Event)
                    assert topic_of(message.TYPE) is WORKFLOW_EVENTS
                    self.view = evolve(self.view, message)
            if self.view is not None:
                self.view = FlowView.model_validate_json(self.view.to_json())
        return outcome

    def open(self) -> "Desk":
        self.take(signal(OPENED))
        return self

    def hear(self, *message_types: str) -> "Desk":
        """Take messages that answer nothing in particular."""
        for message_type in message_types:
            self.count += 1
            self.take(self.signal(message_type, self.count))
        return self

    def signal(self, message_type: str, number: int = 0, reply_to: str | UUID | None = None) -> SignalFlow:
        """A signal; an answer about a message to the customer is about the newest one that is not a reminder."""
        told = [one.template for one in self.said if isinstance(one, NotifyCustomer)]
        template = next((one for one in reversed(told) if one != "quote_reminder"), "quote_ready")
        return signal(message_type, number, reply_to, template)

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.said if isinstance(message, kind)]


def waiting_at(view: FlowView) -> list[str]:
    return [token["node"] for token in view.state.get("tokens", {}).values()]
