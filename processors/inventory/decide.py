"""What a stock location answers to bookings and reservations. Pure and total."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from processors.inventory.allocation import allocate, free_of, is_low, merged, remaining
from processors.inventory.config import Policy
from processors.inventory.keys import reservation_key, stock_key
from processors.inventory.state import received
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.inventory import (
    CommitParts,
    PartsCommitted,
    PartsReleased,
    PartsReserved,
    PartsShort,
    ReceiveStock,
    ReleaseParts,
    ReservationRefused,
    ReservationView,
    ReserveParts,
    StockLow,
    StockReceived,
    StockView,
)

REPLACED = "replaced"
"""Reason of the release that comes before another wish of the same ticket."""


def decide(command: Message, views: Mapping[str, View], now: datetime, policy: Policy) -> Outcome:
    """Answer a command about one location. ``views`` looks up any view of it by key."""
    match command:
        case ReceiveStock():
            return _receive(command, views, now)
        case ReserveParts():
            return _reserve(command, views, now, policy)
        case ReleaseParts() | CommitParts():
            return _settle(command, views, now)
        case _:
            return Reject("unknown_command", f"inventory does not handle {command.TYPE}")


def _receive(command: ReceiveStock, views: Mapping[str, View], now: datetime) -> Outcome:
    before = _stock(views, command.location_id, command.sku)
    if before is not None and command.receipt_id in before.receipts:
        return Drop("duplicate_receipt")
    event = StockReceived(
        location_id=command.location_id,
        receipt_id=command.receipt_id,
        sku=command.sku,
        quantity=command.quantity,
        unit_cost_cents=command.unit_cost_cents,
        reorder_point=command.reorder_point,
        lead_time_days=command.lead_time_days,
        received_at=now,
    )
    if before is None:
        return Emit.of(event)
    # More pieces can still be too few, when the booking raises the reorder point.
    after = received(before, event)
    return Emit((event, *_fell_low(before, free_of(after), after.reorder_point, now)))


def _reserve(command: ReserveParts, views: Mapping[str, View], now: datetime, policy: Policy) -> Outcome:
    """Set aside what the ticket wishes, as far as it is there.

    The wish is the ticket's total: pieces that were committed to it count towards it. The same wish again gets the
    same answer, or a better one when parts have come in since; another wish replaces what is set aside.
    """
    reservation = _reservation(views, command.location_id, command.ticket_id)
    wish = remaining(merged(command.lines), merged(reservation.committed) if reservation else {})
    if reservation is not None and reservation.status == "committed" and not wish:
        return _refuse(command, "already_committed", now)
    held = merged(reservation.lines) if reservation else {}
    stock = {
        sku: view
        for sku in dict.fromkeys((*wish, *held))
        if (view := _stock(views, command.location_id, sku)) is not None
    }
    found = allocate(wish, stock, held, policy)
    events: list[Event] = []
    if reservation is not None and held and merged((*reservation.lines, *reservation.missing)) != wish:
        events.append(_released(reservation, REPLACED, now))
    who = {"ticket_id": command.ticket_id, "location_id": command.location_id}
    if found.missing:
        events.append(PartsShort(**who, lines=found.lines, missing=found.missing, noticed_at=now))
    else:
        events.append(PartsReserved(**who, lines=found.lines, reserved_at=now))
    given = merged(found.lines)
    for sku, view in stock.items():
        free = free_of(view) + held.get(sku, 0) - given.get(sku, 0)
        events.extend(_fell_low(view, free, view.reorder_point, now))
    return Emit(tuple(events))


def _settle(command: ReleaseParts | CommitParts, views: Mapping[str, View], now: datetime) -> Outcome:
    """Give back or keep what a ticket holds. Once settled, the answer is a refusal that says how."""
    reservation = _reservation(views, command.location_id, command.ticket_id)
    if reservation is None:
        return _refuse(command, "no_reservation", now)
    if reservation.status == "released":
        return _refuse(command, "already_released", now)
    if reservation.status == "committed":
        return _refuse(command, "already_committed", now)
    if isinstance(command, ReleaseParts):
        return Emit.of(_released(reservation, command.reason, now))
    return Emit.of(
        PartsCommitted(
            ticket_id=reservation.ticket_id,
            location_id=reservation.location_id,
            lines=reservation.lines,
            committed_at=now,
        )
    )


def _fell_low(before: StockView, free: int, reorder_point: int, now: datetime) -> Iterator[StockLow]:
    """Notice a part that is low now and was not before, so that each crossing is told once."""
    if is_low(free, reorder_point) and not is_low(free_of(before), before.reorder_point):
        yield StockLow(
            location_id=before.location_id, sku=before.sku, free=free, reorder_point=reorder_point, noticed_at=now
        )


def _released(reservation: ReservationView, reason: str, now: datetime) -> PartsReleased:
    return PartsReleased(
        ticket_id=reservation.ticket_id,
        location_id=reservation.location_id,
        lines=reservation.lines,
        reason=reason,
        released_at=now,
    )


def _refuse(
    command: ReserveParts | ReleaseParts | CommitParts,
    reason: Literal["no_reservation", "already_committed", "already_released"],
    now: datetime,
) -> Outcome:
    return Emit.of(
        ReservationRefused(ticket_id=command.ticket_id, location_id=command.location_id, reason=reason, refused_at=now)
    )


def _stock(views: Mapping[str, View], location_id: str, sku: str) -> StockView | None:
    view = views.get(stock_key(location_id, sku))
    return view if isinstance(view, StockView) else None


def _reservation(views: Mapping[str, View], location_id: str, ticket_id: str) -> ReservationView | None:
    view = views.get(reservation_key(location_id, ticket_id))
    return view if isinstance(view, ReservationView) else None
