"""Pages of tickets: how they are sorted, and cursors that stay right while tickets come and move. Pure but for SQL."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import orjson

from processors.gateway.filters import Filters, condition
from processors.gateway.index import TicketIndex
from processors.gateway.search_text import match_expression
from schemas.core.ids import WorkspaceId

Sort = Literal["newest", "oldest_in_state", "relevance", "value"]
Count = Literal["none", "estimate", "exact"]
SORTS: tuple[Sort, ...] = get_args(Sort)
ESTIMATE_MAX = 1000
"""An estimate counts this far and no further: a person reads "more than 1,000" and narrows the search."""

# What a ticket is sorted by, and whether upwards. All of it is the ticket's own: a rank that depends on all other
# tickets, as bm25 does, would let rows slip from one page to another when tickets come.
_ORDERS: dict[Sort, tuple[str, bool]] = {
    "newest": ("t.opened_us", False),
    "oldest_in_state": ("t.moved_us", True),
    "relevance": ("t.opened_us", False),
    "value": ("t.value_cents", False),
}
_TIERS = ("{ids}", "{ids device}", "{ids device complaint}")
"""Relevance is where all words were found: in what names this one ticket, in its device, in the complaint, or only
in what was noted or found later. Within one tier the newest comes first."""


class CursorInvalid(ValueError):
    """A cursor that was not given out for this question."""


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of the tickets of one page, in order; ``cursor`` leads on, None at the end."""

    ids: tuple[str, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """Which tickets of a workspace, in which order. ``now`` is what ``older_than`` counts from."""

    workspace: WorkspaceId
    filters: Filters
    sort: Sort
    now: datetime

    @property
    def digest(self) -> str:
        """Return a text that tells this question from others; it binds cursors to it."""
        # Only the filters: whoever asks may have put page and limit beside them.
        filters = self.filters.model_dump_json(include=set(Filters.model_fields), exclude_defaults=True)
        said = f"{self.workspace}/{self.sort}/{filters}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def page_of(index: TicketIndex, question: Question, *, limit: int, cursor: str | None = None) -> Page:
    """Return at most ``limit`` tickets after ``cursor``.

    A ticket that is opened or moved between two pages appears where its new key puts it; one that did not change is
    on exactly one page.

    Raises:
        CursorInvalid: the cursor is none, or of another question.
    """
    column, upwards = _ORDERS[question.sort]
    direction, beyond = ("ASC", ">") if upwards else ("DESC", "<")
    where, values = condition(question.filters, question.now)
    tier, words = _tier(question)
    if cursor is not None:
        place, key, last_id = _read(question, cursor)
        after = f"(tier > ? OR (tier = ? AND ({column}, t.id) {beyond} (?, ?)))"
        if question.sort != "relevance":
            after, values = f"({column}, t.id) {beyond} (?, ?)", [*values, key, last_id]
        else:
            values = [*values, place, place, key, last_id]
        where = " AND ".join(filter(None, (where, after)))
    first = "tier, " if question.sort == "relevance" else ""
    rows = index.select(
        question.workspace,
        f"t.id, {tier} AS tier, {column}",
        where,
        [*values, limit + 1],
        f"ORDER BY {first}{column} {direction}, t.id {direction} LIMIT ?",
        words,
        few=question.filters.q is not None,
    )
    following = _cursor(question, rows[limit - 1]) if len(rows) > limit else None
    return Page(tuple(row[0] for row in rows[:limit]), following)


def count_of(index: TicketIndex, question: Question, count: Count) -> tuple[int, bool] | None:
    """Return how many tickets there are, and whether that is all; None when it was not asked for."""
    if count == "none":
        return None
    where, values = condition(question.filters, question.now)
    if count == "exact":
        [(number,)] = index.select(question.workspace, "count(*)", where, values, few=question.filters.q is not None)
        return number, True
    limit = [*values, ESTIMATE_MAX + 1]
    rows = index.select(question.workspace, "1", where, limit, "LIMIT ?", few=question.filters.q is not None)
    return min(len(rows), ESTIMATE_MAX), len(rows) <= ESTIMATE_MAX


def _tier(question: Question) -> tuple[str, list[object]]:
    """Return the SQL of the place where the words stand (0 is the best), and its values."""
    if question.sort != "relevance":
        return "0", []
    words = match_expression(question.filters.q or "")
    found = "t.rowid IN (SELECT rowid FROM words WHERE words MATCH ?)"
    cases = " ".join(f"WHEN {found} THEN {tier}" for tier in range(len(_TIERS)))
    values: list[object] = [f"{columns} : ({words})" for columns in _TIERS]
    return f"CASE {cases} ELSE {len(_TIERS)} END", values


def _cursor(question: Question, row: tuple[object, ...]) -> str:
    said = orjson.dumps([question.digest, *row[1:], row[0]])
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def _read(question: Question, cursor: str) -> tuple[int, int, str]:
    """Return tier, key and id of the last ticket of the page before."""
    problem = CursorInvalid(
        "this cursor is not of this question; take it from the `next` link of the page before, and change nothing else"
    )
    try:
        said = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise problem from error
    match said:
        case [question.digest, int(tier), int(key), str(last_id)] if tier in range(4) and abs(key) < 2**62:
            return tier, key, last_id
        case _:
            raise problem
