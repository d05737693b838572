"""Tiles of a live dashboard: a real server, real streams, a warehouse that counts what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from connectors.clickhouse.port import OverBudget, Row
from connectors.errors import ConnectorError, Permanent, Transient
from processors.analytics.figures import Column
from processors.analytics.reports import Report
from processors.gateway.config import Policy
from tests.processors.gateway.test_live import move, served
from tests.processors.gateway.world import World, problem, ticket_view

QUICK = Policy(ping_s=0.05, recheck_s=0.05, tile_every_s=0.1, tile_settle_s=0.3, tile_refresh_s=600, tile_rows_max=3)


class Counter:
    """A warehouse with one number for each figure."""

    def __init__(self) -> None:
        self.numbers = {"r_a": 1, "r_b": 1, "r_house": 1}
        self.asked: list[str] = []
        self.bound: list[Mapping[str, Any]] = []
        self.error: ConnectorError | None = None
        self.rows = 1

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Any = None) -> list[Row]:
        if "_daily" in sql:
            return [{"day": date(2026, 3, 2), "value": 4.0}, {"day": None, "value": 5.0}]
        self.bound.append(parameters or {})
        self.asked.append(view := next(view for view in self.numbers if view in sql))
        if self.error is not None and view == "r_b":
            raise self.error
        return [{"n": self.numbers[view]}] * self.rows


def report(name: str, *, whole_house: bool = False) -> Report:
    columns = (Column("n", "tickets"),)
    return Report(name, f"r_{name}", name.upper(), f"What {name} is.", "all", "tickets", columns, whole_house)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def shop(tmp_path: Path, counter: Counter) -> World:
    reports = {name: report(name) for name in ("a", "b")} | {"house": report("house", whole_house=True)}
    world = World(tmp_path, policy=QUICK, warehouse=counter, reports=reports)
    world.feed(ticket_view())
    return world


class Stream:
    """Frames of an open stream, as (event, id, data)."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def frame(self) -> tuple[str, str, Any]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while line := await anext(self._lines):
                name, _, value = line.partition(": ")
                fields[name] = value
        return fields.get("event", "ping"), fields.get("id", ""), orjson.loads(fields.get("data", "{}"))

    async def tile(self) -> tuple[str, Any]:
        while True:
            kind, cursor, data = await self.frame()
            if kind == "tile":
                return cursor, data
            assert kind == "ping"


@asynccontextmanager
async def looking(world: World, host: str, query: str = "", after: str = "", key: str = "") -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {key or world.key('pricing:read')}", "Last-Event-ID": after}
    async with (
        httpx.AsyncClient(base_url=f"http://{host}", headers=headers) as client,
        client.stream("GET", f"/v1/analytics/tiles?{query}") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer.aiter_lines())


async def test_sends_every_tile_once_and_then_only_what_differs(shop: World, counter: Counter) -> None:
    async with served(shop) as host, looking(shop, host) as stream:
        assert (await stream.tile())[1] == {
            "name": "a", "title": "A", "definition": "What a is.", "main": "all", "unit": "tickets", "value": 5.0,
            "days": [{"day": "2026-03-02", "value": 4.0}], "rows": [{"n": 1}], "more": False,
        }  # fmt: skip
        period = {"workspace": "main", "since": "2026-02-01 00:00:00", "until": "2026-03-03 00:00:00"}
        assert counter.bound[0] == period
        assert (await stream.tile())[1]["name"] == "b"
        counter.numbers["r_b"] = 2
        shop.feed(move())
        changed = (await stream.tile())[1]
        assert (changed["name"], changed["rows"]) == ("b", [{"n": 2}])


async def test_a_change_that_reaches_the_warehouse_late_is_seen(shop: World, counter: Counter) -> None:
    async with served(shop) as host, looking(shop, host, "names=a") as stream:
        await stream.tile()
        shop.feed(move())
        before = len(counter.asked)
        while len(counter.asked) == before:
            await stream.frame()
        counter.numbers["r_a"] = 7
        assert (await stream.tile())[1]["rows"] == [{"n": 7}]


async def test_a_figure_is_asked_for_once_for_all_and_not_at_all_while_nothing_happens(
    shop: World, counter: Counter
) -> None:
    async with served(shop) as host, looking(shop, host, "names=a") as one, looking(shop, host, "names=a,b") as two:
        for stream, count in ((one, 1), (two, 2)):
            for _ in range(count):
                await stream.tile()
        for _ in range(10):  # ten pings are half a second: what may have happened before they came is settled
            await one.frame()
        quiet = len(counter.asked)
        assert sorted(set(counter.asked)) == ["r_a", "r_b"]
        for stream in (one, two):
            for _ in range(10):  # room for five questions
                assert (await stream.frame())[0] == "ping"
        assert len(counter.asked) == quiet
        counter.numbers["r_a"] = 5
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            shop.feed(move())
        assert (await one.tile())[1]["rows"] == (await two.tile())[1]["rows"] == [{"n": 5}]
        for _ in range(10):
            await one.frame()
        asked, took = counter.asked[quiet:].count("r_a"), asyncio.get_running_loop().time() - began
        assert 2 <= asked <= took / QUICK.tile_every_s + 1


async def test_nobody_looking_costs_nothing_and_leaves_nothing(shop: World, counter: Counter) -> None:
    edge = shop.app.state.edge
    async with served(shop) as host:
        async with looking(shop, host) as stream:
            await stream.tile()
            assert edge.walls.count == 1
        async with asyncio.timeout(5):
            while edge.walls.count or shop.views.feed.listeners or edge.streams.count:
                await asyncio.sleep(0.01)
        asked = len(counter.asked)
        shop.feed(move())
        async with shop.client("pricing:read") as client:
            await client.get("/v1/figures")
        assert len(counter.asked) == asked


async def test_goes_on_from_the_tiles_a_reader_has_even_at_another_replica(shop: World, counter: Counter) -> None:
    async with served(shop) as host, looking(shop, host) as stream:
        await stream.tile()
        cursor, _ = await stream.tile()
    counter.numbers["r_b"] = 2
    async with served(shop, shop.replica()) as host:
        async with looking(shop, host, after=cursor) as stream:
            assert (await stream.tile())[1]["name"] == "b"
        for strange in ("x", "0", cursor + "-" + cursor):
            async with looking(shop, host, after=strange) as stream:
                assert (await stream.tile())[1]["name"] == "a"


@pytest.mark.parametrize(
    ("error", "code"),
    [(OverBudget("Limit for rows exceeded"), "over_budget"), (Transient("Timeout exceeded"), "unavailable"),
     (Permanent("Division by zero"), "failed")],
)  # fmt: skip
async def test_a_figure_that_cannot_be_had_is_a_tile_with_a_reason(
    shop: World, counter: Counter, error: ConnectorError, code: str
) -> None:
    counter.error = error
    async with served(shop) as host, looking(shop, host) as stream:
        assert (await stream.tile())[1]["rows"] == [{"n": 1}]
        failed = (await stream.tile())[1]
        assert (failed["name"], failed["error"]) == ("b", {"code": code, "detail": str(error)})
        counter.error = None
        shop.feed(move())
        assert (await stream.tile())[1]["rows"] == [{"n": 1}]


async def test_a_long_figure_is_cut_and_says_so(shop: World, counter: Counter) -> None:
    counter.rows = 4
    async with served(shop) as host, looking(shop, host, "names=a") as stream:
        tile = (await stream.tile())[1]
        assert (len(tile["rows"]), tile["more"]) == (3, True)


async def test_who_may_not_look_any_more_is_sent_away(shop: World) -> None:
    key = shop.key("pricing:read")
    async with served(shop) as host, looking(shop, host, key=key) as stream:
        await stream.tile()
        shop.keyring.revoke(shop.keyring.list()[0].id)
        async with asyncio.timeout(5):
            while (last := await stream.frame())[0] != "error":
                pass
        assert last[2]["code"] == "unauthorized"


async def test_refuses_unknown_figures_and_those_of_the_whole_house(shop: World, tmp_path: Path) -> None:
    async with shop.client("pricing:read") as client:
        for name in ("c", "house"):
            refused = problem(await client.get(f"/v1/analytics/tiles?names={name}"), 422, "validation")
            assert refused["errors"][0]["detail"] == f"'{name}' is no figure that you may see; a, b are"
    async with World(tmp_path / "bare").client("pricing:read") as client:
        problem(await client.get("/v1/analytics/tiles"), 503, "unavailable")


async def test_each_workspace_has_its_own_tiles(shop: World, counter: Counter) -> None:
    async with served(shop) as host:
        for workspace in ("main", "hafen"):
            key = shop.key("pricing:read", workspace_id=workspace)
            async with looking(shop, host, "names=a", key=key) as stream:
                await stream.tile()
            assert counter.bound[-1]["workspace"] == workspace
        async with looking(shop, host, "names=house", key=shop.key("admin")) as stream:
            assert (await stream.tile())[1]["name"] == "house"
