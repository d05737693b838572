"""Stock as a ledger of events. A command is keyed by its location, so a location's commands have one order."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.ids import Code, LocationId, Sku, TicketId
from schemas.core.message import Command, Event, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.diagnoses import PartLine
from schemas.quotes import MissingPart


class ReceiveStock(Command):
    """Book parts into a location. ``receipt_id`` makes a repeated booking harmless."""

    TYPE: ClassVar[str] = "noizylab.stock.receive.v1"

    location_id: LocationId
    receipt_id: ShortText
    sku: Sku
    quantity: int = Field(ge=1, le=100_000)
    unit_cost_cents: int = Field(ge=0)
    reorder_point: int = Field(default=0, ge=0)
    lead_time_days: int | None = Field(default=None, ge=0)


class ReserveParts(Command):
    """Reserve for a ticket what is on the shelf and name what is missing."""

    TYPE: ClassVar[str] = "noizylab.parts.reserve.v1"

    location_id: LocationId
    ticket_id: TicketId
    lines: tuple[PartLine, ...] = Field(default=(), max_length=100)


class ReleaseParts(Command):
    """Give a ticket's reserved parts back to the shelf."""

    TYPE: ClassVar[str] = "noizylab.parts.release.v1"

    location_id: LocationId
    ticket_id: TicketId
    reason: Code


class CommitParts(Command):
    """Keep a ticket's reserved parts for good: the repair was approved."""

    TYPE: ClassVar[str] = "noizylab.parts.commit.v1"

    location_id: LocationId
    ticket_id: TicketId


class StockReceived(Event):
    """Parts came in. ``on_hand`` is the count after."""

    TYPE: ClassVar[str] = "noizylab.stock.received.v1"

    location_id: LocationId
    receipt_id: ShortText
    sku: Sku
    quantity: int = Field(ge=1)
    unit_cost_cents: int = Field(ge=0)
    reorder_point: int = Field(default=0, ge=0)
    lead_time_days: int | None = Field(default=None, ge=0)
    received_at: UtcTime


class StockLow(Event):
    """Free stock of a part fell to or below its reorder point."""

    TYPE: ClassVar[str] = "noizylab.stock.low.v1"

    location_id: LocationId
    sku: Sku
    free: int
    reorder_point: int
    noticed_at: UtcTime


class PartsReserved(Event):
    """All parts of the ticket are set aside."""

    TYPE: ClassVar[str] = "noizylab.parts.reserved.v1"

    ticket_id: TicketId
    location_id: LocationId
    lines: tuple[PartLine, ...] = ()
    reserved_at: UtcTime


class PartsShort(Event):
    """Some parts are missing: ``lines`` were set aside, ``missing`` must be bought."""

    TYPE: ClassVar[str] = "noizylab.parts.short.v1"

    ticket_id: TicketId
    location_id: LocationId
    lines: tuple[PartLine, ...] = ()
    missing: tuple[MissingPart, ...] = Field(min_length=1)
    noticed_at: UtcTime


class PartsReleased(Event):
    """The ticket's parts are free again."""

    TYPE: ClassVar[str] = "noizylab.parts.released.v1"

    ticket_id: TicketId
    location_id: LocationId
    lines: tuple[PartLine, ...] = ()
    reason: Code
    released_at: UtcTime


class PartsCommitted(Event):
    """The ticket's parts are the ticket's for good."""

    TYPE: ClassVar[str] = "noizylab.parts.committed.v1"

    ticket_id: TicketId
    location_id: LocationId
    lines: tuple[PartLine, ...] = ()
    committed_at: UtcTime


class ReservationRefused(Event):
    """A release or commit that does not fit the ticket's reservation."""

    TYPE: ClassVar[str] = "noizylab.parts.refused.v1"

    ticket_id: TicketId
    location_id: LocationId
    reason: Literal["no_reservation", "already_committed", "already_released"]
    refused_at: UtcTime


class StockView(View):
    """One part at one location. Free stock is ``on_hand - reserved`` and never negative."""

    TYPE: ClassVar[str] = "noizylab.stock.view.v1"

    location_id: LocationId
    sku: Sku
    on_hand: int = Field(ge=0)
    reserved: int = Field(ge=0)
    committed: int = Field(default=0, ge=0)
    unit_cost_cents: int = Field(ge=0)
    reorder_point: int = Field(ge=0)
    lead_time_days: int | None = None
    receipts: tuple[str, ...] = Field(default=(), description="The newest receipt ids, to refuse a second booking.")
    held_for: dict[TicketId, int] = Field(
        default_factory=dict, description="Pieces set aside, by ticket; they add up to ``reserved``."
    )


class ReservationView(View):
    """What one ticket holds."""

    TYPE: ClassVar[str] = "noizylab.parts.reservation_view.v1"

    ticket_id: TicketId
    location_id: LocationId
    status: Literal["reserved", "short", "released", "committed"]
    lines: tuple[PartLine, ...] = ()
    missing: tuple[MissingPart, ...] = ()
    committed: tuple[PartLine, ...] = Field(default=(), description="Pieces that are the ticket's for good.")
