"""A stock location in memory: decides, folds, and remembers what was said."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from processors.inventory.config import Policy
from processors.inventory.decide import decide
from processors.inventory.keys import keys_of, reservation_key, stock_key
from processors.inventory.state import evolve_one
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit, Outcome
from schemas.diagnoses import PartLine
from schemas.inventory import (
    CommitParts,
    ReceiveStock,
    ReleaseParts,
    ReservationView,
    ReserveParts,
    StockLow,
    StockView,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACE = "main"


@dataclass
class Ledger:
    """What the stage does for one location, without the log."""

    policy: Policy = field(default_factory=Policy)
    views: dict[str, View] = field(default_factory=dict)
    commands: list[Message] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def tell(self, command: Message) -> Outcome:
        self.commands.append(command)
        outcome = decide(command, self.views, NOW + timedelta(minutes=len(self.commands)), self.policy)
        if isinstance(outcome, Emit):
            for message in outcome.messages:
                assert isinstance(message, Event)
                self.events.append(message)
                fold(self.views, message)
        return outcome

    def said(self, command: Message) -> list[Any]:
        outcome = self.tell(command)
        assert isinstance(outcome, Emit)
        return list(outcome.messages)

    def answer(self, command: Message) -> list[Any]:
        """What was said, without notices of low stock."""
        return [event for event in self.said(command) if not isinstance(event, StockLow)]

    def stock(self, sku: str) -> StockView:
        view = self.views[stock_key(PLACE, sku)]
        assert isinstance(view, StockView)
        return view

    def held_by(self, ticket: str) -> ReservationView:
        view = self.views[reservation_key(PLACE, ticket)]
        assert isinstance(view, ReservationView)
        return view


def fold(views: dict[str, View], event: Event) -> None:
    for key in keys_of(event):
        views[key] = evolve_one(key, views.get(key), event)


def receive(sku: str, quantity: int, receipt: str, **more: Any) -> ReceiveStock:
    cost = more.pop("unit_cost_cents", 100)
    return ReceiveStock(location_id=PLACE, receipt_id=receipt, sku=sku, quantity=quantity, unit_cost_cents=cost, **more)


def reserve(ticket: str, *lines: tuple[str, int]) -> ReserveParts:
    wish = tuple(PartLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    return ReserveParts(location_id=PLACE, ticket_id=ticket, lines=wish)


def release(ticket: str) -> ReleaseParts:
    return ReleaseParts(location_id=PLACE, ticket_id=ticket, reason="declined")


def commit(ticket: str) -> CommitParts:
    return CommitParts(location_id=PLACE, ticket_id=ticket)


def lines(*pairs: tuple[str, int]) -> tuple[PartLine, ...]:
    return tuple(PartLine(sku=sku, quantity=quantity) for sku, quantity in pairs)
