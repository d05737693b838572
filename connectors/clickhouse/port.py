"""What the project needs from an analytics warehouse, and how it fails.

::

    ConnectorError
    ├── Transient           the warehouse is away, busy or over a limit: the same call may go through later
    ├── Permanent           this statement can never succeed
    │   ├── PoisonRows      at least one row of an insert is refused; the message names row and column
    │   └── OverBudget      a query takes more than its user is given
    └── Misconfigured       wrong password, missing grant, missing table: somebody must act
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connectors.errors import Permanent

Settings = Mapping[str, str | int]
"""ClickHouse settings of one statement, by their own names."""

Row = dict[str, Any]


class PoisonRows(Permanent):
    """An insert that the warehouse refuses because of its data. Nothing of the block was stored.

    Attributes:
        row_number: 1-based number of the first refused row within the insert; None when the warehouse does not
            say.
        column: the column, or the constraint, that refused it; None when the warehouse does not say.
        message: the warehouse's own words, without its version trailer.
    """

    def __init__(self, row_number: int | None, column: str | None, message: str) -> None:
        where = "an unnamed row" if row_number is None else f"row {row_number}"
        what = "" if column is None else f", {column}"
        super().__init__(f"insert refused at {where}{what}: {message}")
        self.row_number = row_number
        self.column = column
        self.message = message


class OverBudget(Permanent):
    """The query takes more rows or bytes, or of a file more memory or time, than the user is given. Ask for less."""


class Warehouse(Protocol):
    """An SQL warehouse that takes rows as text and drops a block whose token it has already stored."""

    async def insert_json_rows(
        self, table: str, rows: bytes, token: str | None = None, settings: Settings | None = None
    ) -> None:
        """Insert ``rows`` (JSONEachRow: one JSON object a line)."""

    async def insert_lines(self, table: str, columns: Sequence[str], rows: bytes, token: str | None = None) -> None:
        r"""Insert ``rows``, a line each: the values of ``columns`` with a tab between them.

        In a value the backslash, tab, line feed and carriage return are written ``\\``, ``\t``, ``\n``, ``\r``; a value
        ``\N`` is NULL. Times are RFC 3339.

        Returns once the rows are stored. A second call with the same ``token`` stores nothing, in the table and
        in everything that materialised views feed from it, whatever the rows are. The rows must lie in one
        partition of the table, because only a block within one partition is stored or dropped as a whole.

        Raises:
            PoisonRows: a row does not fit the table.
            Permanent: the rows span several partitions.
            Transient, Misconfigured: see the module.
        """

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[Row]:
        """Return the rows of a SELECT, in order. Write parameters as ``{name:Type}``; they are bound server-side.

        Raises:
            Transient, Permanent, Misconfigured: see the module.
        """

    async def command(self, sql: str) -> None:
        """Run one statement that returns nothing, such as DDL.

        Raises:
            Transient, Permanent, Misconfigured: see the module.
        """

    async def close(self) -> None:
        """Give the connections back. Closing twice is harmless."""
