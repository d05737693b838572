"""A view of the warehouse as a file: which SELECT gives it. The engine itself writes the CSV or Parquet.

The rows come as one stream and are never held here. Only the engine knows how large a result is before it is whole, so
it keeps the result on its own disk until then: an answer that began is a whole one, and what goes wrong is an error.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol, get_args

from connectors.clickhouse.port import Warehouse
from connectors.errors import Permanent

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins with one of these is a formula to a spreadsheet (OWASP, "CSV Injection")."""

_MARKS = "".join(f"\\\\x{ord(mark):02x}" for mark in FORMULA)
"""For a regular expression within an SQL text, which each take a backslash."""

COLUMNS_SQL = """
SELECT name, type FROM system.columns
WHERE database = currentDatabase() AND table = {view:String} AND startsWith(table, 'v_')
ORDER BY position
"""
VIEWS_SQL = "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND startsWith(table, 'v_')"
_TIME = re.compile(r"Date(Time)?(32|64)?\b")
_TEXT = re.compile(r"\b(String|FixedString|Enum\d*|Array|Tuple|Map|JSON|Nested)\b")


class NoSuchView(Permanent):
    """There is no such view; the message lists those there are."""


class NoTimeColumn(Permanent):
    """A period was asked of a view that tells of no time."""


class Downloads(Protocol):
    """Gives the result of a SELECT as a file."""

    def download(self, sql: str, parameters: dict[str, str], file_format: Format) -> AsyncIterator[bytes]:
        """Yield the file's bytes; the first only when the whole result is there.

        Raises:
            OverBudget: the result takes more than the user's budget.
            Transient, Permanent, Misconfigured: see the port.
        """
        ...


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column as the engine declares it."""

    name: str
    type: str

    @property
    def is_time(self) -> bool:
        """Whether it is a day or a moment."""
        return _TIME.search(self.type) is not None

    @property
    def csv(self) -> str:
        """Return the expression of its cell: nothing for NULL, an apostrophe before what looks like a formula.

        The engine would write NULL as backslash-N, and how it does is a setting that a read-only user may not change.
        """
        # Type names hold text too: the values of an enumeration, the zone of a time.
        kind = re.sub(r"'(?:[^'\\]|\\.)*'", "", self.type)
        nullable, text = "Nullable(" in kind, _TEXT.search(kind) is not None
        if not nullable and not text:
            return self.name
        cell = f"ifNull(toString({self.name}), '')" if nullable else f"toString({self.name})"
        if not text:
            return f"{cell} AS {self.name}"
        return f"replaceRegexpOne({cell}, '^[{_MARKS}]', '\\'\\\\0') AS {self.name}"


@dataclass(frozen=True, slots=True)
class Selection:
    """A SELECT with its parameters, bound by the engine."""

    sql: str
    parameters: dict[str, str]


async def columns_of(warehouse: Warehouse, view: str) -> tuple[ViewColumn, ...]:
    """Return the columns of a view, in its order.

    Raises:
        NoSuchView: there is none of this name; only names that begin with ``v_`` are looked for.
    """
    rows = await warehouse.query(COLUMNS_SQL, {"view": view})
    if not rows:
        names = sorted(row["table"] for row in await warehouse.query(VIEWS_SQL))
        raise NoSuchView(f"there is no view {view[:80]!r}; there are {', '.join(names)}")
    return tuple(ViewColumn(row["name"], row["type"]) for row in rows)


def selection(
    view: str,
    columns: Sequence[ViewColumn],
    file_format: Format,
    *,
    workspace_id: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Selection:
    """Return the SELECT of a view's rows: of one workspace, or of all where ``workspace_id`` is None.

    ``since`` is the first day and ``until`` the first day after the period, both in UTC. What counts is the view's
    first column that is a day or a moment.

    Raises:
        NoTimeColumn: a period is asked of a view without such a column.
    """
    conditions, parameters = [], {}
    if workspace_id is not None:
        conditions.append("workspace_id = {workspace:String}")
        parameters["workspace"] = workspace_id
    for name, sign, day in (("since", ">=", since), ("until", "<", until)):
        if day is not None:
            column = _time_column(view, columns)
            # A comparison of a moment with a Date would take the server's time zone for the day's beginning.
            kind, text = ("DateTime64(3, 'UTC')", f"{day} 00:00:00") if "Time" in column.type else ("Date", f"{day}")
            conditions.append(f"{view}.{column.name} {sign} {{{name}:{kind}}}")
            parameters[name] = text
    cells = [column.csv if file_format == "csv" else column.name for column in columns]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Selection(f"SELECT {', '.join(cells)} FROM {view}{where}", parameters)  # noqa: S608 - the engine's own names


async def selection_of_period(
    warehouse: Warehouse,
    sql: str,
    file_format: Format,
    *,
    workspace_id: str,
    since: date | None,
    until: date | None,
    today: date,
) -> Selection:
    """Return the SELECT of a figure's rows; ``sql`` has the parameters ``workspace``, ``since`` and ``until``.

    Without ``until`` the period ends with ``today``, without ``since`` it has thirty days.
    """
    end = until or today + timedelta(days=1)
    begin = since or end - timedelta(days=30)
    parameters = {"workspace": workspace_id, "since": f"{begin} 00:00:00", "until": f"{end} 00:00:00"}
    rows = await warehouse.query(f"DESCRIBE TABLE ({sql})", parameters)
    columns = [ViewColumn(row["name"], row["type"]) for row in rows]
    cells = [column.csv if file_format == "csv" else column.name for column in columns]
    return Selection(f"SELECT {', '.join(cells)} FROM ({sql})", parameters)  # noqa: S608 - the engine's own names


def _time_column(view: str, columns: Sequence[ViewColumn]) -> ViewColumn:
    for column in columns:
        if column.is_time:
            return column
    raise NoTimeColumn(f"{view} tells how things stand now and has no column of time; leave the period out")
