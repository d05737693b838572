"""Field selection, cached answers, and entity tags on everything."""

from pathlib import Path
from typing import Any

import pytest

from processors.gateway.config import Policy
from processors.gateway.edge.cache import ReadCache
from processors.gateway.edge.conditional import matches
from processors.gateway.present import known_fields
from processors.gateway.selection import UnknownField, pick, read_fields
from schemas.inventory import StockView
from schemas.quotes import QuoteView
from schemas.tickets import TicketMoved
from tests.processors.gateway.world import NOW, TICKET, World, problem, quote, ticket_view

URL = f"/v1/tickets/{TICKET}"


def _moved() -> TicketMoved:
    return TicketMoved(
        ticket_id=TICKET, from_state="received", to_state="triage", reason="r", actor="a", version=2, moved_at=NOW
    )


# --- selection -----------------------------------------------------------------------------------------------------


async def test_returns_only_the_fields_that_are_asked_for_of_the_ticket_and_its_parts(world: World) -> None:
    world.with_quote()
    world.feed(_moved())
    query = "?include=quote,timeline,inspection&fields=state, device.model,quote.quote.tiers.name,timeline.complete"
    async with world.client("tickets:read") as client:
        body = (await client.get(URL + query + ",inspection.status")).json()
    assert body == {
        "state": "quoted",
        "device": {"model": "T480"},
        "quote": {"quote": {"tiers": [{"name": "refurbished"}, {"name": "aftermarket"}, {"name": "original"}]}},
        "timeline": {"complete": True},
        "inspection": None,
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("fields=stat", "there is no field 'stat'; there are "),
        ("fields=state,device.modle", "there is no field 'device.modle'; 'device' has age_years, board_model, brand,"),
        ("fields=state.x", "'state' has no fields of its own"),
        ("fields=quote.status", "with include=quote its fields are there too"),
        ("fields=quote.price&include=quote", "'quote' has accepted, "),
    ],
)
async def test_lists_the_fields_that_are_there_when_one_is_not(world: World, query: str, message: str) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        body = problem(await client.get(f"{URL}?{query}"), 422, "validation")
    assert (body["errors"][0]["field"], body["errors"][0]["code"]) == ("fields", "unknown_field")
    assert message in body["errors"][0]["detail"]


async def test_a_chosen_field_that_the_readers_scopes_do_not_open_stays_closed(world: World) -> None:
    world.with_quote()
    url = f"{URL}?include=quote&fields=quote.quote.expected_profit_cents,quote.status"
    async with world.client("tickets:read") as kiosk, world.client("tickets:read", "pricing:read") as manager:
        for _ in range(2):
            assert (await kiosk.get(url)).json()["quote"] == {"quote": {}, "status": "prepared"}
            assert (await manager.get(url)).json()["quote"]["quote"] == {"expected_profit_cents": 4242}


def test_the_whole_of_a_field_wins_over_a_part_of_it() -> None:
    known = known_fields(("quote",))
    for text in ("device,device.model", "device.model,device"):
        assert read_fields(text, known) == {"device": None}
    assert read_fields(" , ", known) is None
    assert pick({"a": [{"b": 1, "c": 2}, None]}, {"a": {"b": None}}) == {"a": [{"b": 1}, None]}
    with pytest.raises(UnknownField):
        read_fields("device..model", known)


# --- the cache -----------------------------------------------------------------------------------------------------


async def test_an_answer_is_made_once_until_a_record_about_the_ticket_changes_it(world: World) -> None:
    world.feed(ticket_view())
    world.feed(ticket_view("T-0002"))
    cache: ReadCache = world.app.state.edge.cache
    url = f"{URL}?include=quote,timeline"
    async with world.client("tickets:read") as client:
        first = await client.get(url)
        assert (await client.get(url)).content == first.content
        world.feed(ticket_view("T-0002", state="triage", version=2))
        stock = StockView(location_id="m", sku="fan.laptop", on_hand=1, reserved=0, unit_cost_cents=1, reorder_point=0)
        world.feed(stock, key="m/fan.laptop")
        await client.get(url)
        assert (cache.hits, cache.misses) == (2, 1)
        seen = [first.headers["etag"]]
        for change in (ticket_view(state="triage", version=2), _moved(), QuoteView(ticket_id=TICKET, status="prepared",
                       quote=quote())):  # fmt: skip
            world.feed(change)
            seen.append((await client.get(url)).headers["etag"])
    assert len(set(seen)) == 4
    assert cache.misses == 4


async def test_readers_of_other_scopes_never_share_an_answer(world: World) -> None:
    world.with_quote()
    url = f"{URL}?include=quote"
    async with world.client("tickets:read", "pricing:read") as manager, world.client("tickets:read") as kiosk:
        for _ in range(2):
            assert "expected_profit_cents" in (await manager.get(url)).text
            assert "expected_profit_cents" not in (await kiosk.get(url)).text


async def test_an_answer_is_made_anew_when_its_events_were_let_go(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(timelines_max=1))
    world.feed(ticket_view())
    world.feed(_moved())
    async with world.client("tickets:read") as client:
        assert len((await client.get(f"{URL}/timeline")).json()["events"]) == 1
        world.feed(quote("T-0002"))
        assert (await client.get(f"{URL}/timeline")).json() == {"ticket_id": TICKET, "complete": False, "events": []}


def test_holds_no_more_bytes_than_allowed_and_lets_the_least_asked_go() -> None:
    cache = ReadCache(10)
    made: list[str] = []

    def get(key: str, size: int = 4, stamp: int = 0) -> bytes:
        def make() -> bytes:
            made.append(key)
            return key.encode() * size

        return cache.get(key, stamp, make).body

    get("a")
    get("b")
    get("a")
    get("c")
    assert [get("a"), get("c")] == [b"aaaa", b"cccc"]
    assert made == ["a", "b", "c"]
    get("b")
    get("a")
    assert made == ["a", "b", "c", "b", "a"]
    assert len(get("d", size=11)) == 11
    get("d", size=11)
    assert made[-2:] == ["d", "d"]
    get("e", 4)
    get("e", 5, stamp=1)
    get("f", 5)
    get("e", 5, stamp=1)
    assert made[-3:] == ["e", "e", "f"]


# --- entity tags ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/tickets", URL, f"{URL}/timeline", f"{URL}/links", "/v1/tasks", "/v1/stock", "/v1/openapi.json"]
)
async def test_everything_that_can_be_read_has_a_tag_and_is_304_to_whoever_has_it(world: World, path: str) -> None:
    world.with_quote()
    async with world.client("admin") as client:
        first = await client.get(path)
        assert first.status_code == 200
        assert first.headers["cache-control"] == "private, no-cache"
        headers = {"If-None-Match": f'"x", W/{first.headers["etag"]}'}
        again = await client.get(path, headers=headers)
        other = await client.get(path, headers={"If-None-Match": '"x"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-type" not in again.headers
    assert again.headers["x-content-type-options"] == "nosniff"
    assert (other.status_code, other.content) == (200, first.content)


async def test_an_error_and_the_answer_to_a_write_have_no_tag(world: World) -> None:
    async with world.client("tickets:read") as client:
        refused: Any = await client.get("/v1/tickets/T-9999")
        assert "etag" not in refused.headers
        assert refused.headers["cache-control"] == "no-store"


def test_compares_tags_weakly_and_any_of_a_list() -> None:
    assert all(matches(text, '"a"') for text in ('"a"', 'W/"a"', '"b", "a"', " * "))
    assert not any(matches(text, '"a"') for text in ("", '"b"', "a", 'W/"b"'))
