"""How the ledger of a location adds up to counts and reservations. Pure and total.

For each part: ``reserved`` is the sum of ``held_for``; free = on_hand - reserved >= 0; and all pieces that ever came
in are on_hand + committed. What a ticket holds is *set* to what an event says, not added, so that an answer given
twice counts once.
"""

from collections.abc import Mapping

from processors.inventory.allocation import lines_of, merged
from processors.inventory.keys import reservation_key, stock_key
from schemas.core.message import Event, View
from schemas.inventory import (
    PartsCommitted,
    PartsReleased,
    PartsReserved,
    PartsShort,
    ReservationView,
    StockReceived,
    StockView,
)

RECEIPTS_KEPT = 500
"""How many receipt ids a part remembers. A booking repeated after 500 others of the same part counts twice."""


def evolve_one(key: str, state: View | None, event: Event) -> View:
    """Return one view of a location after an event that ``keys_of`` ties to it.

    Raises:
        ValueError: the event does not concern ``key``.
    """
    match event:
        case StockReceived() if key == stock_key(event.location_id, event.sku):
            return received(state if isinstance(state, StockView) else None, event)
        case PartsReserved() | PartsShort() | PartsReleased() | PartsCommitted():
            if key == reservation_key(event.location_id, event.ticket_id):
                return _reservation(state if isinstance(state, ReservationView) else None, event)
            sku = key.removeprefix(f"{event.location_id}/")
            if any(line.sku == sku for line in event.lines):
                stock = state if isinstance(state, StockView) else _empty(event.location_id, sku)
                return _count(stock, event)
    raise ValueError(f"{event.TYPE} does not concern {key}")


def received(before: StockView | None, event: StockReceived) -> StockView:
    """Return the count after pieces came in; the unit cost is the moving average of what is on the shelf.

    A booking without reorder point (0) or lead time keeps those that were known.
    """
    stock = before if before is not None else _empty(event.location_id, event.sku)
    if event.receipt_id in stock.receipts:
        return stock
    on_hand = stock.on_hand + event.quantity
    value_cents = stock.on_hand * stock.unit_cost_cents + event.quantity * event.unit_cost_cents
    return stock.model_copy(
        update={
            "on_hand": on_hand,
            "unit_cost_cents": (2 * value_cents + on_hand) // (2 * on_hand),
            "reorder_point": event.reorder_point or stock.reorder_point,
            "lead_time_days": stock.lead_time_days if event.lead_time_days is None else event.lead_time_days,
            "receipts": (*stock.receipts, event.receipt_id)[-RECEIPTS_KEPT:],
        }
    )


def _count(stock: StockView, event: PartsReserved | PartsShort | PartsReleased | PartsCommitted) -> StockView:
    """Return the count of one part after what a ticket holds of it changed."""
    held = dict(stock.held_for)
    before = held.pop(event.ticket_id, 0)
    match event:
        case PartsReserved() | PartsShort():
            held[event.ticket_id] = merged(event.lines)[stock.sku]
            return _with_holds(stock, held)
        case PartsReleased():
            return _with_holds(stock, held)
        case PartsCommitted():
            moved = {"on_hand": stock.on_hand - before, "committed": stock.committed + before}
            return _with_holds(stock.model_copy(update=moved), held)


def _with_holds(stock: StockView, held: Mapping[str, int]) -> StockView:
    return stock.model_copy(update={"held_for": dict(held), "reserved": sum(held.values())})


def _reservation(
    before: ReservationView | None, event: PartsReserved | PartsShort | PartsReleased | PartsCommitted
) -> ReservationView:
    """Return what a ticket holds after an event of its own."""
    who = {"ticket_id": event.ticket_id, "location_id": event.location_id}
    committed = before.committed if before is not None else ()
    match event:
        case PartsReserved():
            return ReservationView(**who, status="reserved", lines=event.lines, committed=committed)
        case PartsShort():
            return ReservationView(**who, status="short", lines=event.lines, missing=event.missing, committed=committed)
        case PartsReleased():
            return ReservationView(**who, status="committed" if committed else "released", committed=committed)
        case PartsCommitted():
            if before is not None and before.status == "committed":
                return before
            missing = before.missing if before is not None else ()
            total = lines_of(merged((*committed, *event.lines)))
            return ReservationView(**who, status="committed", missing=missing, committed=total)


def _empty(location_id: str, sku: str) -> StockView:
    return StockView(location_id=location_id, sku=sku, on_hand=0, reserved=0, unit_cost_cents=0, reorder_point=0)
