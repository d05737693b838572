"""The made-up stock: parts are taken, run low, are ordered and come, some too late."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.core.message import Message
from schemas.inventory import StockLow, StockReceived

LOCATION = "main"
REVIEW_DAYS = 21
"""An order covers so many days of the demand seen."""
BUFFER = 1.4
"""How much more than the demand of its lead time is kept of a part before it is ordered again: too little, at times."""
DEFAULT_COST_CENTS, DEFAULT_LEAD_DAYS = 2_000, 5


@dataclass(slots=True)
class _Stock:
    free: int = 3
    asked: int = 0
    first_asked: datetime | None = None
    due: datetime | None = None
    ordered: int = 0
    orders: int = 0


@dataclass(slots=True)
class Shelf:
    """All parts of one location. Calls come roughly in order of time; ``said`` gathers what happened to the stock."""

    costs: dict[str, tuple[int, int]]
    luck: random.Random
    said: list[tuple[datetime, Message]] = field(default_factory=list)
    _stocks: dict[str, _Stock] = field(default_factory=lambda: defaultdict(_Stock))

    def take(self, sku: str, at: datetime) -> datetime | None:
        """Set one piece aside; None when it was there, else when it will be."""
        stock = self._stocks[sku]
        self._arrive(stock, at)
        stock.asked += 1
        stock.first_asked = stock.first_asked or at
        stock.free -= 1
        late = stock.free < 0
        self._reorder(sku, stock, at)
        return stock.due if late else None

    def give_back(self, sku: str) -> None:
        """Put a piece back."""
        self._stocks[sku].free += 1

    def news(self) -> Iterator[tuple[datetime, Message]]:
        """Yield what happened since the last call."""
        found, self.said = self.said, []
        yield from found

    def _arrive(self, stock: _Stock, at: datetime) -> None:
        if stock.due is None or stock.due > at:
            return
        stock.free += stock.ordered
        stock.due = None

    def _reorder(self, sku: str, stock: _Stock, at: datetime) -> None:
        point = self._reorder_point(sku, stock, at)
        if stock.due is not None or stock.free > point:
            return
        self.said.append(
            (at, StockLow(location_id=LOCATION, sku=sku, free=stock.free, reorder_point=point, noticed_at=at))
        )
        cost, lead_days = self._price(sku)
        days = lead_days * self.luck.uniform(0.7, 1.8) + 0.5
        stock.due = at + timedelta(days=days)
        stock.orders += 1
        stock.ordered = max(2, round(self._per_day(stock, at) * (REVIEW_DAYS + days))) - min(0, stock.free)
        receipt = StockReceived(
            location_id=LOCATION, receipt_id=f"order-{sku}-{stock.orders}", sku=sku, quantity=stock.ordered,
            unit_cost_cents=cost, reorder_point=point, lead_time_days=lead_days, received_at=stock.due,
        )  # fmt: skip
        self.said.append((stock.due, receipt))

    def _reorder_point(self, sku: str, stock: _Stock, at: datetime) -> int:
        return round(self._per_day(stock, at) * self._price(sku)[1] * BUFFER)

    def _per_day(self, stock: _Stock, at: datetime) -> float:
        if stock.first_asked is None:
            return 0.0
        return stock.asked / max(7.0, (at - stock.first_asked) / timedelta(days=1))

    def _price(self, sku: str) -> tuple[int, int]:
        return self.costs.get(sku, (DEFAULT_COST_CENTS, DEFAULT_LEAD_DAYS))
