"""Every figure on a small history of five tickets, of which every event was delivered twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from connectors.clickhouse.port import Row
from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.batch import Range, progress_lines
from processors.analytics.figures import BY_NAME, FIGURES
from processors.analytics.rows import COLUMNS, Record, event_row
from processors.analytics.sink import Sink
from schemas.core.time import rfc3339
from tests.support.clickhouse import connect
from tests.support.facts import ListedLog, again, fact

NOW = datetime.now(UTC)
# All of the finished story lies in one past month, well inside the retention.
MONTH = (NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(day=1)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def _at(hours: float) -> datetime:
    return MONTH + timedelta(hours=hours)


def _history() -> list[tuple[str, datetime, str, dict[str, Any]]]:
    laptop = {"category": "laptop", "brand": "Framework", "model": "13"}
    opened: dict[str, Any] = {"state": "received", "device": laptop, "channel": "kiosk"}

    def moved(old: str, new: str, version: int) -> dict[str, Any]:
        return {"from_state": old, "to_state": new, "reason": "r", "actor": "a", "version": version}

    def diagnosed(*faults: tuple[str, float]) -> dict[str, Any]:
        return {"faults": [{"family": family, "probability": p} for family, p in faults], "confidence": faults[0][1]}

    def quoted(quote: str, cents: int, currency: str = "EUR", valid_until: datetime = MONTH) -> dict[str, Any]:
        until = rfc3339(valid_until)
        return {"quote_hash": quote * 64, "total_cents": cents, "currency": currency, "valid_until": until}

    battery, screen = {"sku": "battery.laptop", "quantity": 1}, {"sku": "screen.laptop", "quantity": 2}
    return [
        ("ticket.opened", _at(0), "T-0001", opened),
        ("board.inspected", _at(0.5), "T-0001", {"findings": [{"kind": "corrosion", "confidence": 0.75},
                                                              {"kind": "corrosion", "confidence": 0.25},
                                                              {"kind": "burn", "confidence": 0.5}]}),
        ("fault.diagnosed", _at(1), "T-0001", diagnosed(("no_power", 0.5), ("short_circuit", 0.25))),
        ("fault.diagnosed", _at(9), "T-0001", diagnosed(("no_power", 0.75))),
        ("quote.prepared", _at(2), "T-0001", quoted("a", 10_000)),
        ("quote.accepted", _at(3), "T-0001", quoted("a", 12_000)),
        ("parts.short", _at(4), "T-0001", {"lines": [battery], "missing": [screen]}),
        ("parts.reserved", _at(5), "T-0001", {"lines": [battery, screen]}),
        # Out of order on purpose: the state is that of the highest version, not of the last arrival.
        ("ticket.moved", _at(8), "T-0001", moved("ready", "collected", 3)),
        ("ticket.moved", _at(7), "T-0001", moved("received", "ready", 2)),
        ("notification.sent", _at(7), "T-0001", {"template": "ready_for_pickup", "channel": "mail"}),
        ("ticket.opened", _at(10), "T-0002", opened),
        ("board.inspected", _at(10.5), "T-0002", {"findings": [{"kind": "burn", "confidence": 1.0}]}),
        ("board.inspected", _at(10.6), "T-0002", {"findings": []}),
        ("fault.diagnosed", _at(13), "T-0002", diagnosed(("battery_worn", 1.0))),
        ("quote.prepared", _at(14), "T-0002", quoted("b", 5_000)),
        ("quote.declined", _at(15), "T-0002", {"quote_hash": "b" * 64}),
        ("parts.reserved", _at(15), "T-0002", {"lines": [battery]}),
        ("notification.failed", _at(15), "T-0002", {"template": "quote_ready", "reason": "no_address"}),
        ("ticket.opened", _at(20), "T-0003", opened),
        ("fault.diagnosed", _at(22), "T-0003", diagnosed(("no_power", 0.25), ("battery_worn", 0.25))),
        ("quote.prepared", _at(26), "T-0003", quoted("c", 7_000)),
        ("quote.prepared", _at(27), "T-0003", quoted("d", 8_000)),
        ("quote.prepared", _at(28), "T-0003", quoted("e", 900, "CHF", NOW + timedelta(days=3))),
        ("quote.accepted", _at(30), "T-0003", quoted("d", 8_000)),
        ("ticket.moved", _at(31), "T-0003", moved("received", "approved", 2)),
        ("ticket.opened", NOW - timedelta(hours=30, minutes=20), "T-0004", opened),
        ("diagnosis.abstained", NOW - timedelta(hours=29), "T-0004", {"reason": "no_evidence"}),
        ("ticket.opened", NOW - timedelta(hours=2, minutes=20), "T-0005", opened),
        ("ticket.moved", NOW - timedelta(hours=1), "T-0005", moved("received", "cancelled", 2)),
    ]  # fmt: skip


def _log() -> list[Record]:
    once = [fact(kind, at, offset, ticket, **data) for offset, (kind, at, ticket, data) in enumerate(_history())]
    return [*once, *(again(record, len(once) + record.offset) for record in once),
            Record(once[0].topic, 0, 2 * len(once), [], b"{}")]  # fmt: skip


async def _fill(server: EmbeddedClickHouse, database: str) -> None:
    root, admin = connect(server), connect(server, database=database)
    await root.command(f"CREATE DATABASE {database}")
    await Migrator(admin).apply()
    await Sink(admin, ListedLog(_log()), linger_s=0.01).write(_log())
    await admin.close()
    await root.close()


@pytest.fixture(scope="module")
def history(server: EmbeddedClickHouse) -> str:
    """The name of a database that holds the history; nobody changes it."""
    asyncio.run(_fill(server, "figures"))
    return "figures"


@pytest.fixture
async def filled(server: EmbeddedClickHouse, history: str) -> AsyncIterator[ServerWarehouse]:
    warehouse = connect(server, database=history)
    yield warehouse
    await warehouse.close()


def _expected() -> dict[str, list[tuple[Any, ...]]]:
    month = MONTH.date()
    # Openings to diagnosis take 1, 3 and 2 hours, to the first quote 2, 4 and 6; numpy's percentiles of these.
    return {
        "tickets_by_state": [("approved", 1), ("cancelled", 1), ("collected", 1), ("received", 2)],
        "time_to_diagnosis": [(month, 3, 2 * HOUR_MS, 2.9 * HOUR_MS)],
        "time_to_quote": [(month, 3, 4 * HOUR_MS, 5.8 * HOUR_MS)],
        # Of three quotes of one ticket one was accepted, one is valid no longer, and one still is.
        "quote_funnel": [(month, 3, 2, 1, 1, 2 / 3)],
        "quote_value": [(month, "CHF", 1, 900, 0), (month, "EUR", 4, 30_000, 20_000)],
        "faults_ranked": [
            ("no_power", 2, 2, 0.5),
            ("battery_worn", 1, 2, 0.625),
            ("short_circuit", 0, 1, 0.25),
        ],
        "parts": [("screen.laptop", 2, 2, 1), ("battery.laptop", 2, 0, 0)],
        "inspection_findings": [("burn", 2, 2, 0.75), ("corrosion", 1, 2, 0.5)],
        "notifications": [("quote_ready", "", 0, 1, 0), ("ready_for_pickup", "mail", 1, 0, 0)],
    }


def _tuples(name: str, rows: list[Row]) -> list[tuple[Any, ...]]:
    return [tuple(row[column.name] for column in BY_NAME[name].columns) for row in rows]


async def test_figures_say_exactly_what_happened_when_every_event_came_twice(filled: ServerWarehouse) -> None:
    for name, expected in _expected().items():
        found = _tuples(name, await filled.query(BY_NAME[name].sql))
        if name == "tickets_by_state":
            found.sort()
        assert found == [pytest.approx(row) if float in map(type, row) else row for row in expected], name


async def test_open_tickets_are_sorted_into_ages(filled: ServerWarehouse) -> None:
    rows = _tuples("open_tickets_age", await filled.query(BY_NAME["open_tickets_age"].sql))
    old_hours = (datetime.now(UTC) - _at(10)) // timedelta(hours=1)
    assert rows[0] == ("1 to 3 days", 1, 30)
    age = "over 7 days" if old_hours >= 168 else "3 to 7 days" if old_hours >= 72 else "1 to 3 days"
    assert sum(tickets for _, tickets, _ in rows) == 3
    if age == "over 7 days":
        assert rows[1] == (age, 2, pytest.approx(old_hours, abs=1))


async def test_pipeline_health_counts_copies_and_dead_letters(filled: ServerWarehouse) -> None:
    rows = {row["event_type"]: row for row in await filled.query(BY_NAME["pipeline_health"].sql)}
    kinds = [kind for kind, *_ in _history()]
    assert {t: (r["events"], r["duplicates"], r["dead_letters"]) for t, r in rows.items()} == {
        "": (0, 0, 1),
        **{f"noizylab.{kind}.v1": (kinds.count(kind), kinds.count(kind), 0) for kind in kinds},
    }
    newest = rows["noizylab.notification.failed.v1"]["last_event_at"]
    assert newest.replace(tzinfo=UTC) == _at(15)
    assert rows[""]["last_event_at"] is None


async def test_daily_roll_up_agrees_with_the_events_when_they_came_twice(filled: ServerWarehouse) -> None:
    rows = await filled.query(
        "SELECT event_type, sum(events) AS events, sum(amount_cents) AS cents FROM v_kpi_daily "
        "WHERE event_type LIKE 'noizylab.quote.%' GROUP BY event_type ORDER BY event_type"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("noizylab.quote.accepted.v1", 2, 20_000),
        ("noizylab.quote.declined.v1", 1, 0),
        ("noizylab.quote.prepared.v1", 5, 30_900),
    ]


async def test_event_view_shows_the_first_copy_of_each_event(filled: ServerWarehouse) -> None:
    [row] = await filled.query(
        "SELECT count() AS rows, uniqExact(event_id) AS ids, max(k_offset) AS last FROM v_events"
    )
    assert row == {"rows": len(_history()), "ids": len(_history()), "last": len(_history()) - 1}


async def test_event_view_reaches_the_primary_key_when_filtered_by_type(filled: ServerWarehouse) -> None:
    plan = await filled.query("EXPLAIN indexes = 1 SELECT count() FROM v_events WHERE event_type = 'x'")
    text = "\n".join(str(value) for row in plan for value in row.values())
    assert "PrimaryKey" in text
    assert "Condition: (event_type in" in text


async def test_declared_columns_are_those_of_the_migrated_database(warehouse: ServerWarehouse) -> None:
    rows = await warehouse.query(
        "SELECT table, name, default_kind FROM system.columns WHERE database = currentDatabase() "
        "ORDER BY table, position"
    )
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        columns.setdefault(row["table"], []).append((row["name"], row["default_kind"]))
    for figure in FIGURES:
        assert [name for name, _ in columns[figure.view]] == [column.name for column in figure.columns], figure.name

    written = {
        "events": COLUMNS["events"],
        "events_dlq": orjson.loads(event_row(Record("t", 0, 0, [], b"")).line),
        "sink_progress": orjson.loads(progress_lines([Range("t", 0, 1, 2)], "b", done=True)),
    }
    for table, names in written.items():
        assert set(names) == {name for name, default in columns[table] if default == ""}, table
    assert set(COLUMNS["ticket_snapshots"]) <= {name for name, _ in columns["ticket_snapshots"]}


def test_figure_names_and_views_are_unique() -> None:
    assert len(BY_NAME) == len({figure.view for figure in FIGURES}) == len(FIGURES)
