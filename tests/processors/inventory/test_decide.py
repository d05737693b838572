"""Bookings and reservations, as the store room would answer them."""

import pytest

from processors.inventory.config import Policy
from processors.inventory.decide import decide
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Reject
from schemas.inventory import (
    PartsCommitted,
    PartsReleased,
    PartsReserved,
    PartsShort,
    ReservationRefused,
    StockLow,
    StockReceived,
)
from schemas.quotes import MissingPart
from schemas.tickets import MoveTicket
from tests.processors.inventory.ledger import NOW, Ledger, commit, lines, receive, release, reserve

ANN, BOB = "T-ann-0001", "T-bob-0001"
FAN, SCREEN = "fan.laptop", "screen.laptop"


@pytest.fixture
def shelf() -> Ledger:
    """Five fans (order again at two) and one screen."""
    ledger = Ledger()
    ledger.tell(receive(FAN, 5, "r1", reorder_point=2, lead_time_days=4))
    ledger.tell(receive(SCREEN, 1, "r2"))
    return ledger


def test_booking_adds_to_the_shelf(shelf: Ledger) -> None:
    (event,) = shelf.said(receive(FAN, 3, "r3"))
    assert isinstance(event, StockReceived)
    assert (shelf.stock(FAN).on_hand, shelf.stock(FAN).reorder_point, shelf.stock(FAN).lead_time_days) == (8, 2, 4)


def test_booking_is_dropped_when_its_receipt_was_booked_before(shelf: Ledger) -> None:
    assert shelf.tell(receive(FAN, 5, "r1")) == Drop("duplicate_receipt")
    assert shelf.stock(FAN).on_hand == 5


def test_reserving_sets_everything_aside_when_it_is_there(shelf: Ledger) -> None:
    (event,) = shelf.answer(reserve(ANN, (FAN, 2), (SCREEN, 1)))
    assert isinstance(event, PartsReserved)
    assert event.lines == lines((FAN, 2), (SCREEN, 1))
    assert (shelf.stock(FAN).reserved, shelf.stock(FAN).held_for) == (2, {ANN: 2})


def test_lines_of_one_part_are_added_up(shelf: Ledger) -> None:
    (event,) = shelf.said(reserve(ANN, (FAN, 1), (FAN, 1)))
    assert event.lines == lines((FAN, 2))


def test_reserving_names_what_is_missing_and_when_it_can_come(shelf: Ledger) -> None:
    (short,) = shelf.answer(reserve(ANN, (FAN, 7), ("unknown.part", 1)))
    assert isinstance(short, PartsShort)
    assert short.lines == lines((FAN, 5))
    assert short.missing == (
        MissingPart(sku=FAN, quantity=2, lead_time_days=4),
        MissingPart(sku="unknown.part", quantity=1, lead_time_days=None),
    )


def test_missing_part_without_lead_time_gets_the_one_of_the_policy() -> None:
    (short,) = Ledger(Policy(unknown_lead_time_days=10)).said(reserve(ANN, (FAN, 1)))
    assert short.missing[0].lead_time_days == 10


def test_repair_without_parts_is_reserved_at_once(shelf: Ledger) -> None:
    (event,) = shelf.said(reserve(ANN))
    assert isinstance(event, PartsReserved)
    assert event.lines == ()
    assert isinstance(shelf.said(commit(ANN))[0], PartsCommitted)
    assert shelf.said(reserve(ANN))[0].reason == "already_committed"


def test_same_wish_again_gets_the_same_answer_and_changes_nothing(shelf: Ledger) -> None:
    (first,) = shelf.answer(reserve(ANN, (FAN, 2), (SCREEN, 1)))
    before = dict(shelf.views)
    (again,) = shelf.answer(reserve(ANN, (SCREEN, 1), (FAN, 2)))
    assert isinstance(again, PartsReserved)
    assert sorted(again.lines, key=str) == sorted(first.lines, key=str)
    assert shelf.stock(FAN) == before[f"main/{FAN}"]


def test_same_wish_gets_the_missing_parts_when_they_have_come_in(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (SCREEN, 2)))
    assert shelf.held_by(ANN).status == "short"
    shelf.tell(receive(SCREEN, 1, "r9"))
    (event,) = shelf.answer(reserve(ANN, (SCREEN, 2)))
    assert isinstance(event, PartsReserved)
    assert event.lines == lines((SCREEN, 2))
    assert shelf.stock(SCREEN).reserved == 2


def test_other_wish_replaces_what_is_set_aside_in_one_decision(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 2)))
    gone, new = shelf.answer(reserve(ANN, (SCREEN, 1)))
    assert isinstance(gone, PartsReleased)
    assert (gone.lines, gone.reason) == (lines((FAN, 2)), "replaced")
    assert isinstance(new, PartsReserved)
    assert (shelf.stock(FAN).reserved, shelf.stock(SCREEN).reserved) == (0, 1)


def test_other_wish_may_use_the_pieces_the_ticket_already_holds(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 4)))
    _gone, new = shelf.answer(reserve(ANN, (FAN, 5)))
    assert isinstance(new, PartsReserved)
    assert shelf.stock(FAN).held_for == {ANN: 5}


def test_low_stock_is_told_once_for_each_crossing(shelf: Ledger) -> None:
    assert [type(one) for one in shelf.said(reserve(ANN, (FAN, 2)))] == [PartsReserved]
    _, low = shelf.said(reserve(BOB, (FAN, 1)))
    assert isinstance(low, StockLow)
    assert (low.free, low.reorder_point) == (2, 2)
    assert [type(one) for one in shelf.said(reserve(BOB, (FAN, 1)))] == [PartsReserved]
    assert [type(one) for one in shelf.said(commit(BOB))] == [PartsCommitted]
    shelf.tell(release(ANN))
    assert [type(one) for one in shelf.said(reserve(ANN, (FAN, 3)))] == [PartsReserved, StockLow]


def test_low_stock_is_told_when_a_booking_raises_the_reorder_point(shelf: Ledger) -> None:
    received, low = shelf.said(receive(FAN, 1, "r3", reorder_point=10))
    assert isinstance(received, StockReceived)
    assert (low.free, low.reorder_point) == (6, 10)


def test_released_parts_are_free_again(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 2)))
    (event,) = shelf.said(release(ANN))
    assert isinstance(event, PartsReleased)
    assert (event.reason, event.lines) == ("declined", lines((FAN, 2)))
    assert (shelf.stock(FAN).reserved, shelf.held_by(ANN).status) == (0, "released")
    assert isinstance(shelf.said(reserve(ANN, (FAN, 1)))[0], PartsReserved)


def test_committed_parts_leave_the_shelf(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 2)))
    shelf.tell(commit(ANN))
    fans = shelf.stock(FAN)
    assert (fans.on_hand, fans.reserved, fans.committed) == (3, 0, 2)
    assert shelf.held_by(ANN).committed == lines((FAN, 2))


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        ((), release(ANN), "no_reservation"),
        ((), commit(ANN), "no_reservation"),
        ((reserve(ANN, (FAN, 1)), release(ANN)), release(ANN), "already_released"),
        ((reserve(ANN, (FAN, 1)), release(ANN)), commit(ANN), "already_released"),
        ((reserve(ANN, (FAN, 1)), commit(ANN)), commit(ANN), "already_committed"),
        ((reserve(ANN, (FAN, 1)), commit(ANN)), release(ANN), "already_committed"),
        ((reserve(ANN, (FAN, 1)), commit(ANN)), reserve(ANN, (FAN, 1)), "already_committed"),
    ],
)
def test_command_that_does_not_fit_the_reservation_is_refused(
    shelf: Ledger, before: tuple[Message, ...], command: Message, reason: str
) -> None:
    for earlier in before:
        shelf.tell(earlier)
    views = dict(shelf.views)
    (refused,) = shelf.said(command)
    assert isinstance(refused, ReservationRefused)
    assert refused.reason == reason
    assert shelf.views == views


def test_rest_of_a_short_wish_is_reserved_after_the_first_part_was_committed(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 1), (SCREEN, 2)))
    shelf.tell(commit(ANN))
    assert shelf.held_by(ANN).missing[0].quantity == 1
    shelf.tell(receive(SCREEN, 4, "r9"))
    (event,) = shelf.said(reserve(ANN, (FAN, 1), (SCREEN, 2)))
    assert isinstance(event, PartsReserved)
    assert event.lines == lines((SCREEN, 1))
    shelf.tell(commit(ANN))
    assert shelf.held_by(ANN).committed == lines((FAN, 1), (SCREEN, 2))
    assert (shelf.stock(SCREEN).on_hand, shelf.stock(SCREEN).committed) == (3, 2)


def test_released_rest_leaves_committed_parts_with_the_ticket(shelf: Ledger) -> None:
    shelf.tell(reserve(ANN, (FAN, 1)))
    shelf.tell(commit(ANN))
    shelf.tell(reserve(ANN, (FAN, 3)))
    shelf.tell(release(ANN))
    assert (shelf.held_by(ANN).status, shelf.held_by(ANN).committed) == ("committed", lines((FAN, 1)))
    assert shelf.stock(FAN).reserved == 0


def test_very_large_wish_is_written_as_several_lines() -> None:
    ledger = Ledger()
    ledger.tell(receive(FAN, 2_500, "r1"))
    (event,) = ledger.answer(reserve(ANN, *[(FAN, 1_000)] * 2, (FAN, 300)))
    assert [line.quantity for line in event.lines] == [1_000, 1_000, 300]
    assert ledger.stock(FAN).held_for == {ANN: 2_300}


def test_command_of_another_processor_is_rejected() -> None:
    foreign = MoveTicket(ticket_id=ANN, to="ready", reason="x", actor="x")
    outcome = decide(foreign, {}, NOW, Policy())
    assert isinstance(outcome, Reject)
    assert not isinstance(outcome, Emit)
