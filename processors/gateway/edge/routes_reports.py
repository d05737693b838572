"""The figures of a workspace over a period, each beside the period before, and the forecasts."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from connectors.clickhouse.port import Row, Warehouse
from processors.gateway.access.roles import runs_the_house
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Report, edge_of
from processors.gateway.edge.problems import Problem, away

router = APIRouter(prefix="/v1/analytics", tags=["figures"])

# As the figures: they show turnover and margins, so they are for whoever may read prices.
Reader = Annotated[Principal, Depends(Needs("pricing:read"))]
LONGEST = timedelta(days=400)
DAY = timedelta(days=1)

FORECASTS_SQL = (
    "SELECT metric, series, grain, run_at, model, code, reason, origins, mase, naive_mase, pinball, naive_pinball, "
    "coverage_80, coverage_95 FROM v_forecast_runs WHERE workspace_id = {workspace:String} "
    "ORDER BY metric, grain, series"
)
FORECAST_SQL = (
    "SELECT metric, series, grain, run_at, model, code, reason, origins, mase, naive_mase, pinball, naive_pinball, "
    "coverage_80, coverage_95, anomalies FROM v_forecast_runs WHERE workspace_id = {workspace:String} "
    "AND metric = {metric:String} AND series = {key:String} AND grain = {grain:String}"
)
POINTS_SQL = (
    "SELECT at, expected, low_80, high_80, low_95, high_95 FROM v_forecasts WHERE workspace_id = {workspace:String} "
    "AND metric = {metric:String} AND series = {key:String} AND grain = {grain:String} "
    "AND run_at = {run_at:DateTime64(3, 'UTC')} ORDER BY at"
)


@router.get("/figures")
async def list_reports(request: Request, _: Reader) -> Response:
    """Return which figures there are, each with its definition."""
    return _json({"figures": [_about(one) for one in edge_of(request).deps.reports.values()]})


@router.get("/figures/{name}")
async def get_report(
    request: Request,
    name: Annotated[str, Path(max_length=100)],
    principal: Reader,
    since: Annotated[date | None, Query(description="the first day; default: 30 days before the end")] = None,
    until: Annotated[date | None, Query(description="the day after the last one; default: tomorrow")] = None,
) -> Response:
    """Return a figure over a period, its main number beside that of the period before, and the number of each day."""
    deps = edge_of(request).deps
    report = deps.reports.get(name)
    if report is None:
        raise Problem(404, "not_found", f"there is no figure {name!r}; /v1/analytics/figures lists them")
    if report.whole_house and not runs_the_house(principal.workspace_id, principal.scopes):
        detail = "this figure is of the whole house; ask an administrator of the default workspace"
        raise Problem(403, "all_workspaces", detail)
    begin, end = _period(since, until, deps.clock.now())
    warehouse = _warehouse(deps.warehouse)
    rows, daily, earlier = await ask(warehouse, report, principal.workspace_id, begin, end)
    value, previous = _total(daily), _total(earlier)
    return _json(
        {
            **_about(report),
            "since": begin,
            "until": end,
            "value": value,
            "previous": previous,
            "change": None if value is None or not previous else value / previous - 1,
            "sparkline": _sparkline(report, daily, begin, end),
            "rows": rows,
        }
    )


@router.get("/forecasts")
async def list_forecasts(request: Request, principal: Reader) -> Response:
    """Return which series are forecast, each with its record beside the seasonal naive, or why it is not."""
    warehouse = _warehouse(edge_of(request).deps.warehouse)
    rows = await warehouse.query(FORECASTS_SQL, {"workspace": principal.workspace_id})
    return _json({"forecasts": rows})


@router.get("/forecasts/{series}")
async def get_forecast(
    request: Request,
    series: Annotated[Literal["revenue_cents", "intake", "parts_pieces"], Path()],
    principal: Reader,
    grain: Annotated[Literal["day", "week"], Query()] = "day",
    part: Annotated[str, Query(max_length=80, description="of parts: which, by its SKU")] = "",
) -> Response:
    """Return what is expected of a series, with bands of 80 and 95 %, the model's record, and what was odd of late."""
    warehouse = _warehouse(edge_of(request).deps.warehouse)
    asked = {"workspace": principal.workspace_id, "metric": series, "key": part, "grain": grain}
    found = await warehouse.query(FORECAST_SQL, asked)
    if not found:
        detail = "nothing was forecast of this yet; it is done once a day, or now with `noizylab analytics forecast`"
        raise Problem(404, "not_found", detail)
    [run] = found
    points = await warehouse.query(POINTS_SQL, asked | {"run_at": _text(run["run_at"])})
    return _json({**run, "points": points})


async def ask(
    warehouse: Warehouse, report: Report, workspace_id: str, begin: datetime, end: datetime
) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the rows of a figure over a period, the numbers of its days, and those of the period before."""
    now = {"workspace": workspace_id, "since": _text(begin), "until": _text(end)}
    before = now | {"since": _text(begin - (end - begin)), "until": _text(begin)}
    rows, daily, earlier = await asyncio.gather(
        warehouse.query(report.sql, now),
        warehouse.query(report.daily_sql, now),
        warehouse.query(report.daily_sql, before),
    )
    return rows, daily, earlier


def _about(report: Report) -> dict[str, str]:
    named = ("name", "title", "definition", "main", "unit")
    return {name: getattr(report, name) for name in named}


def _period(since: date | None, until: date | None, now: datetime) -> tuple[datetime, datetime]:
    end = datetime.combine(until or now.astimezone(UTC).date() + DAY, time(), UTC)
    begin = datetime.combine(since, time(), UTC) if since is not None else end - 30 * DAY
    if not DAY <= end - begin <= LONGEST:
        detail = f"the period is from {begin:%Y-%m-%d} to {end:%Y-%m-%d}; give 1 to {LONGEST.days} days"
        raise Problem(422, "bad_period", detail)
    return begin, end


def _warehouse(warehouse: Warehouse | None) -> Warehouse:
    if warehouse is None:
        raise away("no analytics warehouse is connected to this server")
    return warehouse


def _total(daily: list[Row]) -> float | None:
    value = next((row["value"] for row in daily if row["day"] is None), None)
    return None if value is None else float(value)


def _sparkline(report: Report, daily: list[Row], begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return every day of the period; one without a number is a zero where numbers add up, else unknown."""
    known: Mapping[date, Any] = {row["day"]: row["value"] for row in daily if row["day"] is not None}
    days = (begin.date() + number * DAY for number in range((end - begin).days))
    missing = 0.0 if report.adds_up else None
    return [{"day": day, "value": known.get(day, missing)} for day in days]


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body, default=str), media_type="application/json")
