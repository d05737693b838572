"""How the ledger adds up."""

import pytest

from processors.inventory.keys import keys_of
from processors.inventory.state import RECEIPTS_KEPT, evolve_one
from schemas.inventory import PartsReserved, PartsShort, StockLow, StockReceived, StockView
from schemas.quotes import MissingPart
from tests.processors.inventory.ledger import NOW, PLACE, commit, lines, receive, release, reserve

TICKET, FAN = "T-ann-0001", "fan.laptop"
FAN_KEY, TICKET_KEY = f"{PLACE}/{FAN}", f"{PLACE}/{TICKET}"


def received(receipt: str = "r1", quantity: int = 2, cost: int = 100) -> StockReceived:
    return StockReceived(
        location_id=PLACE, receipt_id=receipt, sku=FAN, quantity=quantity, unit_cost_cents=cost, received_at=NOW
    )


def stock_after(*events: StockReceived) -> StockView:
    view: object = None
    for event in events:
        view = evolve_one(FAN_KEY, view if isinstance(view, StockView) else None, event)
    assert isinstance(view, StockView)
    return view


def test_unit_cost_is_the_moving_average_of_what_is_on_the_shelf() -> None:
    assert stock_after(received("r1", 2, 100), received("r2", 1, 400)).unit_cost_cents == 200
    assert stock_after(received("r1", 1, 100), received("r2", 1, 101)).unit_cost_cents == 101


def test_receipt_folded_twice_counts_once() -> None:
    assert stock_after(received(), received()) == stock_after(received())


def test_number_of_remembered_receipts_is_bounded() -> None:
    view = stock_after(*(received(f"r{n}", 1) for n in range(RECEIPTS_KEPT + 5)))
    assert len(view.receipts) == RECEIPTS_KEPT
    assert view.receipts[-1] == f"r{RECEIPTS_KEPT + 4}"
    assert view.on_hand == RECEIPTS_KEPT + 5


def test_reservation_folded_twice_counts_once() -> None:
    event = PartsReserved(ticket_id=TICKET, location_id=PLACE, lines=lines((FAN, 2)), reserved_at=NOW)
    once = evolve_one(FAN_KEY, stock_after(received()), event)
    assert evolve_one(FAN_KEY, once, event) == once


def test_keys_name_every_view_that_is_read_or_changed() -> None:
    assert keys_of(receive(FAN, 1, "r1")) == keys_of(received()) == (FAN_KEY,)
    assert keys_of(reserve(TICKET, (FAN, 1), (FAN, 2), ("a.b", 1))) == (TICKET_KEY, FAN_KEY, f"{PLACE}/a.b")
    assert keys_of(release(TICKET)) == keys_of(commit(TICKET)) == (TICKET_KEY,)
    short = PartsShort(
        ticket_id=TICKET,
        location_id=PLACE,
        lines=lines((FAN, 1)),
        missing=(MissingPart(sku="a.b", quantity=1),),
        noticed_at=NOW,
    )
    assert keys_of(short) == (TICKET_KEY, FAN_KEY)
    assert keys_of(StockLow(location_id=PLACE, sku=FAN, free=0, reorder_point=1, noticed_at=NOW)) == ()


@pytest.mark.parametrize("key", ["main/other.part", "elsewhere/fan.laptop", TICKET_KEY])
def test_event_is_refused_for_a_view_it_does_not_concern(key: str) -> None:
    with pytest.raises(ValueError, match="does not concern"):
        evolve_one(key, None, received())
