"""Every figure of a period equals a recount in plain Python, of two workspaces, with every event delivered twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from infra.year.year import Plan, Year
from processors.analytics.reports import REPORTS
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.inventory import StockReceived
from tests.processors.analytics.recount import Recount, tickets_of
from tests.support.clickhouse import connect
from tests.support.facts import ListedLog
from topics.registry import class_of
from topics.tickets import TICKET_VIEWS

pytestmark = pytest.mark.timeout(180)
# Within the retention, whenever this runs; long enough ago that quotes of the period have expired.
UNTIL = datetime.now(UTC).date() - timedelta(days=20)
PLANS = (Plan(7_000, 3, UNTIL, 120), Plan(2_500, 4, UNTIL, 120, "hafen"))
END = datetime.combine(UNTIL, time(), UTC) - timedelta(days=10)
SINCE = END - timedelta(days=35)
BY_NAME = {report.name: report for report in REPORTS}


@cache
def _records() -> tuple[Record, ...]:
    """The log: both years, and then every record once more."""
    found: list[Record] = []
    made = [record for plan in PLANS for record in Year(plan).records()]
    for record in (*made, *made):
        found.append(Record(record.topic, 0, len(found), record.headers, record.value or b"", 0))
    return tuple(found)


@cache
def _told() -> tuple[tuple[datetime, Message], ...]:
    once = [record for record in _records() if record.topic != TICKET_VIEWS.name][: sum(1 for _ in _records()) // 2]
    seen, told = set(), []
    for record in once:
        envelope = Envelope.from_headers(record.headers)
        if envelope.id_text not in seen:
            seen.add(envelope.id_text)
            # As the warehouse keeps it: milliseconds.
            at = envelope.time.replace(microsecond=envelope.time.microsecond // 1000 * 1000)
            told.append((at, class_of(envelope.type).model_validate_json(record.value)))
    return tuple(sorted(told, key=lambda one: one[0]))


@cache
def _recount(workspace: str) -> Recount:
    stock = [(at, one) for at, one in _told() if isinstance(one, StockReceived)]
    return Recount(tickets_of(_told(), workspace), stock, SINCE, END)


async def _fill(server: EmbeddedClickHouse, database: str) -> None:
    root, admin = connect(server), connect(server, database=database)
    await root.command(f"CREATE DATABASE {database}")
    await Migrator(admin).apply()
    await Sink(admin, ListedLog(list(_records())), linger_s=0.01).write(_records())
    await admin.close()
    await root.close()


@pytest.fixture(scope="module")
def year(server: EmbeddedClickHouse) -> str:
    """The name of a database that holds the years; nobody changes it."""
    asyncio.run(_fill(server, "reports"))
    return "reports"


@pytest.fixture
async def filled(server: EmbeddedClickHouse, year: str) -> AsyncIterator[ServerWarehouse]:
    warehouse = connect(server, database=year)
    yield warehouse
    await warehouse.close()


def _asked(workspace: str) -> dict[str, Any]:
    return {"workspace": workspace, "since": f"{SINCE:%Y-%m-%d %H:%M:%S}", "until": f"{END:%Y-%m-%d %H:%M:%S}"}


def _expected(name: str, recount: Recount) -> list[dict[str, Any]]:
    match name:
        case "first_response":
            return recount.waits("response")
        case "time_to_diagnosis":
            return recount.waits("diagnosis")
        case _:
            found: list[dict[str, Any]] = getattr(recount, name)()
            return found


RECOUNTED = [one.name for one in REPORTS if not one.whole_house]


@pytest.mark.parametrize("workspace", ["main", "hafen"])
@pytest.mark.parametrize("name", RECOUNTED)
async def test_a_figure_is_what_a_recount_finds(filled: ServerWarehouse, name: str, workspace: str) -> None:
    report = BY_NAME[name]
    found = await filled.query(report.sql, _asked(workspace))
    expected = _expected(name, _recount(workspace))
    assert len(expected) > 1
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert [*row] == [column.name for column in report.columns]
        for column in row:
            if column not in wanted:
                continue
            value = wanted[column]
            assert row[column] == (pytest.approx(value, rel=1e-4, abs=2e-3) if isinstance(value, float) else value), (
                column,
                row,
                wanted,
            )


async def test_the_intervals_of_technicians_are_those_of_the_gamma_distribution(filled: ServerWarehouse) -> None:
    rows = {row["technician"]: row for row in await filled.query(BY_NAME["technicians"].sql, _asked("main"))}
    random = np.random.default_rng(1)
    for wanted in _recount("main").technicians():
        row = rows[wanted["technician"]]
        draws = random.gamma(wanted["shape"], 1 / wanted["rate"], 200_000)
        low, high = np.quantile(draws, (0.025, 0.975))
        assert (row["low_95"], row["high_95"]) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


async def test_the_number_of_a_period_and_of_its_days_agree_with_the_rows(filled: ServerWarehouse) -> None:
    for name in ("margins", "technicians", "parts"):
        daily = await filled.query(BY_NAME[name].daily_sql, _asked("main"))
        [total] = [row["value"] for row in daily if row["day"] is None]
        assert sum(row["value"] for row in daily if row["day"] is not None) == total
        column = {"margins": "margin_cents", "technicians": "completed", "parts": "used"}[name]
        rows = await filled.query(BY_NAME[name].sql, _asked("main"))
        assert total == sum(row[column] for row in rows)
    picks: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
        "turnaround": lambda rows: rows[-1]["p50_hours"],
        "quotes": lambda rows: rows[1]["share"],
        "quality": lambda rows: rows[0]["rate"],
        "backlog": lambda rows: sum(row["tickets"] for row in rows),
    }
    for name, pick in picks.items():
        rows = await filled.query(BY_NAME[name].sql, _asked("main"))
        [total] = [
            row["value"] for row in await filled.query(BY_NAME[name].daily_sql, _asked("main")) if row["day"] is None
        ]
        assert total == pytest.approx(pick(rows)), name


async def test_the_backlog_of_each_day_is_what_was_open_at_its_end(filled: ServerWarehouse) -> None:
    daily = await filled.query(BY_NAME["backlog"].daily_sql, _asked("hafen"))
    by_day: dict[date, int] = {row["day"]: row["value"] for row in daily if row["day"] is not None}
    assert len(by_day) == 35
    for number in (0, 17, 34):
        day = SINCE + timedelta(days=number)
        assert by_day[day.date()] == _recount("hafen").open_at(day + timedelta(days=1))


async def test_health_counts_copies_and_says_how_late_events_came(filled: ServerWarehouse) -> None:
    now = datetime.now(UTC)
    asked = {"since": f"{now - timedelta(hours=1):%Y-%m-%d %H:%M:%S}", "until": f"{now:%Y-%m-%d %H:%M:%S}"}
    rows = {row["event_type"]: row for row in await filled.query(BY_NAME["pipeline"].sql, asked)}
    opened = rows["noizylab.ticket.opened.v1"]
    tickets = len(_recount("main").tickets) + len(_recount("hafen").tickets)
    assert (opened["events"], opened["duplicates"], opened["dead_letters"]) == (tickets, tickets, 0)
    age_s = (now - END).total_seconds()
    assert 0.5 * age_s < opened["p50_lag_s"] < opened["p95_lag_s"] < 10 * age_s


def test_names_and_views_of_reports_are_unique() -> None:
    assert len(BY_NAME) == len({report.view for report in REPORTS}) == len(REPORTS)
