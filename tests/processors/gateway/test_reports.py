"""Figures of a period and forecasts at the edge: definition, comparison, every day, and only one's own workspace."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.errors import Transient
from processors.analytics.reports import REPORTS
from tests.processors.gateway.world import NOW, World, problem

BY_NAME = {report.name: report for report in REPORTS}


class PeriodWarehouse:
    """Answers with what each kind of query gives, and notes the parameters."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.runs: list[dict[str, Any]] = [
            {"metric": "intake", "run_at": datetime(2026, 3, 2, 5, tzinfo=UTC), "mase": 0.7}
        ]

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Any = None
    ) -> list[dict[str, Any]]:
        if self.down:
            raise Transient("the warehouse is away")
        named = dict(parameters or {})
        self.asked.append((sql, named))
        if "v_forecast_runs" in sql:
            return self.runs
        if "v_forecasts" in sql:
            return [{"at": date(2026, 3, 3), "expected": 4.5}]
        if "_daily" in sql:
            earlier = named["since"] < "2026-02"
            days = [] if earlier else [{"day": date(2026, 2, 4), "value": 3}]
            return [*days, {"day": None, "value": 8 if earlier else 10}]
        return [{"sku": "battery.laptop", "used": 10}]

    async def insert_json_rows(self, *_: Any, **__: Any) -> None:
        raise AssertionError("the edge writes no rows")

    async def command(self, sql: str) -> None:
        raise AssertionError("the edge runs no statements")

    async def close(self) -> None:
        return


def _world(tmp_path: Path) -> World:
    return World(tmp_path, reports=BY_NAME, warehouse=PeriodWarehouse())


async def test_a_figure_stands_beside_its_definition_and_the_period_before(tmp_path: Path) -> None:
    world = _world(tmp_path)
    async with world.client("pricing:read") as client:
        answer = (await client.get("/v1/analytics/figures/parts?since=2026-02-03&until=2026-02-06")).json()
        report = BY_NAME["parts"]
        assert (answer["definition"], answer["main"], answer["unit"]) == (report.definition, report.main, "pieces")
        assert (answer["value"], answer["previous"], answer["change"]) == (10, 8, 0.25)
        assert answer["sparkline"] == [
            {"day": "2026-02-03", "value": 0.0},
            {"day": "2026-02-04", "value": 3},
            {"day": "2026-02-05", "value": 0.0},
        ]
        assert answer["rows"] == [{"sku": "battery.laptop", "used": 10}]
    asked = [(named["since"], named["until"]) for _, named in world.warehouse.asked]
    period = ("2026-02-03 00:00:00.000", "2026-02-06 00:00:00.000")
    assert sorted(asked) == [("2026-01-31 00:00:00.000", period[0]), period, period]
    assert {named["workspace"] for _, named in world.warehouse.asked} == {"main"}


async def test_days_without_a_number_are_unknown_where_numbers_do_not_add_up(tmp_path: Path) -> None:
    async with _world(tmp_path).client("pricing:read") as client:
        answer = (await client.get("/v1/analytics/figures/turnaround?since=2026-02-03&until=2026-02-05")).json()
        assert [one["value"] for one in answer["sparkline"]] == [None, 3]


async def test_without_a_period_it_is_the_last_thirty_days_with_today(tmp_path: Path) -> None:
    async with _world(tmp_path).client("pricing:read") as client:
        answer = (await client.get("/v1/analytics/figures/parts")).json()
        assert len(answer["sparkline"]) == 30
        assert answer["sparkline"][-1]["day"] == f"{NOW:%Y-%m-%d}"


async def test_each_caller_sees_only_the_own_workspace_and_the_house_only_who_runs_it(tmp_path: Path) -> None:
    world = _world(tmp_path)
    own = await world.logged_in("owner")
    made = await own.post("/v1/workspaces", json={"workspace_id": "hafen", "settings": {"name": "Hafen"}})
    assert made.status_code == 201
    other = await world.logged_in("owner", mail="cy@example.org", workspace_id="hafen")
    for path in ("figures/parts", "figures/backlog", "forecasts", "forecasts/intake"):
        world.warehouse.asked.clear()
        assert (await other.get(f"/v1/analytics/{path}")).status_code == 200
        assert {named["workspace"] for _, named in world.warehouse.asked} == {"hafen"}, path
    problem(await other.get("/v1/analytics/figures/pipeline"), 403, "all_workspaces")
    assert (await own.get("/v1/analytics/figures/pipeline")).status_code == 200


async def test_a_forecast_comes_with_its_record_and_the_points_of_the_same_run(tmp_path: Path) -> None:
    world = _world(tmp_path)
    async with world.client("pricing:read") as client:
        answer = (await client.get("/v1/analytics/forecasts/parts_pieces?grain=week&part=battery.laptop")).json()
        assert (answer["mase"], answer["points"]) == (0.7, [{"at": "2026-03-03", "expected": 4.5}])
        sql, named = world.warehouse.asked[-1]
        assert "v_forecasts" in sql
        assert (named["key"], named["grain"], named["run_at"]) == ("battery.laptop", "week", "2026-03-02 05:00:00.000")
        assert (await client.get("/v1/analytics/forecasts")).json()["forecasts"][0]["metric"] == "intake"
        world.warehouse.runs = []
        problem(await client.get("/v1/analytics/forecasts/intake"), 404, "not_found")


async def test_what_cannot_be_answered_says_why(tmp_path: Path) -> None:
    world = _world(tmp_path)
    async with world.client("pricing:read") as client:
        names = [one["name"] for one in (await client.get("/v1/analytics/figures")).json()["figures"]]
        assert names == [report.name for report in REPORTS]
        problem(await client.get("/v1/analytics/figures/profit"), 404, "not_found")
        for period in ("since=2026-02-03&until=2026-02-03", "since=2024-01-01&until=2026-02-03"):
            problem(await client.get(f"/v1/analytics/figures/parts?{period}"), 422, "bad_period")
        world.warehouse.down = True
        problem(await client.get("/v1/analytics/figures/parts"), 503, "unavailable")
    async with world.client("tickets:read") as client:
        problem(await client.get("/v1/analytics/figures"), 403, "missing_scope")
    async with World(tmp_path / "bare", reports=BY_NAME).client("pricing:read") as client:
        problem(await client.get("/v1/analytics/forecasts"), 503, "unavailable")
