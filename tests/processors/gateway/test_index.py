import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.records import Fetched
from connectors.errors import Misconfigured
from processors.gateway.filters import Filters
from processors.gateway.index import TicketIndex, micros, moment
from processors.gateway.listing import Question, Sort, page_of
from processors.gateway.search_text import NOTHING, folded, match_expression
from schemas.core.message import View
from schemas.devices import Device
from schemas.quotes import QuoteView
from schemas.tickets import TICKET_STATES, TicketView
from tests.processors.gateway.world import NOW, World, diagnosis, quote, ticket_view
from topics.topic import Topic


class Source:
    """Views in a table, as the read model holds them."""

    def __init__(self) -> None:
        self.held: dict[str, View] = {}
        self.index = TicketIndex()
        self.offset = 0

    def put(self, *tickets: TicketView) -> None:
        for ticket in tickets:
            self.held[ticket.ticket_id] = ticket
            self.mark(ticket.ticket_id)
        self.index.fold(self)

    def mark(self, ticket_id: str) -> None:
        self.offset += 1
        self.index.mark(Fetched("tickets.views.v1", 0, self.offset, 0, None, None, ()), ticket_id)

    def view(self, topic: Topic, key: str, kind: type[Any]) -> Any:
        found = self.held.get(key)
        return found if isinstance(found, kind) else None

    def find(self, sort: Sort = "newest", workspace: str = "main", **filters: Any) -> list[str]:
        return list(page_of(self.index, Question(workspace, Filters(**filters), sort, NOW), limit=1000).ids)


@given(st.text())
def test_folded_text_folds_to_itself_and_has_no_controls(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert all(one.isprintable() for one in once)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("Lenovo T480", '"lenovo"* AND "t480"*'),
        ('"does not" charge', '"does not" AND "charge"*'),
        ("Müller's Größe", '"muller\'s"* AND "grosse"*'),
        ("smørrebrød Łódź", '"smorrebrod"* AND "lodz"*'),
        ('open "quote', '"open"* AND "quote"*'),
        ("a OR b NOT c* NEAR(d)", '"a" AND "or"* AND "b" AND "not"* AND "c*"* AND "near(d)"*'),
        ("complaint:x ^y", '"complaint:x"* AND "^y"*'),
        ("T-0190abcd", '"0190abcd"*'),
        ("!!! ()", NOTHING),
        ("", NOTHING),
    ],
)
def test_nothing_of_a_search_is_syntax(text: str, expression: str) -> None:
    assert match_expression(text) == expression


SHELF = Source()
SHELF.put(*(ticket_view(f"T-{number:04}", complaint=f"complaint {number}") for number in range(5)))
SYNTAX = ['"', "*", "AND", "NOT", "NEAR(", ")", "{ids} :", "-", "^", "\0", "'; DROP TABLE tickets; --"]
HOSTILE = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(SYNTAX)), max_size=8).map(" ".join)


@given(HOSTILE)
@settings(max_examples=500, deadline=None)
def test_no_text_breaks_a_search_and_what_is_found_holds_its_words(text: str) -> None:
    expression = match_expression(text)
    SHELF.index.select("main", "t.id", "t.rowid IN (SELECT rowid FROM words WHERE words MATCH ?)", [expression])
    page = page_of(SHELF.index, Question("main", Filters.model_construct(q=text), "relevance", NOW), limit=9)
    assert len(page.ids) in range(6)
    if expression == NOTHING:
        assert page.ids == ()


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L"], max_codepoint=0x24F), min_size=2, max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_word_of_a_complaint_finds_it_in_any_case_and_without_its_accents(word: str) -> None:
    source = Source()
    source.put(ticket_view("T-0001", complaint=f"it says {word} and stops"), ticket_view("T-0002", complaint="other"))
    for form in (word, word.upper(), folded(word)):
        assert "T-0001" in source.find(q=form), form


def test_finds_by_device_number_findings_and_phrases() -> None:
    source = Source()
    device = Device(category="mobile", brand="Fairphone", model="FP4", serial="ABC-123", imei="490154203237518")
    source.put(ticket_view("T-00ab-77", device=device, complaint="Will not charge any more."), ticket_view("T-00cd"))
    for text in ("fairp", "fp4 charge", "ABC-123", "4901542", "T-00ab", '"will not charge"', "mobile"):
        assert source.find(q=text) == ["T-00ab-77"], text
    for text in ('"charge not"', "fairphone t480", "hone"):
        assert source.find(q=text) == [], text


def test_relevance_is_where_the_words_are_then_the_newest() -> None:
    source = Source()
    source.put(
        ticket_view("T-comp", complaint="like my pixel", opened_at=NOW),
        ticket_view("T-devo", device=Device(category="mobile", model="Pixel"), opened_at=NOW - timedelta(days=9)),
        ticket_view("T-devn", device=Device(category="mobile", model="Pixel"), opened_at=NOW - timedelta(days=1)),
        ticket_view("T-pixel", opened_at=NOW - timedelta(days=99)),
    )
    assert source.find("relevance", q="pixel") == ["T-pixel", "T-devn", "T-devo", "T-comp"]


def test_quotes_and_diagnoses_change_the_row_of_their_ticket(world: World) -> None:
    def values() -> list[tuple[Any, ...]]:
        return world.views.tickets.select("main", "t.value_cents, t.findings")

    world.feed(ticket_view())
    assert values() == [(0, "")]
    world.feed(QuoteView(ticket_id="T-0001", status="prepared", quote=quote()))
    world.feed(diagnosis())
    assert values() == [(8900, "charging port broken")]
    world.feed(ticket_view(quote_total_cents=7000))
    assert values()[0][0] == 7000


def test_a_ticket_that_is_deleted_or_changes_its_words_is_not_found_by_the_old_ones(world: World) -> None:
    def found(word: str) -> int:
        question = Question("main", Filters(q=word), "newest", NOW)
        return len(page_of(world.views.tickets, question, limit=9).ids)

    first = world.feed(ticket_view(complaint="hinge"))
    assert found("hinge") == 1
    world.feed(ticket_view(complaint="screen"))
    assert (found("hinge"), found("screen")) == (0, 1)
    world.views.apply(replace(first, offset=9, value=None))
    assert found("screen") == 0
    assert world.views.tickets.select("main", "count(*)") == [(0,)]


def test_the_version_is_that_of_the_log_and_of_one_workspace() -> None:
    here, there = Source(), Source()
    for source in (here, there):
        source.put(ticket_view("T-0001"), ticket_view("T-0002", workspace_id="west"))
    # Another process folded the same records in other portions.
    assert here.index.version("main") == there.index.version("main")
    before = here.index.version("main"), here.index.version("west"), here.index.version("nobody")
    here.put(ticket_view("T-0002", workspace_id="west", state="triage"))
    assert here.index.version("main") == before[0]
    assert here.index.version("west") != before[1]
    here.put(ticket_view("T-0002", workspace_id="main"))
    assert here.index.version("main") != before[0]


def test_folds_in_portions_and_each_ticket_once() -> None:
    source = Source()
    for number in range(7):
        source.held[f"T-{number:04}"] = ticket_view(f"T-{number:04}")
        source.mark(f"T-{number:04}")
        source.mark(f"T-{number:04}")
    assert source.index.fold(source, 4)
    assert source.index.select("main", "count(*)") == [(4,)]
    assert not source.index.fold(source, 4)
    assert source.index.select("main", "count(*)") == [(7,)]


def test_what_cannot_be_written_is_not_lost() -> None:
    source = Source()
    source.held["T-0001"] = ticket_view()
    source.mark("T-0001")
    with patch.object(source, "view", side_effect=ValueError("unreadable")), pytest.raises(ValueError, match="unread"):
        source.index.fold(source)
    source.index.fold(source)
    assert source.find() == ["T-0001"]


_WORKSPACES = ("main", "west")
_MOVES = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(TICKET_STATES), st.text(max_size=8), st.sampled_from(_WORKSPACES)),
    max_size=30,
)


@given(_MOVES)
@settings(max_examples=60, deadline=None)
def test_after_any_history_the_rows_are_those_of_the_newest_views(moves: Any) -> None:
    source = Source()
    for number, state, model, workspace in moves:
        device = Device(category="other", model="".join(one for one in model if one.isprintable()))
        source.put(ticket_view(f"T-000{number}", state=state, device=device, workspace_id=workspace))
    for workspace in _WORKSPACES:
        tickets = [view for view in source.held.values() if isinstance(view, TicketView)]
        expected = {one.ticket_id: one.state for one in tickets if one.workspace_id == workspace}
        assert dict(source.index.select(workspace, "t.id, t.state")) == expected
        assert set(source.find(q="other", workspace=workspace)) == set(expected)
    # FTS5's own check that its words are those of the table.
    source.index._db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")


def test_says_what_to_do_where_sqlite_has_no_full_text_search() -> None:
    @contextmanager
    def without_fts5() -> Iterator[None]:
        class Bare(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if "fts5" in sql:
                    raise sqlite3.OperationalError("no such module: fts5")
                return super().execute(sql, *values)

        with patch("sqlite3.connect", lambda *_, **options: Bare(":memory:", isolation_level=None)):
            yield

    with without_fts5(), pytest.raises(Misconfigured, match="has no FTS5"):
        TicketIndex()


@given(st.datetimes(timezones=st.just(NOW.tzinfo)))
def test_times_survive_as_microseconds(at: Any) -> None:
    assert moment(micros(at)) == at
