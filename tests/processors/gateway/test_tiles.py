"""Tiles of a live dashboard: a real server, real streams, a warehouse that counts what it is asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from connectors.clickhouse.port import OverBudget, Row
from connectors.errors import ConnectorError, Permanent, Transient
from processors.analytics.figures import Column, Figure
from processors.gateway.config import Policy
from tests.processors.gateway.test_live import move, served
from tests.processors.gateway.world import World, problem, ticket_view

QUICK = Policy(ping_s=0.05, recheck_s=0.05, tile_every_s=0.1, tile_settle_s=0.3, tile_refresh_s=600, tile_rows_max=3)


class Counter:
    """A warehouse with one number for each figure."""

    def __init__(self) -> None:
        self.numbers = {"v_a": 1, "v_b": 1}
        self.asked: list[str] = []
        self.error: ConnectorError | None = None
        self.rows = 1

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Any = None) -> list[Row]:
        self.asked.append(view := next(view for view in self.numbers if view in sql))
        if self.error is not None and view == "v_b":
            raise self.error
        return [{"n": self.numbers[view]}] * self.rows


def figure(name: str) -> Figure:
    return Figure(name, f"v_{name}", name.upper(), f"What {name} is.", "tickets", (Column("n", "tickets"),))


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def shop(tmp_path: Path, counter: Counter) -> World:
    world = World(tmp_path, policy=QUICK, figures={name: figure(name) for name in ("a", "b")}, warehouse=counter)
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
            "name": "a", "title": "A", "definition": "What a is.", "unit": "tickets", "rows": [{"n": 1}], "more": False,
        }  # fmt: skip
        assert (await stream.tile())[1]["name"] == "b"
        counter.numbers["v_b"] = 2
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
        counter.numbers["v_a"] = 7
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
        assert sorted(set(counter.asked)) == ["v_a", "v_b"]
        for stream in (one, two):
            for _ in range(10):  # room for five questions
                assert (await stream.frame())[0] == "ping"
        assert len(counter.asked) == quiet
        counter.numbers["v_a"] = 5
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            shop.feed(move())
        assert (await one.tile())[1]["rows"] == (await two.tile())[1]["rows"] == [{"n": 5}]
        for _ in range(10):
            await one.frame()
        asked, took = counter.asked[quiet:].count("v_a"), asyncio.get_running_loop().time() - began
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
    counter.numbers["v_b"] = 2
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


async def test_refuses_unknown_figures_other_tenants_and_a_missing_warehouse(shop: World, tmp_path: Path) -> None:
    async with shop.client("pricing:read") as client:
        refused = problem(await client.get("/v1/analytics/tiles?names=c"), 422, "validation")
        assert refused["errors"][0]["detail"] == "'c' is no figure; there are a, b"
    async with shop.client(key=shop.key("admin", workspace_id="hafen")) as client:
        problem(await client.get("/v1/analytics/tiles"), 403, "all_workspaces")
    async with World(tmp_path / "bare").client("pricing:read") as client:
        problem(await client.get("/v1/analytics/tiles"), 503, "unavailable")
