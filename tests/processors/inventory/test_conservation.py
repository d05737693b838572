"""The store room under any sequence of commands: nothing appears, nothing vanishes, nothing is promised twice."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processors.inventory.allocation import free_of, merged
from schemas.core.message import Message, View
from schemas.core.outcome import Drop
from schemas.inventory import ReceiveStock, ReservationView, StockView
from tests.processors.inventory.ledger import Ledger, commit, fold, receive, release, reserve

SKUS = ("fan.laptop", "screen.laptop", "belt.vacuum")
TICKETS = tuple(f"T-000{n}" for n in range(4))

skus = st.sampled_from(SKUS)
tickets = st.sampled_from(TICKETS)
wishes = st.lists(st.tuples(skus, st.integers(1, 4)), max_size=3)


class StoreRoom(RuleBasedStateMachine):
    """Every command is delivered twice: the second delivery must change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.came_in: Counter[str] = Counter()
        self.receipts = 0

    def deliver(self, command: Message) -> None:
        self.ledger.tell(command)
        once = dict(self.ledger.views)
        self.ledger.tell(command)
        assert self.ledger.views == once

    @rule(sku=skus, quantity=st.integers(1, 6), reorder_point=st.integers(0, 3))
    def parts_come_in(self, sku: str, quantity: int, reorder_point: int) -> None:
        self.receipts += 1
        self.came_in[sku] += quantity
        self.deliver(receive(sku, quantity, f"r{self.receipts}", reorder_point=reorder_point))

    @precondition(lambda self: self.receipts)
    @rule(data=st.data())
    def old_receipt_is_booked_again(self, data: st.DataObject) -> None:
        booked = [command for command in self.ledger.commands if isinstance(command, ReceiveStock)]
        assert isinstance(self.ledger.tell(data.draw(st.sampled_from(booked))), Drop)

    @rule(ticket=tickets, wish=wishes)
    def ticket_wants_parts(self, ticket: str, wish: list[tuple[str, int]]) -> None:
        self.deliver(reserve(ticket, *wish))

    @rule(ticket=tickets)
    def ticket_gives_parts_back(self, ticket: str) -> None:
        self.deliver(release(ticket))

    @rule(ticket=tickets)
    def ticket_keeps_parts(self, ticket: str) -> None:
        self.deliver(commit(ticket))

    @invariant()
    def pieces_are_conserved(self) -> None:
        for view in self.stocks():
            assert view.on_hand + view.committed == self.came_in[view.sku]

    @invariant()
    def free_stock_is_never_negative(self) -> None:
        assert all(free_of(view) >= 0 and view.committed >= 0 for view in self.stocks())

    @invariant()
    def reserved_pieces_are_those_of_open_reservations(self) -> None:
        held: Counter[str] = Counter()
        given_away: Counter[str] = Counter()
        for reservation in self.reservations():
            held.update(merged(reservation.lines))
            given_away.update(merged(reservation.committed))
            assert reservation.status in ("reserved", "short") or not reservation.lines
        for view in self.stocks():
            assert view.reserved == sum(view.held_for.values()) == held[view.sku]
            assert view.committed == given_away[view.sku]

    @invariant()
    def short_reservation_is_missing_something(self) -> None:
        for reservation in self.reservations():
            assert reservation.status != "short" or reservation.missing
            assert reservation.status != "reserved" or not reservation.missing

    def teardown(self) -> None:
        views: dict[str, View] = {}
        for event in self.ledger.events:
            fold(views, event)
        assert views == self.ledger.views
        # Everything once more, as after a lost commit: answers may be repeated, but the books still balance.
        for command in tuple(self.ledger.commands):
            self.ledger.tell(command)
        self.pieces_are_conserved()
        self.free_stock_is_never_negative()
        self.reserved_pieces_are_those_of_open_reservations()

    def stocks(self) -> list[StockView]:
        return [view for view in self.ledger.views.values() if isinstance(view, StockView)]

    def reservations(self) -> list[ReservationView]:
        return [view for view in self.ledger.views.values() if isinstance(view, ReservationView)]


StoreRoom.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_store_room_keeps_its_books_under_any_sequence_of_commands = StoreRoom.TestCase


endings = st.sampled_from((None, release, commit))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(skus, st.integers(1, 5)), max_size=4),
    st.lists(st.tuples(wishes, endings), max_size=len(TICKETS)),
    st.data(),
)
def test_delivering_the_whole_log_again_changes_nothing_when_each_ticket_had_one_wish(
    deliveries: list[tuple[str, int]], repairs: list[tuple[list[tuple[str, int]], object]], data: st.DataObject
) -> None:
    """A ticket with several wishes, or a shortage that later deliveries cure, may rightly end better than before."""
    ledger = Ledger()
    for number, (sku, quantity) in enumerate(deliveries):
        ledger.tell(receive(sku, quantity, f"r{number}"))
    chains: list[list[Message]] = []
    for ticket, (wish, ending) in zip(TICKETS, repairs, strict=False):
        chains.append([reserve(ticket, *wish)])
        if ending is release:
            chains[-1].append(release(ticket))
        elif ending is commit:
            chains[-1].append(commit(ticket))
    while chains:
        chain = data.draw(st.sampled_from(chains))
        ledger.tell(chain.pop(0))
        chains = [one for one in chains if one]
    before = dict(ledger.views)
    for command in tuple(ledger.commands):
        ledger.tell(command)
    assert _counts(ledger.views) == _counts(before)


def _counts(views: dict[str, View]) -> dict[str, tuple[int, int, int]]:
    return {
        key: (view.on_hand, view.reserved, view.committed) for key, view in views.items() if isinstance(view, StockView)
    }
