"""Forecasts from a filled warehouse: what was stored, for whom, and what is refused."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.server import EmbeddedClickHouse
from infra.outlook import closed_days
from infra.year.year import Plan, Year
from processors.analytics.outlook import forecast_workspaces
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from schemas.workspaces import WorkingHours
from tests.support.clickhouse import connect
from tests.support.facts import ListedLog

TODAY = datetime.now(UTC).date()
NOW = datetime.combine(TODAY, time(4), UTC)


async def _no_days_off(workspace: str, first: date, last: date) -> frozenset[date]:
    assert first < last
    return frozenset()


@pytest.fixture
async def filled(server: EmbeddedClickHouse, warehouse: ServerWarehouse) -> AsyncIterator[ServerWarehouse]:
    """The writer, with 200 days of the default workspace and 20 of another."""
    records: list[Record] = []
    for plan in (Plan(6_000, 1, TODAY, 200), Plan(300, 2, TODAY, 20, "hafen")):
        for one in Year(plan).records():
            records.append(Record(one.topic, 0, len(records), one.headers, one.value or b"", 0))
    await Sink(warehouse, ListedLog(records), linger_s=0.01).write(records)
    writer = connect(server, "noizylab_writer")
    yield writer
    await writer.close()


async def test_each_workspace_gets_its_forecasts_or_the_reason_why_not(filled: ServerWarehouse) -> None:
    found = await forecast_workspaces(filled, _no_days_off, NOW)
    assert set(found) == {"main", "hafen"}
    runs = {
        (row["workspace_id"], row["metric"], row["series"], row["grain"]): row
        for row in await filled.query("SELECT * FROM v_forecast_runs")
    }
    assert len(runs) == sum(map(len, found.values()))
    intake = runs["main", "intake", "", "day"]
    assert intake["code"] == ""
    assert intake["mase"] < intake["naive_mase"]
    weekly = runs["main", "intake", "", "week"]
    assert (weekly["code"], weekly["model"]) == ("too_short", "")
    assert "two seasons of 52" in weekly["reason"]
    assert runs["hafen", "revenue_cents", "", "day"]["code"] == "too_short"
    parts = [key for key in runs if key[1] == "parts_pieces" and key[0] == "main"]
    assert len(parts) > 40
    assert runs["main", "parts_pieces", "battery.mobile", "week"]["pinball"] > 0

    points = await filled.query(
        "SELECT at, expected, low_95, high_95 FROM v_forecasts WHERE workspace_id = 'main' AND metric = 'intake' "
        "AND grain = 'day' ORDER BY at"
    )
    assert [row["at"] for row in points] == [TODAY + timedelta(days=number) for number in range(28)]
    # 6,000 events in 200 days are some 1.7 tickets a day, none on Sundays.
    assert 20 < sum(row["expected"] for row in points) < 90
    assert all(0 <= row["low_95"] <= row["expected"] <= row["high_95"] for row in points)


async def test_a_later_run_replaces_an_earlier_one(filled: ServerWarehouse) -> None:
    await forecast_workspaces(filled, _no_days_off, NOW)
    before = await filled.query("SELECT count() AS n FROM v_forecast_runs")
    later = NOW + timedelta(minutes=1)
    await forecast_workspaces(filled, _no_days_off, later)
    assert await filled.query("SELECT count() AS n FROM v_forecast_runs") == before
    [row] = await filled.query("SELECT min(run_at) AS oldest FROM v_forecasts")
    assert row["oldest"].replace(tzinfo=UTC) == later


def test_days_off_are_the_holidays_of_the_country_and_the_days_that_are_named() -> None:
    hours = WorkingHours(country="NL", closed=(date(2026, 12, 24),))
    found = closed_days(hours, date(2026, 12, 20), date(2026, 12, 31))
    assert found == {date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)}
    assert closed_days(WorkingHours(), date(2026, 12, 20), date(2026, 12, 31)) == frozenset()
