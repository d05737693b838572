"""Every query of every dashboard runs on the engine, as the user who reads, and gives what its panel shows."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from connectors.clock.clock import SettableClock
from infra.clickhouse.layout import DATABASE, READER
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from infra.gen.grafana import Dashboard, Panel, dashboard_json, dashboards
from processors.analytics.reports import REPORTS, Report
from processors.gateway.config import Policy
from processors.gateway.edge.wall import Wall
from tests.support.clickhouse import connect
from tests.support.grafana import sent

UNTIL = datetime.now(UTC)
SINCE = UNTIL - timedelta(days=1)
ALL = [pytest.param(one, panel, id=f"{one.name}: {panel.title}") for one in dashboards() for panel in one.panels]


async def _migrated(server: EmbeddedClickHouse) -> None:
    admin = connect(server, database=DATABASE)
    await Migrator(admin).apply()
    await admin.close()


async def _empty(server: EmbeddedClickHouse) -> None:
    admin = connect(server, database=DATABASE)
    await Migrator(admin).revert(0)
    await admin.command("DROP TABLE schema_migrations SYNC")
    await admin.close()


@pytest.fixture(scope="module")
def reader(server: EmbeddedClickHouse) -> Iterator[httpx.Client]:
    asyncio.run(_migrated(server))
    credentials = (READER, server.passwords[READER])
    # As the plugin asks: with a limit of time, which the reader may set.
    parameters = {"database": DATABASE, "max_execution_time": 10, "default_format": "JSON"}
    with httpx.Client(base_url=server.url, auth=credentials, params=parameters) as client:
        yield client
    asyncio.run(_empty(server))


def _asked(reader: httpx.Client, sql: str) -> list[tuple[str, str]]:
    text = sent(sql, SINCE, UNTIL, 60, {"workspace": ["main"]})
    answer = reader.post("/", content=text)
    assert answer.status_code == 200, f"{text}: {answer.text}"
    return [(column["name"], column["type"]) for column in answer.json()["meta"]]


@pytest.mark.parametrize(("dashboard", "panel"), ALL)
def test_a_panel_gets_the_columns_it_shows(reader: httpx.Client, dashboard: Dashboard, panel: Panel) -> None:
    found = _asked(reader, panel.sql)
    assert [name for name, _ in found] == [column.name for column in panel.columns]
    kinds = {name: _kind(kind) for name, kind in found}
    for column in panel.columns:
        wanted = {"text": "text", **dict.fromkeys(("time", "hour", "day", "week", "month"), "time")}
        assert kinds[column.name] == wanted.get(column.unit, "number"), column
    [shown] = [one for one in dashboard_json(dashboard)["panels"] if one["title"] == panel.title]
    assert shown["targets"][0]["rawSql"] == panel.sql
    named = [one["matcher"]["options"] for one in shown["fieldConfig"]["overrides"]]
    assert {*named, *shown["options"].values()} <= {name for name, _ in found}
    assert kinds[panel.columns[0].name] == ("time" if shown["type"] == "timeseries" else "text")


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda dashboard: dashboard.name)
def test_a_variable_can_be_chosen(reader: httpx.Client, dashboard: Dashboard) -> None:
    for variable in dashboard_json(dashboard)["templating"]["list"]:
        assert _asked(reader, variable["query"]) == [("workspace_id", "LowCardinality(String)")]


def _kind(column_type: str) -> str:
    inner = column_type
    for wrapper in ("LowCardinality(", "Nullable(", "SimpleAggregateFunction(max, "):
        inner = inner.removeprefix(wrapper)
    return next(
        (kind for kind, starts in _KINDS.items() if inner.startswith(starts)), f"no panel can show {column_type}"
    )


_KINDS: dict[str, Any] = {
    "time": ("Date",),
    "text": ("String", "Enum"),
    "number": ("UInt", "Int", "Float", "Decimal"),
}


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
async def test_a_figure_is_a_tile(server: EmbeddedClickHouse, report: Report) -> None:
    warehouse = connect(server, READER)
    tile = await Wall(warehouse, "main", SettableClock(UNTIL), Policy()).tile(report.name, report)
    assert "error" not in orjson.loads(tile.body), tile.body
    await warehouse.close()
