"""Money for language models: what is spent stands in the log, and nobody spends more than there is."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.clock.clock import SettableClock
from connectors.errors import Transient
from connectors.llm.port import Estimate, OverBudget, Usage
from processors.brain.purse import Budget, Ledger
from processors.brain.spending import Ahead, Spending
from schemas.models import ModelAsked, ModelReserved

TODAY = "2026-03-02"
TICKET = "T-00001"
ESTIMATE = Estimate("claude-opus-5-5", 1_000, 30.0)


class Book:
    """A log that workers share; each has a fold of its own."""

    def __init__(self) -> None:
        self.entries: list[ModelReserved | ModelAsked] = []
        self.clock = SettableClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def worker(self, budget: Budget) -> Ledger:
        spending, taken = Spending(), 0

        async def write(entry: ModelReserved | ModelAsked) -> None:
            self.entries.append(entry)
            await asyncio.sleep(0)

        async def catch_up() -> None:
            nonlocal taken
            await asyncio.sleep(0)
            for entry in self.entries[taken:]:
                spending.take(entry)
            taken = len(self.entries)

        return Ledger(write, catch_up, spending, budget, self.clock)

    @property
    def outcomes(self) -> list[str]:
        return [entry.outcome for entry in self.entries if isinstance(entry, ModelAsked)]


def used(cents: float | None) -> Usage:
    return Usage(
        model="claude-opus-5-5", request_id="req_1", turns=1, input_tokens=9, output_tokens=8, cost_cents=cents
    )


async def test_sets_money_aside_and_puts_the_real_cost_in_its_place() -> None:
    book = Book()
    ledger = book.worker(Budget())
    purse = ledger.purse(TICKET)
    await purse.hold(ESTIMATE)
    await purse.settle(used(2.5), "answered")
    await ledger.catch_up()
    day = ledger.spending.days[TODAY]
    assert (day.usd_micros, day.held_usd_micros, day.requests) == (25_000, 0, 1)
    assert ledger.spending.repairs[TICKET] == 25_000
    reserved, asked = book.entries
    assert isinstance(reserved, ModelReserved)
    assert isinstance(asked, ModelAsked)
    assert (reserved.reserved_usd_micros, asked.ask_id, asked.request_id) == (300_000, reserved.ask_id, "req_1")


async def test_refuses_what_the_repairs_budget_does_not_hold_and_says_what_to_do() -> None:
    book = Book()
    ledger = book.worker(Budget(repair_cents=50, day_cents=1_000))
    purse = ledger.purse(TICKET)
    await purse.hold(ESTIMATE)
    await purse.settle(used(25.0), "answered")
    with pytest.raises(
        OverBudget, match=r"repair's budget .* 0.50 USD; 0.25 USD .*0.30 USD.*NOIZYLAB_CLAUDE_REPAIR_CENTS"
    ):
        await purse.hold(ESTIMATE)
    await ledger.purse("T-00002").hold(ESTIMATE)
    assert book.outcomes == ["answered", "over_budget"]


async def test_refuses_what_the_days_budget_does_not_hold_until_the_next_day() -> None:
    book = Book()
    ledger = book.worker(Budget(repair_cents=1_000, day_cents=50))
    await ledger.purse(TICKET).hold(ESTIMATE)
    with pytest.raises(OverBudget, match="NOIZYLAB_CLAUDE_DAY_CENTS, or wait"):
        await ledger.purse("T-00002").hold(ESTIMATE)
    book.clock.advance(timedelta(days=1))
    await ledger.purse("T-00002").hold(ESTIMATE)


async def test_a_crash_between_asking_and_settling_hides_no_expense() -> None:
    book = Book()
    await book.worker(Budget()).purse(TICKET).hold(ESTIMATE)
    restarted = book.worker(Budget(repair_cents=50))
    with pytest.raises(OverBudget):
        await restarted.purse(TICKET).hold(ESTIMATE)


async def test_a_refused_reservation_does_not_count() -> None:
    book = Book()
    ledger = book.worker(Budget(repair_cents=40))
    for _ in range(3):
        with pytest.raises(OverBudget):
            await ledger.purse(TICKET).hold(Estimate("claude-opus-5-5", 1, 41.0))
    await ledger.purse(TICKET).hold(ESTIMATE)
    assert ledger.spending.days[TODAY].requests == 0


async def test_an_unknown_price_costs_all_that_was_set_aside() -> None:
    book = Book()
    ledger = book.worker(Budget())
    purse = ledger.purse(TICKET)
    await purse.hold(ESTIMATE)
    await purse.settle(used(None), "answered")
    await ledger.catch_up()
    assert ledger.spending.days[TODAY].usd_micros == 300_000


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 4))
def test_workers_that_ask_at_the_same_time_never_hold_more_than_the_budget(cents: list[int], workers: int) -> None:
    book, budget = Book(), Budget(repair_cents=1_000, day_cents=100)
    ledgers = [book.worker(budget) for _ in range(workers)]

    async def ask(number: int, wanted: int) -> bool:
        try:
            await ledgers[number % workers].purse(f"T-{number:05}").hold(Estimate("claude-opus-5-5", 1, wanted))
        except OverBudget:
            return False
        return True

    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(ask(number, wanted) for number, wanted in enumerate(cents)))

    allowed = asyncio.run(all_at_once())
    assert sum(wanted for wanted, may in zip(cents, allowed, strict=True) if may) <= 100
    assert allowed[0] or cents[0] > 100


async def test_asks_nobody_while_the_book_cannot_be_read() -> None:
    async def write(entry: ModelReserved | ModelAsked) -> None:
        """Taken."""

    async def away() -> None:
        raise Transient("the log does not answer")

    ledger = Ledger(write, away, Spending(), Budget(), Book().clock)
    with pytest.raises(OverBudget, match=r"cannot be kept.*the log does not answer"):
        await ledger.purse(TICKET).hold(ESTIMATE)


def test_counts_an_entry_that_cannot_be_read_and_goes_on() -> None:
    spending = Spending()
    spending.read([("ce_type", ModelAsked.TYPE.encode())], b"{}")
    spending.read([("ce_type", b"noizylab.coffee.made.v1")], b"{}")
    assert spending.unreadable == 1


def test_takes_a_repeated_reservation_once() -> None:
    spending = Spending()
    entry = ModelReserved(
        day=TODAY,
        ask_id=UUID(int=1),
        repair_id=TICKET,
        purpose="diagnosis",
        model="m",
        input_tokens=1,
        reserved_usd_micros=7,
        reserved_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    spending.take(entry)
    spending.take(entry)
    assert spending.days[TODAY].held_usd_micros == 7
    assert spending.ahead(UUID(int=1)) == Ahead(0, 0)
