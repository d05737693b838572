"""Topics of stock. Commands and stock views are keyed by location: one order, and one owner, for each shelf."""

from datetime import timedelta

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
from topics.topic import Compact, Delete, Topic

INVENTORY_COMMANDS = Topic(
    name="inventory.commands.v1",
    owner="inventory",
    summary="Bookings, reservations and releases at a stock location.",
    carries=(ReceiveStock, ReserveParts, ReleaseParts, CommitParts),
    key="location_id",
)
INVENTORY_EVENTS = Topic(
    name="inventory.events.v1",
    owner="inventory",
    summary="The stock ledger of each location.",
    carries=(
        StockReceived,
        StockLow,
        PartsReserved,
        PartsShort,
        PartsReleased,
        PartsCommitted,
        ReservationRefused,
    ),
    key="location_id",
    cleanup=Delete(timedelta(days=3650)),
)
INVENTORY_VIEWS = Topic(
    name="inventory.views.v1",
    owner="inventory",
    summary="The newest count of each part and the newest reservation of each ticket, by location.",
    carries=(StockView, ReservationView),
    key="location_id",
    cleanup=Compact(),
)
