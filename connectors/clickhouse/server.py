"""The warehouse on a ClickHouse server over HTTP: the embedded one, a single server or a cluster's door."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.clickhouse.export import Format
from connectors.clickhouse.port import OverBudget, PoisonRows, Row, Settings
from connectors.errors import ConnectorError, Misconfigured, Permanent, Transient

if TYPE_CHECKING:
    from clickhouse_connect.driver.asyncclient import AsyncClient

# Error numbers are ClickHouse's own (src/Common/ErrorCodes.cpp). The transient list is the one ClickHouse's Kafka
# Connect sink retries on: time-outs, too many queries or parts, network, memory, Keeper, unknown insert outcome.
TRANSIENT_CODES = frozenset({3, 159, 164, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999})
# Unknown identifier, table, database or setting; read-only user, missing grant, wrong password: the deployment is
# at fault. 164 (READONLY) is on the sink's list above because a replica can turn read-only for a while; a user
# whose profile is read-only gets the same number, and its message says so.
MISCONFIGURED_CODES = frozenset({16, 47, 60, 81, 115, 192, 193, 194, 195, 452, 497, 516})
READONLY = 164
# Rows read, bytes read, rows or bytes of a result; then time, estimated time. Memory is that of the query, or of all.
TOO_MUCH_CODES = frozenset({158, 307, 396})
TOO_LONG_CODES = frozenset({159, 160})
MEMORY = 241
TOO_MANY_PARTS = 252

INSERT_SETTINGS: dict[str, str | int] = {
    # Defaults of these differ between server versions, so every insert says them.
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # A block that spans partitions is neither stored nor dropped as a whole; refuse it here, not after a crash.
    "max_partitions_per_insert_block": 1,
    # Over a distributed table an insert is stored when its shards have it, not when it is queued for them.
    "distributed_foreground_insert": 1,
    # A misspelt column must fail, not vanish.
    "input_format_skip_unknown_fields": 0,
}

LINE_SETTINGS: dict[str, str | int] = {
    "date_time_input_format": "best_effort",  # RFC 3339, as it stands on the log
    "input_format_tsv_detect_header": 0,
    # Chunks that are parsed side by side count their rows each from one: a refused row's number would mean nothing.
    "input_format_parallel_parsing": 0,
}

DOWNLOAD_FORMATS: Mapping[Format, str] = {"csv": "CSVWithNames", "parquet": "Parquet"}

_WORDS = re.compile(r"DB::Exception: (.*?)\s*(?:\(version [^)]*\)\s*)?(?:\(for url [^)]*\)\s*)?$", re.DOTALL)
_ROW = re.compile(r"\bat row (\d+)")
_KEY = re.compile(r"while reading the value of key (\w+)")
_UNKNOWN_FIELD = re.compile(r"Unknown field found while parsing JSONEachRow format: (\w+)")
_TAB_COLUMN = re.compile(r"name: (\w+),[^\n]*ERROR")
_ROWS_TOLD = re.compile(r"(\(at row \d+\))\n?: ?\n.*", re.DOTALL)
"""What the server tells of tab-separated rows that it cannot read: the columns of the row and of the one before."""
_CONSTRAINT = re.compile(r"Constraint `([^`]+)`")


PIECE_BYTES = 262_144
"""Of a body: the client would copy a whole one twice, into memory that no cache holds."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Rows to send a piece at a time."""

    rows: bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.rows), PIECE_BYTES):
            yield self.rows[start : start + PIECE_BYTES]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is and who asks. ``timeout_s`` must stay below the consumer's poll interval."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str = "noizylab"
    secure: bool = False
    connect_timeout_s: float = 5.0
    timeout_s: float = 60.0


class ServerWarehouse:
    """A ``Warehouse`` over clickhouse-connect's asynchronous HTTP client, opened at the first call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def insert_json_rows(
        self, table: str, rows: bytes, token: str | None = None, settings: Settings | None = None
    ) -> None:
        """Insert JSON lines; see the port."""
        await self._insert(table, None, rows, "JSONEachRow", {**INSERT_SETTINGS, **(settings or {})}, token)

    async def insert_lines(self, table: str, columns: Sequence[str], rows: bytes, token: str | None = None) -> None:
        """Insert tab-separated lines; see the port."""
        await self._insert(table, columns, rows, "TabSeparated", INSERT_SETTINGS | LINE_SETTINGS, token)

    async def _insert(
        self,
        table: str,
        columns: Sequence[str] | None,
        rows: bytes,
        form: str,
        settings: dict[str, Any],
        token: str | None,
    ) -> None:
        if token is not None:
            settings["insert_deduplication_token"] = token
        body = rows if len(rows) <= PIECE_BYTES else _Pieces(rows)
        await self._call(lambda client: client.raw_insert(table, columns, body, settings, fmt=form), classify_insert)

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[Row]:
        """Return the rows of a SELECT; see the port."""
        result = await self._call(
            lambda client: client.query(sql, dict(parameters or {}), dict(settings or {})), classify
        )
        return list(result.named_results())

    async def download(self, sql: str, parameters: dict[str, str], file_format: Format) -> AsyncIterator[bytes]:
        """Yield the result as a file; see ``Downloads``."""
        whole = {"wait_end_of_query": 1}
        stream = await self._call(
            lambda client: client.raw_stream(sql, parameters, whole, fmt=DOWNLOAD_FORMATS[file_format]),
            classify_download,
        )
        from aiohttp import ClientError

        try:
            async with stream as chunks:
                async for chunk in chunks:
                    yield chunk
        except (OSError, TimeoutError, ClientError) as error:
            raise Transient(f"the answer of ClickHouse at {self._address} broke off: {error}; ask again") from error

    async def command(self, sql: str) -> None:
        """Run one statement; see the port."""
        await self._call(lambda client: client.command(sql), classify)

    async def close(self) -> None:
        """Close the HTTP session."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _call(
        self,
        call: Callable[["AsyncClient"], Awaitable[Any]],
        translate: Callable[[int | None, str], ConnectorError],
    ) -> Any:
        from clickhouse_connect.driver.exceptions import DataError, Error, ProgrammingError

        try:
            return await call(await self._open())
        except (DataError, ProgrammingError) as error:
            if error.code is None:  # refused by the client itself, for instance a setting the user may not change
                raise Misconfigured(f"the ClickHouse client refused the call: {error}") from error
            raise translate(error.code, str(error)) from error
        except Error as error:
            raise translate(error.code, str(error)) from error
        except (OSError, TimeoutError) as error:
            raise Transient(f"ClickHouse at {self._address} cannot be reached: {error}") from error

    async def _open(self) -> "AsyncClient":
        async with self._opening:
            if self._client is None:
                import clickhouse_connect

                to = self._connection
                self._client = await clickhouse_connect.get_async_client(
                    host=to.host,
                    port=to.port,
                    username=to.user,
                    password=to.password,
                    database=to.database,
                    interface="https" if to.secure else "http",
                    connect_timeout=to.connect_timeout_s,
                    send_receive_timeout=to.timeout_s,
                    query_limit=0,
                    query_retries=0,  # the caller owns the retries, with its own budget
                    autogenerate_session_id=False,  # a session serves one statement at a time
                    form_encode_query_params=True,  # long parameters do not fit a URL
                )
            return self._client

    @property
    def _address(self) -> str:
        return f"{self._connection.host}:{self._connection.port}"


def classify(code: int | None, text: str) -> ConnectorError:
    """Return the error of the port that a server's error ``code`` (None: the network failed) means."""
    message = _trim(text)
    if code == READONLY and "readonly mode" in message:
        return Misconfigured(f"the user may only read: {message}")
    if code is None or code in TRANSIENT_CODES:
        return Transient(message)
    if code in MISCONFIGURED_CODES:
        return Misconfigured(f"{message} Check the user, its grants, and that the migrations were applied.")
    return OverBudget(message) if code in TOO_MUCH_CODES else Permanent(message)


def classify_insert(code: int | None, text: str) -> ConnectorError:
    """As ``classify``, with what is left being the rows' fault."""
    message = _trim(text)
    if code == TOO_MANY_PARTS and "partitions for single INSERT block" in message:
        return Permanent("the rows of one insert must lie in one partition of the table: split them by month")
    error = classify(code, text)
    if isinstance(error, Transient | Misconfigured):
        return error
    return PoisonRows(_row_number(message), _column(message), _ROWS_TOLD.sub(r"\1", message))


def classify_download(code: int | None, text: str) -> ConnectorError:
    """As ``classify``, but a query that takes too long or too much memory is not worth another try: it is too large."""
    message = _trim(text)
    if code in TOO_LONG_CODES or (code == MEMORY and "(total)" not in message):
        return OverBudget(message)
    return classify(code, text)


def _trim(text: str) -> str:
    """Return the server's own words, without the driver's preamble, the version and the address."""
    found = _WORDS.search(text)
    return (found.group(1) if found else text).strip()


def _row_number(message: str) -> int | None:
    found = _ROW.search(message)
    return int(found.group(1)) if found else None


def _column(message: str) -> str | None:
    for pattern in (_KEY, _UNKNOWN_FIELD, _CONSTRAINT, _TAB_COLUMN):
        if found := pattern.search(message):
            return found.group(1)
    return None
