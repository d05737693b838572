"""Tickets as rows that can be searched: a SQLite database in memory, folded from views. A cache that events correct.

A record only marks its ticket; :meth:`TicketIndex.fold` writes what is marked in one transaction, so a start with
many tickets, or a burst of moves, costs each ticket once. Every row carries its workspace, and every question names
one: :meth:`TicketIndex.select` is the only way in.

Sealed texts cannot be opened here: their tickets wait in :attr:`TicketIndex.unopened`, and whoever has a vault hands
the words in with :meth:`TicketIndex.put_words`. Changed texts are not found until they were opened anew.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

from connectors.bus.records import Fetched
from connectors.errors import Misconfigured
from processors.gateway.search_text import folded
from processors.gateway.unopened import Unopened
from processors.gateway.words import NOTHING_SEALED, texts_of, with_heirs
from schemas.core.ids import WorkspaceId
from schemas.core.message import View
from schemas.diagnoses import DiagnosisView
from schemas.quotes import QuoteView
from schemas.tickets import TicketView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.quotes import QUOTE_VIEWS
from topics.tickets import TICKET_VIEWS
from topics.topic import Topic

V = TypeVar("V", bound=View)

INDEXED = frozenset(topic.name for topic in (TICKET_VIEWS, QUOTE_VIEWS, DIAGNOSIS_VIEWS))
"""Topics whose records change a row; all are keyed by the ticket."""
FOLD_AT_ONCE = 500
"""Tickets written in one go while the log is read: about 40 ms, so that the process answers in between."""

_TEXTS = ("ids", "device", "complaint", "notes", "findings")
"""What is searched, from what names one ticket to what many share."""
_FACTS = (
    "id", "workspace", "state", "hold", "outcome", "category", "brand", "model", "imei", "serial", "customer",
    "technician", "bench", "channel", "opened_us", "moved_us", "value_cents", "opened",
)  # fmt: skip
"""``opened`` is the mark of the sealed texts whose words are in the row."""
_COLUMNS = (*_FACTS, *_TEXTS)
_INDICES = (
    "opened_us, id, state, category, technician, moved_us", "moved_us, id, state, category, technician, opened_us",
    "value_cents, id, state, category, technician", "state, moved_us, id", "brand, opened_us, id", "imei", "serial",
    "customer", "technician", "state, technician, moved_us, value_cents",
)  # fmt: skip
"""What a list is sorted by, then what most lists are narrowed by: rows that are not wanted are then passed over in the
index, and are not read, which costs ten times as much."""
_MARKS = ", ".join("?" for _ in _COLUMNS)
_TEXT_MARKS = ", ".join("?" for _ in _TEXTS)
_INSERT = f"INSERT INTO tickets ({', '.join(_COLUMNS)}) VALUES ({_MARKS})"  # noqa: S608 - our names
_UPDATE = f"UPDATE tickets SET ({', '.join(_COLUMNS)}) = ({_MARKS}) WHERE rowid = ?"  # noqa: S608 - our names
_KNOWN = f"SELECT rowid, workspace, opened, {', '.join(_TEXTS)} FROM tickets WHERE id = ?"  # noqa: S608 - our names
_ADD_TEXTS = f"INSERT INTO words (rowid, {', '.join(_TEXTS)}) VALUES (?, {_TEXT_MARKS})"  # noqa: S608 - our names
_DROP_TEXTS = f"INSERT INTO words (words, rowid, {', '.join(_TEXTS)}) VALUES ('delete', ?, {_TEXT_MARKS})"  # noqa: S608 - names of our own columns
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Views(Protocol):
    """Where the newest views are; the read model is one."""

    def view(self, topic: Topic, key: str, kind: type[V]) -> V | None:
        """Return one view, None for none."""
        ...


def micros(at: datetime) -> int:
    """Return a point in time as whole microseconds since 1970 (UTC), as rows hold it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the point in time that :func:`micros` made."""
    return _EPOCH + microseconds * _MICROSECOND


class TicketIndex:
    """One row for each ticket, and its words in a full-text index. Belongs to one thread."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _create(self._db)
        self._marked: dict[str, dict[tuple[str, int], int]] = {}
        self._versions: dict[WorkspaceId, dict[tuple[str, int], int]] = {}
        self._opened: dict[WorkspaceId, int] = {}
        self._tags: dict[WorkspaceId, str] = {}
        self.unopened = Unopened()

    def mark(self, record: Fetched, ticket_id: str) -> None:
        """Note that a record may have changed a ticket's row."""
        if record.topic in INDEXED:
            self._marked.setdefault(ticket_id, {})[record.topic, record.partition] = record.offset

    def fold(self, views: Views, most: int | None = None) -> bool:
        """Write the rows of marked tickets, at most ``most``; returns whether more are left."""
        if not self._marked:
            return False
        ids = list(self._marked if most is None else islice(self._marked, most))
        self._db.execute("BEGIN")
        try:
            for ticket_id in with_heirs(ids, _finder(views)):
                self._write(ticket_id, views)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        for ticket_id in ids:
            del self._marked[ticket_id]
        return bool(self._marked)

    def put_words(self, ticket_id: str, views: Views, mark: str, words: Mapping[str, str | None]) -> None:
        """Write what a ticket's sealed texts say; None for one that does not open any more.

        ``mark`` is that of the texts that were opened. Where the ticket says something else by now nothing is written:
        it waits again, or its record is still to be folded.
        """
        ticket = views.view(TICKET_VIEWS, ticket_id, TicketView)
        if ticket is not None and mark != NOTHING_SEALED and texts_of(ticket, _finder(views)).mark == mark:
            self._db.execute("BEGIN")
            try:
                self._write(ticket_id, views, words)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def version(self, workspace: WorkspaceId) -> str:
        """Return a short text that changes with every record that changed a row of the workspace.

        It is made of offsets, and of which sealed texts were opened, so that every process that read the same log, and
        has opened what there is to open, says the same.
        """
        tag = self._tags.get(workspace)
        if tag is None:
            said = repr((sorted(self._versions.get(workspace, {}).items()), self._opened.get(workspace, 0)))
            tag = self._tags[workspace] = hashlib.sha256(said.encode()).hexdigest()[:20]
        return tag

    def select(
        self,
        workspace: WorkspaceId,
        what: str,
        where: str = "",
        values: Sequence[object] = (),
        then: str = "",
        before: Sequence[object] = (),
        *,
        few: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Return ``SELECT what FROM tickets WHERE workspace = ... AND (where) then``.

        ``few``: what ``where`` finds by itself is far less than the tickets of a workspace, so it is looked up first.

        ``what``, ``where`` and ``then`` are SQL of this package, never text of a caller's; ``before`` fills the marks
        of ``what``, ``values`` those that follow.
        """
        condition = f"AND ({where})" if where else ""
        workspaces = "+t.workspace" if few else "t.workspace"  # the plus keeps SQLite from an index
        sql = f"SELECT {what} FROM tickets AS t WHERE {workspaces} = ? {condition} {then}"  # noqa: S608 - see above
        return self._db.execute(sql, (*before, workspace, *values)).fetchall()

    def _write(self, ticket_id: str, views: Views, words: Mapping[str, str | None] | None = None) -> None:
        known = self._db.execute(_KNOWN, (ticket_id,)).fetchone()
        ticket = views.view(TICKET_VIEWS, ticket_id, TicketView)
        for workspace in {one for one in (known and known[1], ticket and ticket.workspace_id) if one}:
            self._versions.setdefault(workspace, {}).update(self._marked.get(ticket_id, {}))
            self._tags.pop(workspace, None)
        rowid, before = (known[0], known[3:]) if known is not None else (None, None)
        if known is not None:
            self._note_opened(known[1], ticket_id, known[2])
        after = None
        if ticket is not None:
            kept = None if known is None or words is not None else (known[2], *known[3:][2:4])
            row = self._row(ticket, views, words, kept)
            after = row[len(_FACTS) :]
            rowid = self._put(rowid, row)
        elif rowid is not None:
            self._db.execute("DELETE FROM tickets WHERE rowid = ?", (rowid,))
        # The words of most tickets stay as they are while the ticket moves, and they are what costs.
        if before is not None and before != after:
            self._db.execute(_DROP_TEXTS, (rowid, *before))
        if after is not None and before != after:
            self._db.execute(_ADD_TEXTS, (rowid, *after))

    def _row(
        self,
        ticket: TicketView,
        views: Views,
        words: Mapping[str, str | None] | None,
        kept: tuple[str, str, str] | None,
    ) -> tuple[Any, ...]:
        """Return the row of a ticket: with the words just opened, or with those ``kept`` of the same texts."""
        texts = texts_of(ticket, _finder(views))
        mark = texts.mark
        if words is None and kept is not None and mark != NOTHING_SEALED and kept[0] == mark:
            said = kept[1:]
        else:
            plain = texts.opened(words or {})
            said = (_joined(plain.complaint), _joined(plain.notes))
            if mark != NOTHING_SEALED and words is None:
                self.unopened.add(ticket.ticket_id)
                mark = NOTHING_SEALED
        self._note_opened(ticket.workspace_id, ticket.ticket_id, mark)
        return _row(ticket, views, mark, *said)

    def _note_opened(self, workspace: WorkspaceId, ticket_id: str, mark: str) -> None:
        """Count what was opened in or out of the version; the order does not matter to XOR."""
        if mark != NOTHING_SEALED:
            said = hashlib.sha256(f"{ticket_id}/{mark}".encode()).digest()
            self._opened[workspace] = self._opened.get(workspace, 0) ^ int.from_bytes(said[:8], "big")

    def _put(self, rowid: int | None, row: tuple[Any, ...]) -> int | None:
        if rowid is None:
            return self._db.execute(_INSERT, row).lastrowid
        self._db.execute(_UPDATE, (*row, rowid))
        return rowid


def _create(db: sqlite3.Connection) -> None:
    columns = ", ".join(f"{name} {'INTEGER' if name.endswith(('_us', '_cents')) else 'TEXT'}" for name in _FACTS[1:])
    db.execute(
        f"CREATE TABLE tickets (rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {columns}, "
        f"{', '.join(f'{name} TEXT NOT NULL' for name in _TEXTS)})"
    )
    for number, names in enumerate(_INDICES):
        db.execute(f"CREATE INDEX tickets_{number} ON tickets (workspace, {names})")
    try:
        db.execute(
            f"CREATE VIRTUAL TABLE words USING fts5({', '.join(_TEXTS)}, content='tickets', content_rowid='rowid', "
            "tokenize='unicode61 remove_diacritics 0')"
        )
    except sqlite3.OperationalError as error:
        raise Misconfigured(
            f"SQLite {sqlite3.sqlite_version} of this Python has no FTS5 ({error}), so tickets cannot be searched; use "
            "a Python whose sqlite3 module was built with it, as those of python.org, Debian and conda are"
        ) from error


def _finder(views: Views) -> Callable[[str], TicketView | None]:
    return lambda ticket_id: views.view(TICKET_VIEWS, ticket_id, TicketView)


def _row(ticket: TicketView, views: Views, opened: str, complaint: str, notes: str) -> tuple[Any, ...]:
    device = ticket.device
    quote = views.view(QUOTE_VIEWS, ticket.ticket_id, QuoteView)
    diagnosis = views.view(DIAGNOSIS_VIEWS, ticket.ticket_id, DiagnosisView)
    return (
        ticket.ticket_id,
        ticket.workspace_id,
        ticket.state,
        ticket.hold,
        ticket.outcome,
        device.category,
        folded(device.brand),
        folded(device.model),
        device.imei,
        None if device.serial is None else folded(device.serial),
        ticket.customer_id,
        ticket.technician,
        ticket.bench,
        ticket.channel,
        micros(ticket.opened_at),
        micros(ticket.moved_at),
        _value_cents(ticket, quote),
        opened,
        _joined((ticket.ticket_id, ticket.number, device.imei, device.serial)),
        _joined((device.category, device.brand, device.model, device.board_model)),
        complaint,
        notes,
        _joined(_findings(diagnosis)),
    )


def _value_cents(ticket: TicketView, quote: QuoteView | None) -> int:
    """Return what the repair is worth to the shop as far as it is known, in minor units; 0 while nobody knows."""
    if quote is not None and quote.accepted is not None:
        return quote.accepted.total_cents
    if ticket.quote_total_cents is not None:
        return ticket.quote_total_cents
    return quote.quote.total_cents if quote is not None and quote.quote is not None else 0


def _findings(diagnosis: DiagnosisView | None) -> Iterable[str]:
    if diagnosis is None or diagnosis.diagnosed is None:
        return ()
    return [fault.title for fault in diagnosis.diagnosed.faults]


def _joined(texts: Iterable[str | None]) -> str:
    return folded(" | ".join(filter(None, texts)))
