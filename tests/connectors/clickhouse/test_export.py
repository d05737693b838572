"""Views as files, from the engine's own hand, for the user who may only read."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pyarrow.parquet
import pytest

from connectors.clickhouse.export import (
    FORMULA,
    Format,
    NoSuchView,
    NoTimeColumn,
    columns_of,
    selection,
)
from connectors.clickhouse.port import OverBudget
from connectors.clickhouse.server import ServerWarehouse, classify_download
from connectors.errors import Misconfigured, Transient
from infra.clickhouse.layout import READER, READER_RESULT_ROWS
from infra.clickhouse.server import EmbeddedClickHouse
from tests.support.clickhouse import connect

VIEWS = {
    "v_cells": """SELECT 'a' AS workspace_id, toDate('2026-03-01') AS day, number AS n, -1 AS below,
        ['=1+1', '+1', '-1', '@x', char(9) || 'x', char(13) || 'x', char(10) || 'x', 'x,"y"', '', '/1a'][n + 1] AS text,
        if(n = 0, NULL, n) AS perhaps, if(n = 0, NULL, '=' || toString(n)) AS word,
        CAST(text, 'LowCardinality(String)') AS low, CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)') AS kind,
        toDateTime64('2026-03-01 12:30:00', 3, 'UTC') AS at, [text] AS list FROM numbers(10)""",
    "v_days": """SELECT if(number % 2 = 0, 'a', 'b') AS workspace_id, toDate('2026-03-01') + intDiv(number, 2) AS day
        FROM numbers(8)""",
    "v_moments": """SELECT toNullable(toDateTime64('2026-03-01 23:59:59.999', 3, 'UTC')
        + INTERVAL number MILLISECOND) AS at FROM numbers(3)""",
    "v_now": "SELECT 1 AS n",
    "v_many": f"SELECT number AS n, repeat('x', 100) AS text FROM numbers({READER_RESULT_ROWS})",
    "v_too_many": f"SELECT number AS n FROM numbers({READER_RESULT_ROWS + 1})",
}  # fmt: skip


@pytest.fixture
async def reader(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    """The user who may only read, in its own database, with a few views there."""
    admin, reading = connect(server), connect(server, READER)
    for name, sql in VIEWS.items():
        await admin.command(f"CREATE VIEW {name} AS {sql}")
    yield reading
    for name in VIEWS:
        await admin.command(f"DROP VIEW {name}")
    await admin.close()
    await reading.close()


async def _file(reader: ServerWarehouse, view: str, file_format: Format = "csv", **bounds: Any) -> bytes:
    chosen = selection(view, await columns_of(reader, view), file_format, **bounds)
    return b"".join([chunk async for chunk in reader.download(chosen.sql, chosen.parameters, file_format)])


async def _table(reader: ServerWarehouse, view: str, **bounds: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((await _file(reader, view, **bounds)).decode(), newline="")))


async def test_no_cell_of_a_csv_file_is_a_formula_and_every_value_is_there(reader: ServerWarehouse) -> None:
    rows = await _table(reader, "v_cells")
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", 'x,"y"', "", "/1a"]
    assert [row["text"] for row in rows] == [f"'{text}" if text.startswith(FORMULA) else text for text in texts]
    assert [row["low"] for row in rows] == [row["text"] for row in rows]
    assert [row["word"] for row in rows[:2]] == ["", "'=1"]
    assert [row["perhaps"] for row in rows[:2]] == ["", "1"]
    assert (rows[0]["below"], rows[0]["kind"], rows[0]["at"]) == ("-1", "b", "2026-03-01 12:30:00.000")
    assert not any(cell.startswith(FORMULA) for row in rows for name, cell in row.items() if name != "below")


async def test_parquet_holds_the_values_themselves(reader: ServerWarehouse) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(await _file(reader, "v_cells", "parquet"))).to_pylist()
    assert [row["text"] for row in table][:2] == ["=1+1", "+1"]
    assert (table[0]["perhaps"], table[1]["perhaps"], table[0]["day"]) == (None, 1, date(2026, 3, 1))


async def test_workspace_and_period_bound_the_rows(reader: ServerWarehouse) -> None:
    bounds: dict[str, Any] = {"since": date(2026, 3, 2), "until": date(2026, 3, 4)}
    rows = await _table(reader, "v_days", workspace_id="b", **bounds)
    assert [tuple(row.values()) for row in rows] == [("b", "2026-03-02"), ("b", "2026-03-03")]
    assert len(await _table(reader, "v_days", **bounds)) == 4
    assert await _table(reader, "v_days", workspace_id="b' OR '1'='1") == []
    moments = await _table(reader, "v_moments", since=date(2026, 3, 2))
    assert [row["at"] for row in moments] == ["2026-03-02 00:00:00.000", "2026-03-02 00:00:00.001"]
    with pytest.raises(NoTimeColumn, match="leave the period out"):
        await _file(reader, "v_now", since=date(2026, 3, 2))


@pytest.mark.parametrize("name", ["v_nothing", "events", "v_days; DROP VIEW v_days", "schema_migrations"])
async def test_only_views_can_be_had(reader: ServerWarehouse, name: str) -> None:
    with pytest.raises(NoSuchView, match="v_days"):
        await columns_of(reader, name)


async def test_a_result_over_the_budget_is_an_error_and_no_torn_file(reader: ServerWarehouse) -> None:
    assert (await _file(reader, "v_many")).count(b"\n") == READER_RESULT_ROWS + 1
    with pytest.raises(OverBudget, match="result"):
        await _file(reader, "v_too_many")


async def test_rows_come_in_pieces(reader: ServerWarehouse) -> None:
    chosen = selection("v_many", await columns_of(reader, "v_many"), "csv")
    sizes = [len(chunk) async for chunk in reader.download(chosen.sql, chosen.parameters, "csv")]
    assert sum(sizes) > 10_000_000
    assert max(sizes) < 1_000_000


def test_a_query_that_takes_too_much_is_told_from_a_server_that_is_full() -> None:
    assert isinstance(classify_download(241, "Memory limit (for query) exceeded"), OverBudget)
    assert isinstance(classify_download(241, "Memory limit (total) exceeded"), Transient)
    assert isinstance(classify_download(159, "Timeout exceeded"), OverBudget)
    assert isinstance(classify_download(60, "Unknown table"), Misconfigured)
