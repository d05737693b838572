"""Views of a real warehouse as files, for callers of several workspaces."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from connectors.clickhouse.server import Connection, ServerWarehouse
from infra.clickhouse.layout import READER, READER_RESULT_ROWS
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.figures import Column
from processors.analytics.reports import Report
from processors.gateway.config import Policy
from tests.processors.gateway.world import World, problem
from tests.support.clickhouse import connect, shared_server

VIEWS = {
    "v_rows": """SELECT if(number % 2 = 0, 'main', 'hafen') AS workspace_id, '=' || toString(number) AS text,
        toDate('2026-03-01') + number AS day FROM numbers(4)""",
    "v_sums": "SELECT 4 AS tickets",
    "r_said": """SELECT '=' || {workspace:String} AS word, {since:DateTime64(3, 'UTC')} AS first
        WHERE {until:DateTime64(3, 'UTC')} > first""",
    "v_large": f"SELECT 'main' AS workspace_id FROM numbers({READER_RESULT_ROWS + 1})",
}


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedClickHouse]:
    with shared_server() as running:
        yield running


@pytest.fixture
async def reading(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    admin, reader = connect(server), connect(server, READER)
    for name, sql in VIEWS.items():
        await admin.command(f"CREATE VIEW {name} AS {sql}")
    yield reader
    for name in VIEWS:
        await admin.command(f"DROP VIEW {name}")
    await admin.close()
    await reader.close()


@pytest.fixture
def shop(tmp_path: Path, reading: ServerWarehouse) -> World:
    return World(tmp_path, warehouse=reading, more={"downloads": reading})


async def test_a_file_holds_the_rows_of_the_callers_workspace_alone(shop: World) -> None:
    for workspace, numbers in (("main", ("0", "2")), ("hafen", ("1", "3"))):
        async with shop.client(key=shop.key("pricing:read", workspace_id=workspace)) as client:
            answer = await client.get("/v1/analytics/export/v_rows")
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            assert answer.headers["content-disposition"] == 'attachment; filename="v_rows.csv"'
            rows = list(csv.DictReader(io.StringIO(answer.text)))
            assert [(row["workspace_id"], row["text"]) for row in rows] == [(workspace, f"'={n}") for n in numbers]


async def test_parquet_and_a_period(shop: World) -> None:
    async with shop.client("pricing:read") as client:
        answer = await client.get("/v1/analytics/export/v_rows?format=parquet&since=2026-03-02&until=2026-03-04")
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
        assert table.column("text").to_pylist() == ["=2"]


async def test_a_figure_is_of_the_callers_workspace_and_of_a_period(shop: World) -> None:
    columns = (Column("word", "text"), Column("first", "time"))
    for name, whole_house in (("said", False), ("house", True)):
        shop.reports[name] = Report(name, "r_said", "Said", "D.", "m", "tickets", columns, whole_house)
    async with shop.client(key=shop.key("pricing:read", workspace_id="hafen")) as client:
        answer = await client.get("/v1/analytics/export/said?since=2026-01-01&until=2026-02-01")
        assert answer.text == '"word","first"\n"\'=hafen","2026-01-01 00:00:00.000"\n'
        answer = await client.get("/v1/analytics/export/said")
        assert "2026-02-01 00:00" in answer.text, "the clock of this world stands at 2026-03-02"
        problem(await client.get("/v1/analytics/export/house"), 403, "all_workspaces")


async def test_sums_over_all_workspaces_are_for_whoever_runs_the_house(shop: World) -> None:
    for workspace, scope in (("main", "pricing:read"), ("hafen", "admin")):
        async with shop.client(key=shop.key(scope, workspace_id=workspace)) as client:  # type: ignore[arg-type]  # a parameter of the test
            problem(await client.get("/v1/analytics/export/v_sums"), 403, "all_workspaces")
    async with shop.client("admin") as client:
        assert (await client.get("/v1/analytics/export/v_sums")).text == '"tickets"\n4\n'


async def test_what_cannot_be_given_is_said_before_the_file_begins(shop: World) -> None:
    async with shop.client("admin") as client:
        assert "v_rows" in problem(await client.get("/v1/analytics/export/v_x"), 404, "not_found")["detail"]
        problem(await client.get("/v1/analytics/export/v_large"), 422, "over_budget")
        problem(await client.get("/v1/analytics/export/v_sums?since=2026-03-02"), 422, "validation")
        problem(await client.get("/v1/analytics/export/v_rows?format=xlsx"), 422, "validation")


async def test_nobody_keeps_the_engine_busy_with_files(tmp_path: Path, reading: ServerWarehouse) -> None:
    policy = Policy(exports_per_caller_max=0)
    world = World(tmp_path, policy=policy, warehouse=reading, more={"downloads": reading})
    async with world.client("admin") as client:
        problem(await client.get("/v1/analytics/export/v_rows"), 503, "busy")


async def test_a_warehouse_that_is_away_is_said(tmp_path: Path) -> None:
    nobody = ServerWarehouse(Connection("127.0.0.1", 1, READER, "x"))
    for world in (World(tmp_path / "none"), World(tmp_path / "away", warehouse=nobody, more={"downloads": nobody})):
        async with world.client("admin") as client:
            problem(await client.get("/v1/analytics/export/v_rows"), 503, "unavailable")
