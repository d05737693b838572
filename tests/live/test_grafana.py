"""Every query of every dashboard through clickhouse-go, the driver of Grafana's plugin, on both protocols."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.bench.warehouse_year import fill_year
from infra.clickhouse.layout import DATABASE, READER
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from infra.gen.grafana import dashboard_json, dashboards
from tests.support.clickhouse import connect
from tests.support.grafana import sent

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

EVENTS = 5_000
TIMEOUT_S = 5
"""``queryTimeout`` of the provisioned data sources."""
UNTIL = datetime.now(UTC)
SINCE = UNTIL - timedelta(days=90)
NOT_IN_A_YEAR = {
    "Expected revenue by day",
    "Inspections by defect class",
    "How far diagnoses can be believed",
    "Said and so, by how sure",
    "Brier score of diagnoses, by week",
}
"""A made-up year has no forecast, no inspection, and no technician who says what was really wrong."""
PANELS = [(one, panel) for one in dashboards() for panel in one.panels]


@pytest.fixture(scope="module")
def asker() -> Path:
    """The program that asks; without it the tests are skipped."""
    program = os.environ.get("NOIZYLAB_TEST_CLICKHOUSE_GO")
    if not program:
        pytest.skip("set NOIZYLAB_TEST_CLICKHOUSE_GO to the program of tests/live/clickhouse/go; `make test-live` does")
    return Path(program)


@pytest.fixture(scope="module")
def year(asker: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A warehouse that holds a year of a shop."""
    del asker  # without it there is no need for a year
    server = EmbeddedClickHouse(tmp_path_factory.mktemp("year"))
    asyncio.run(_filled(server))
    try:
        yield server
    finally:
        asyncio.run(server.stop())


async def _filled(server: EmbeddedClickHouse) -> None:
    await server.start()
    admin = connect(server, database=DATABASE)
    await Migrator(admin).apply()
    await fill_year(admin, EVENTS, 1, UNTIL.date(), lambda _: None)
    await admin.close()


@pytest.mark.parametrize("protocol", ["native", "http"])
def test_every_panel_gets_its_columns_and_its_rows(asker: Path, year: EmbeddedClickHouse, protocol: str) -> None:
    queries = [sent(panel.sql, SINCE, UNTIL, 86_400, {"workspace": ["main"]}) for _, panel in PANELS]
    answers = ask(asker, year, protocol, queries)
    assert len(answers) == len(PANELS)
    for (dashboard, panel), answer in zip(PANELS, answers, strict=True):
        where = f"{dashboard.name}: {panel.title}: {answer}"
        assert "error" not in answer, where
        # Over HTTP the driver knows no columns of an answer without rows.
        if answer["rows"] or protocol == "native":
            assert [name for name, _ in answer["columns"]] == [column.name for column in panel.columns], where
    empty = {panel.title for (_, panel), answer in zip(PANELS, answers, strict=True) if not answer["rows"]}
    assert empty == NOT_IN_A_YEAR


@pytest.mark.parametrize("protocol", ["native", "http"])
def test_a_variable_has_its_choices(asker: Path, year: EmbeddedClickHouse, protocol: str) -> None:
    queries = [one["query"] for board in dashboards() for one in dashboard_json(board)["templating"]["list"]]
    assert queries
    for answer in ask(asker, year, protocol, queries):
        assert (answer.get("error"), answer["rows"]) == (None, 1)


@pytest.mark.parametrize("protocol", ["native", "http"])
def test_a_panel_that_would_write_is_told_that_it_may_not(asker: Path, year: EmbeddedClickHouse, protocol: str) -> None:
    [refused, unknown] = ask(asker, year, protocol, ["DROP TABLE events", "SELECT * FROM absent"])
    assert "code: 497" in refused["error"].lower()
    assert "code: 60" in unknown["error"].lower()


def ask(asker: Path, server: EmbeddedClickHouse, protocol: str, queries: list[str]) -> list[dict[str, Any]]:
    port = server.http_port if protocol == "http" else server.tcp_port
    request = {
        "protocol": protocol,
        "address": f"127.0.0.1:{port}",
        "database": DATABASE,
        "user": READER,
        "password": server.passwords[READER],
        "timeout_s": TIMEOUT_S,
        "queries": queries,
    }
    done = subprocess.run([asker], input=json.dumps(request), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
