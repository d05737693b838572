"""The made-up year: every life in it could have been lived, and what was planted in it can be found."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from connectors.bus.aggregate import Held
from connectors.bus.records import Outgoing
from infra.year.shop import CALENDAR, drawn_case
from infra.year.year import EVENTS_A_TICKET, Plan, Year
from processors.brain.families import FAMILIES
from processors.tickets.config import Policy
from processors.tickets.guards import Situation
from processors.tickets.lifecycle import refusal_of
from processors.tickets.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message
from schemas.inventory import PartsCommitted, PartsReserved, PartsShort
from schemas.quotes import QuoteAccepted, QuoteDeclined, QuotePrepared
from schemas.ticket_links import WarrantyClaimed
from schemas.ticket_parts import TicketFact
from schemas.tickets import TicketMoved, TicketOpened, TicketView
from topics.registry import class_of
from topics.tickets import TICKET_VIEWS

UNTIL = date(2026, 11, 2)
EVENTS = 12_000


@cache
def _records(seed: int = 7, events: int = EVENTS) -> tuple[Outgoing, ...]:
    return tuple(Year(Plan(events, seed, UNTIL)).records())


@cache
def _events() -> tuple[tuple[Envelope, Message], ...]:
    """Every event with its envelope, read back from the bytes."""
    found = []
    for record in _records():
        envelope = Envelope.from_headers(record.headers)
        if record.topic != TICKET_VIEWS.name:
            assert record.value is not None
            found.append((envelope, class_of(envelope.type).model_validate_json(record.value)))
    return tuple(found)


def _of(*kinds: type[Message]) -> list[Message]:
    return [message for _, message in _events() if isinstance(message, kinds)]


def _lives() -> dict[str, list[Event]]:
    lives: dict[str, list[Event]] = defaultdict(list)
    for envelope, message in _events():
        if isinstance(message, TicketOpened | TicketMoved | TicketFact):
            lives[envelope.subject].append(message)
    return lives


def test_every_move_is_one_that_the_life_cycle_allows_and_every_change_counts_on() -> None:
    policy = Policy()
    for ticket_id, events in _lives().items():
        ticket: TicketView | None = None
        for event in events:
            if isinstance(event, TicketMoved):
                assert ticket is not None
                refusal = refusal_of(Situation(ticket, event.evidence, event.moved_at, policy), event.to_state)
                assert refusal is None, (ticket_id, event.from_state, event.to_state, refusal)
                assert event.from_state == ticket.state
            before = 0 if ticket is None else ticket.version
            ticket = evolve(ticket, event)
            assert ticket is not None
            assert ticket.version == before + 1, (ticket_id, event)


def test_the_view_of_each_ticket_is_what_its_events_add_up_to() -> None:
    views: dict[bytes, Held] = {}
    for record in _records():
        if record.topic == TICKET_VIEWS.name:
            assert record.key is not None
            assert record.value is not None
            views[record.key] = Held.from_value(record.value, TicketView)
    lives = _lives()
    assert len(views) == len(lives)
    for ticket_id, events in lives.items():
        ticket: TicketView | None = None
        for event in events:
            ticket = evolve(ticket, event)
        assert views[ticket_id.encode()].state == ticket


def test_the_same_seed_makes_the_same_bytes_and_another_seed_another_year() -> None:
    again = tuple(Year(Plan(EVENTS, 7, UNTIL)).records())
    assert again == _records()
    assert {r.value for r in _records(8, 2_000)}.isdisjoint({r.value for r in _records(9, 2_000)})


def test_records_come_in_the_order_of_time_and_end_with_the_last_day() -> None:
    times = [Envelope.from_headers(record.headers).time for record in _records()]
    assert times == sorted(times)
    assert times[-1] < datetime(2026, 11, 2, tzinfo=UTC)
    assert times[0] > datetime(2025, 11, 2, tzinfo=UTC)


def test_about_as_many_events_are_made_as_were_asked_for() -> None:
    assert len(_events()) == pytest.approx(EVENTS, rel=0.08)
    assert len(_events()) / len(_lives()) == pytest.approx(EVENTS_A_TICKET, rel=0.05)


def test_devices_come_in_while_the_shop_is_open_and_most_on_mondays() -> None:
    days: Counter[int] = Counter()
    for opened in _of(TicketOpened):
        assert isinstance(opened, TicketOpened)
        assert CALENDAR.is_open(opened.opened_at), opened.opened_at
        days[opened.opened_at.weekday()] += 1
    assert days[6] == 0
    assert max(days, key=lambda day: days[day]) == 0


def test_faults_are_those_that_the_catalogue_knows_for_the_device() -> None:
    import random

    luck = random.Random(1)
    for _ in range(500):
        case = drawn_case(luck)
        assert case.category in FAMILIES[case.family.code].weights


def test_quotes_are_answered_once_and_some_never() -> None:
    quoted = {one.ticket_id: one for one in _of(QuotePrepared) if isinstance(one, QuotePrepared)}
    answers = Counter(one.ticket_id for one in _of(QuoteAccepted, QuoteDeclined))  # type: ignore[attr-defined]  # both kinds have one
    assert set(answers.values()) == {1}
    assert set(answers) < set(quoted)
    for accepted in _of(QuoteAccepted):
        assert isinstance(accepted, QuoteAccepted)
        assert accepted.quote_hash == quoted[accepted.ticket_id].quote_hash
        assert accepted.accepted_at <= quoted[accepted.ticket_id].valid_until
    rate = len(_of(QuoteAccepted)) / len(quoted)
    assert 0.65 < rate < 0.9


def test_parts_that_were_short_are_reserved_before_they_are_used() -> None:
    short = {one.ticket_id for one in _of(PartsShort) if isinstance(one, PartsShort)}
    reserved = {one.ticket_id for one in _of(PartsReserved) if isinstance(one, PartsReserved)}
    used = {one.ticket_id for one in _of(PartsCommitted) if isinstance(one, PartsCommitted)}
    assert used <= reserved
    assert 5 < len(short) < len(used)


def test_repairs_that_came_back_did_so_within_their_warranty_as_tickets_of_their_own() -> None:
    opened = {one.ticket_id: one for one in _of(TicketOpened) if isinstance(one, TicketOpened)}
    claims = [one for one in _of(WarrantyClaimed) if isinstance(one, WarrantyClaimed)]
    assert claims
    for claim in claims:
        following = opened[claim.new_ticket_id]
        assert [link.ticket_id for link in following.links] == [claim.ticket_id]
        assert following.opened_at < claim.covered_until
        assert following.customer_id == opened[claim.ticket_id].customer_id


def test_what_the_last_day_cuts_off_leaves_tickets_open() -> None:
    states = Counter(events[-1].to_state for events in _lives().values() if isinstance(events[-1], TicketMoved))
    assert states["collected"] > 0.7 * sum(states.values())
    assert len(states) > 4
    start = datetime(2026, 10, 1, tzinfo=UTC)
    recent = [one for one in _of(TicketOpened) if isinstance(one, TicketOpened) and one.opened_at > start]
    assert len(recent) > 10
    assert timedelta(days=31) > max(one.opened_at for one in recent) - start
