"""The forecasts of every workspace, once a day: read from the warehouse, written back to it."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson

from connectors.bus.app import App
from connectors.clickhouse.port import Warehouse
from connectors.errors import Transient
from processors.analytics.forecast.parts import demand_of, forecast_parts
from processors.analytics.forecast.predict import Forecast, NoForecast, forecast
from processors.analytics.forecast.series import Grain, Metric, Series, Values, filled, weekly
from schemas.core.ids import WorkspaceId
from topics.access import ACCESS_VIEWS

log = logging.getLogger(__name__)

DaysOff = Callable[[WorkspaceId, date, date], Awaitable[frozenset[date]]]
"""Asks for the days between two, both included, on which a workspace is closed though its weekday is open."""
Found = Forecast | NoForecast

LOOK_EVERY_S = 900.0
EVERY = timedelta(hours=20)
LOOK_BACK = timedelta(days=1_200)
LOOK_AHEAD = timedelta(days=60)
MOST_PARTS = 500
"""Parts with the most pieces used; what is used more seldom than all of these has no demand to speak of."""

_PERIOD = "workspace = {workspace:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}"
INTAKE_SQL = f"SELECT toDate(opened_at) AS day, count() AS value FROM p_opened({_PERIOD}) GROUP BY day"  # noqa: S608 - own names
REVENUE_SQL = f"SELECT toDate(ended_at) AS day, sum(revenue_cents) AS value FROM p_margins({_PERIOD}) GROUP BY day"  # noqa: S608 - own names
PARTS_SQL = f"""
SELECT sku, toDate(event_ts) AS day, sum(used) AS value FROM p_part_events({_PERIOD})
WHERE used > 0 AND sku IN (SELECT sku FROM p_part_events({_PERIOD}) GROUP BY sku ORDER BY sum(used) DESC, sku
                           LIMIT {MOST_PARTS})
GROUP BY sku, day
"""  # noqa: S608 - own names
# Years are read, which no budget of a dashboard allows for.
READ_SETTINGS = {"max_execution_time": 120}


def wire_outlook(app: App, warehouse: Warehouse, days_off: DaysOff) -> None:
    """Forecast every workspace once a day, on whatever worker comes first. Importing this module registers nothing."""
    app.follow(ACCESS_VIEWS)

    @app.every(LOOK_EVERY_S)
    async def forecast_when_due() -> None:
        now = app.wall_clock.now()
        try:
            [row] = await warehouse.query("SELECT max(run_at) AS newest FROM forecast_runs")
            if row["newest"].replace(tzinfo=UTC) + EVERY < now:
                await forecast_workspaces(warehouse, days_off, now)
        except Transient as error:
            log.warning("the forecasts wait for the warehouse: %s", error)


async def forecast_workspaces(warehouse: Warehouse, days_off: DaysOff, now: datetime) -> dict[WorkspaceId, list[Found]]:
    """Forecast and store all series of all workspaces, from the days before ``now``; returns what was found.

    Raises:
        ConnectorError: the warehouse cannot be asked.
    """
    rows = await warehouse.query("SELECT DISTINCT workspace_id FROM ticket_snapshots ORDER BY workspace_id")
    found = {}
    for workspace in (str(row["workspace_id"]) for row in rows):
        found[workspace] = await forecast_workspace(warehouse, workspace, days_off, now)
        await _store(warehouse, workspace, found[workspace], now)
    return found


async def forecast_workspace(
    warehouse: Warehouse, workspace: WorkspaceId, days_off: DaysOff, now: datetime
) -> list[Found]:
    """Return the forecasts of one workspace: revenue, intake and parts, by day and week.

    Raises:
        ConnectorError: the warehouse cannot be asked.
    """
    last = now.astimezone(UTC).date() - timedelta(days=1)
    period = {
        "workspace": workspace,
        "since": _midnight(last - LOOK_BACK),
        "until": _midnight(last + timedelta(days=1)),
    }
    intake, revenue, parts = await asyncio.gather(
        *(warehouse.query(sql, period, READ_SETTINGS) for sql in (INTAKE_SQL, REVENUE_SQL, PARTS_SQL))
    )
    if not intake:
        return []
    first = min(row["day"] for row in intake)
    off = await days_off(workspace, first, last + LOOK_AHEAD)
    return await asyncio.to_thread(_all_series, _by_day(intake), _by_day(revenue), _by_part(parts), first, last, off)


def _all_series(
    intake: dict[date, float],
    revenue: dict[date, float],
    parts: dict[str, dict[date, float]],
    first: date,
    last: date,
    off: frozenset[date],
) -> list[Found]:
    found: list[Found] = []
    totals: tuple[tuple[Metric, dict[date, float]], ...] = (("revenue_cents", revenue), ("intake", intake))
    for metric, by_day in totals:
        daily = filled(by_day, first, last)
        monday, by_week = weekly(first, daily)
        found.append(forecast(Series(metric, "", "day", first, daily, off)))
        found.append(forecast(Series(metric, "", "week", monday, by_week)))
    if parts:
        pieces = {sku: filled(by_day, first, last) for sku, by_day in parts.items()}
        found += _parts("day", first, pieces, off)
        weeks = {sku: weekly(first, daily) for sku, daily in pieces.items()}
        found += _parts("week", next(iter(weeks.values()))[0], {sku: sums for sku, (_, sums) in weeks.items()}, off)
    return found


def _parts(grain: Grain, start: date, pieces: dict[str, Values], off: frozenset[date]) -> Sequence[Found]:
    return forecast_parts(demand_of(pieces, grain, start, off), start)


async def _store(warehouse: Warehouse, workspace: WorkspaceId, found: Iterable[Found], now: datetime) -> None:
    """Write the points first: whoever sees a run finds them."""
    run_at = now.astimezone(UTC).isoformat(" ", "milliseconds")[:23]
    points, runs = [], []
    for one in found:
        named = {
            "workspace_id": workspace,
            "metric": one.metric,
            "series": one.key,
            "grain": one.grain,
            "run_at": run_at,
        }
        runs.append(named | _run(one))
        if isinstance(one, Forecast):
            record = {"model": one.model, "mase": one.record.mase, "naive_mase": one.record.naive_mase}
            points += [named | record | asdict(point) for point in one.points]
    for table, rows in (("forecasts", points), ("forecast_runs", runs)):
        if rows:
            await warehouse.insert_json_rows(table, b"\n".join(orjson.dumps(row) for row in rows))


def _run(one: Found) -> dict[str, Any]:
    if isinstance(one, NoForecast):
        return {"model": "", "code": one.code, "reason": one.reason, "origins": 0, "anomalies": []}
    return {
        "model": one.model,
        "code": "",
        "reason": "",
        "anomalies": [asdict(odd) for odd in one.anomalies],
        **asdict(one.record),
    }


def _by_day(rows: Iterable[dict[str, Any]]) -> dict[date, float]:
    return {row["day"]: float(row["value"]) for row in rows}


def _by_part(rows: Iterable[dict[str, Any]]) -> dict[str, dict[date, float]]:
    parts: dict[str, dict[date, float]] = defaultdict(dict)
    for row in rows:
        parts[row["sku"]][row["day"]] = float(row["value"])
    return dict(parts)


def _midnight(day: date) -> str:
    return datetime.combine(day, time()).isoformat(" ")
