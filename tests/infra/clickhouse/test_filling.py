"""What a migration fills from rows that were there before is what they would have left on their way in."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any

import pytest

from connectors.clickhouse.port import Row
from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator, load_migrations
from infra.year.year import Plan, Year
from processors.analytics.reports import REPORTS
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from schemas.ticket_facets import HoldSet
from schemas.tickets import TICKET_STATES
from tests.support.facts import ListedLog

pytestmark = pytest.mark.timeout(120)
UNTIL = datetime.now(UTC).date() - timedelta(days=5)
BEFORE = 9
"""The last migration that has no lists in ``tickets``."""
LISTS = "ends, steps, repairs, diagnoses, quotes, answers, used"
LIVES = (
    "SELECT ticket_id, max(workspace_id), argMaxMerge(category), argMaxMerge(technician), min(answered_at), "
    "min(passed_at), min(reworked_at), max(claimed_at), "
    + ", ".join(f"arraySort(groupUniqArrayArray(tickets.{name}))" for name in LISTS.split(", "))
    + " FROM tickets GROUP BY ticket_id ORDER BY ticket_id"
)


@cache
def _log() -> tuple[Record, ...]:
    made = Year(Plan(800, 5, UNTIL, 40)).records()
    return tuple(Record(one.topic, 0, number, one.headers, one.value or b"", 0) for number, one in enumerate(made))


async def _write(warehouse: ServerWarehouse, records: tuple[Record, ...]) -> None:
    await Sink(warehouse, ListedLog(list(records)), linger_s=0.01).write(records)


async def _figures(warehouse: ServerWarehouse) -> dict[str, list[Row]]:
    end = datetime.combine(UNTIL, time())
    asked: dict[str, Any] = {"workspace": "main", "since": f"{end - timedelta(days=40)}", "until": f"{end}"}
    found = {one.name: await warehouse.query(one.sql, asked) for one in REPORTS if not one.whole_house}
    return {name: [_rounded(row) for row in rows] for name, rows in found.items()}


def _rounded(row: Row) -> Row:
    """Sums of floating-point numbers depend on the order in which rows lie."""
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


async def test_rows_that_were_there_before_and_rows_that_come_after_make_the_same(
    empty_database: ServerWarehouse,
) -> None:
    migrator, half = Migrator(empty_database), len(_log()) // 2
    await migrator.apply()
    await _write(empty_database, _log())
    lives, figures = await empty_database.query(LIVES), await _figures(empty_database)
    assert len(lives) > 30
    assert min(len(rows) for rows in figures.values()) > 1

    # Back and forth with all rows there: everything is filled in.
    await migrator.revert(BEFORE)
    await migrator.apply()
    assert await empty_database.query(LIVES) == lives
    assert await _figures(empty_database) == figures

    # Half of the rows before, half of them after, and the filling once more over both.
    for table in ("events", "tickets", "ticket_snapshots", "sink_progress"):
        await empty_database.command(f"TRUNCATE TABLE {table}")
    await migrator.revert(BEFORE)
    await _write(empty_database, _log()[half:])
    await migrator.apply()
    await _write(empty_database, _log()[:half])
    assert await empty_database.query(LIVES) == lives
    for statement in load_migrations()[BEFORE].forward:
        await empty_database.command(statement)
    assert await empty_database.query(LIVES) == lives
    assert await _figures(empty_database) == figures


async def test_figures_of_an_empty_warehouse_are_empty_and_not_an_error(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    figures = await _figures(empty_database)
    assert {name for name, rows in figures.items() if any(row.get("tickets", 0) for row in rows)} == set()
    assert figures["margins"] == figures["technicians"] == figures["backlog"] == []


async def test_every_state_and_hold_of_a_ticket_has_its_place(empty_database: ServerWarehouse) -> None:
    await Migrator(empty_database).apply()
    [row] = await empty_database.query(
        "SELECT type FROM system.columns WHERE database = currentDatabase() AND table = 'tickets' AND name = 'steps'"
    )
    holds = HoldSet.model_json_schema()["properties"]["hold"]["enum"]
    for name in (*TICKET_STATES, *holds):
        assert f"'{name}' = " in row["type"], f"a migration must teach tickets.steps what {name!r} is"
