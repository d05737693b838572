"""The bench of the figures: every copy in the year that it fills is of its own, and every figure is asked for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.clickhouse.server import Connection, ServerWarehouse
from infra.bench.warehouse_figures import ENDS, LENGTHS_DAYS, CountingWarehouse, measure_figures, periods
from infra.bench.warehouse_stand import connect
from infra.bench.warehouse_year import fill_year
from infra.clickhouse.layout import DATABASE, READER
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.reports import REPORTS

pytestmark = pytest.mark.timeout(180)
UNTIL = datetime.now(UTC).date()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EmbeddedClickHouse]:
    server = EmbeddedClickHouse(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def _one(warehouse: ServerWarehouse, sql: str) -> tuple[int, ...]:
    [row] = await warehouse.query(sql)
    return tuple(row.values())


async def test_every_figure_is_asked_of_a_year_whose_copies_share_no_ticket_and_no_event(
    engine: EmbeddedClickHouse,
) -> None:
    admin = connect(engine, DATABASE)
    reader = CountingWarehouse(Connection("127.0.0.1", engine.http_port, READER, engine.passwords[READER], DATABASE))
    await Migrator(admin).apply()
    filled = await fill_year(admin, 2_000, 1, UNTIL, print, made_max=1_000)

    events = "SELECT count(), uniqExact(event_id), uniqExact(k_topic, k_partition, k_offset) FROM events"
    assert await _one(admin, events) == (filled.events,) * 3
    opened = "SELECT uniqExact(ticket_id), count() FROM events WHERE event_type = 'noizylab.ticket.opened.v1'"
    tickets, rows = await _one(admin, opened)
    assert tickets == rows > 50
    for table in ("tickets", "ticket_snapshots"):
        assert await _one(admin, f"SELECT uniqExact(ticket_id) FROM {table} WHERE ticket_id LIKE 'T%'") == (tickets,)
    nowhere_else = "SELECT countIf(payload LIKE '%T-%') FROM events WHERE ticket_id LIKE 'T1-%'"
    assert await _one(admin, nowhere_else) == (0,)

    figures = await measure_figures(admin, reader, UNTIL, print, ends=1)
    assert [one["name"] for one in figures] == [one.name for one in REPORTS]
    for one in figures:
        assert one["asked"] == len(LENGTHS_DAYS)
        assert 0 < one["p50_ms"] <= one["p95_ms"]
        assert one["rows_read"] > 0
    await reader.close()
    await admin.close()


def test_periods_lie_within_the_year_with_the_period_before_them() -> None:
    asked = list(periods(UNTIL))
    assert len(set(asked)) == len(asked) == ENDS * len(LENGTHS_DAYS) >= 20
    first = min(begin - (end - begin) for begin, end in asked)
    assert first.date() >= UNTIL - timedelta(days=365)
    assert {(end - begin).days for begin, end in asked} == set(LENGTHS_DAYS)
