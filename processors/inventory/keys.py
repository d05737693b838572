"""The names of the views behind one location: a stock count for each part, a reservation for each ticket.

A part number starts with a lower-case letter or a digit and a ticket id with ``T-``, so the two cannot collide.
"""

from schemas.core.message import Message
from schemas.inventory import (
    CommitParts,
    PartsCommitted,
    PartsReleased,
    PartsReserved,
    PartsShort,
    ReceiveStock,
    ReleaseParts,
    ReserveParts,
    StockReceived,
)


def stock_key(location_id: str, sku: str) -> str:
    """Return the view key of a part at a location."""
    return f"{location_id}/{sku}"


def reservation_key(location_id: str, ticket_id: str) -> str:
    """Return the view key of what a ticket holds at a location."""
    return f"{location_id}/{ticket_id}"


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the views a command is about, or those an event changes.

    What a ticket already holds is found in its reservation, so a command need not name those parts. Notices
    (``StockLow``) and refusals change nothing.
    """
    match message:
        case ReceiveStock() | StockReceived():
            return (stock_key(message.location_id, message.sku),)
        case ReserveParts() | PartsReserved() | PartsShort() | PartsReleased() | PartsCommitted():
            skus = dict.fromkeys(line.sku for line in message.lines)
            return (
                reservation_key(message.location_id, message.ticket_id),
                *(stock_key(message.location_id, sku) for sku in skus),
            )
        case ReleaseParts() | CommitParts():
            return (reservation_key(message.location_id, message.ticket_id),)
        case _:
            return ()
