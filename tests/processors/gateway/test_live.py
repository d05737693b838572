"""Live events of a workspace: a real server, real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from connectors.errors import Transient
from processors.gateway.config import Policy
from processors.gateway.edge.live import for_stream
from processors.gateway.feed import Feed, Wanted
from processors.gateway.timeline import read_cursor
from schemas.ticket_records import NoteAdded
from schemas.tickets import IntakeRefused, TicketMoved, TicketOpened
from tests.processors.gateway.world import NOW, TICKET, World, problem, quote, ticket_view

QUICK = Policy(ping_s=0.05, recheck_s=0.05)


def move(ticket_id: str = TICKET, to: Any = "triage") -> TicketMoved:
    return TicketMoved(
        ticket_id=ticket_id, from_state="received", to_state=to, reason="r", actor="ada", version=2, moved_at=NOW
    )


@asynccontextmanager
async def served(world: World, app: Any = None) -> AsyncIterator[str]:
    """Serve a gateway on a port of its own; yields host and port."""
    config = uvicorn.Config(
        app or world.app, host="127.0.0.1", port=0, ws="websockets-sansio", lifespan="off", log_level="error",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield "{}:{}".format(*server.servers[0].sockets[0].getsockname()[:2])
    finally:
        server.should_exit = True
        await serving


def socket(at: str, query: str = "", key: str = "", **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(f"ws://{at}/v1/live?{query}", additional_headers=headers, ping_interval=None, **options)


async def heard(reader: ClientConnection, kind: str = "") -> dict[str, Any]:
    """Return the next frame, or the next of a kind."""
    while True:
        frame: dict[str, Any] = orjson.loads(await asyncio.wait_for(reader.recv(), 5))
        if kind in ("", frame["kind"]):
            return frame


async def refusal(at: str, query: str = "", key: str = "", **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(at, query, key, **options):
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, orjson.loads(response.body)["code"]


@pytest.fixture
async def host(world: World) -> AsyncIterator[str]:
    async with served(world) as name:
        yield name


async def test_says_hello_and_then_each_event_without_what_the_scopes_do_not_open(world: World, host: str) -> None:
    world.feed(ticket_view())
    world.feed(move())
    async with (
        socket(host, key=world.key("tickets:read")) as kiosk,
        socket(host, key=world.key("tickets:read", "pricing:read")) as manager,
    ):
        assert await heard(kiosk) == {"kind": "hello", "id": "tickets.events.v1-0-0"}
        await heard(manager)
        world.feed(quote())
        seen, full = await heard(kiosk), await heard(manager)
    assert seen["kind"] == full["kind"] == "event"
    assert seen["id"] == full["id"] == "quotes.events.v1-0-0,tickets.events.v1-0-0"
    assert seen["event"]["type"] == "noizylab.quote.prepared.v1"
    assert seen["summary"].startswith("Quote 1")
    assert "expected_profit_cents" not in seen["event"]["data"]
    assert full["event"]["data"]["expected_profit_cents"] == 4242


async def test_words_are_opened_for_a_socket_and_it_is_sent_away_while_they_cannot_be(
    world: World, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.feed(ticket_view())

    async def noted(text: str) -> NoteAdded:
        sealed = await world.vault.seal_text(TICKET, text)
        about = {"ticket_id": TICKET, "actor": "ada", "version": 2, "happened_at": NOW}
        return NoteAdded(note_id="note-1", kind="internal", text=sealed, **about)

    async def away(*_: Any) -> Any:
        raise Transient("the store does not answer")

    async with socket(host, key=world.key("tickets:read")) as reader:
        await heard(reader, "hello")
        world.feed(await noted("Salt inside."))
        first = await heard(reader)
        assert first["event"]["data"]["text"] == "Salt inside."
        second = await noted("More salt.")
        with monkeypatch.context() as broken:
            broken.setattr(world.stored, "stat", away)
            world.feed(second)
            with pytest.raises(ConnectionClosed) as closed:
                await heard(reader)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    async with socket(host, f"after={first['id']}", key=world.key("tickets:read")) as reader:
        assert (await heard(reader, "event"))["event"]["data"]["text"] == "More salt."


async def test_another_workspace_hears_nothing(world: World, host: str) -> None:
    world.feed(ticket_view())
    opened = {"customer_id": "C-0002", "device": ticket_view().device, "complaint": "x", "channel": "kiosk"}
    fresh = TicketOpened(
        ticket_id="T-0002", workspace_id="other", state="received", consent_version="1", opened_at=NOW, **opened
    )
    async with socket(host, key=world.key("tickets:read")) as reader:
        await heard(reader)
        world.feed(ticket_view("T-0003", workspace_id="other"))
        world.feed(fresh)
        world.feed(move("T-0002"))  # before its view
        world.feed(move("T-0003"))
        world.feed(move("T-9999"))  # of a ticket that nobody knows
        world.feed(move())
        assert (await heard(reader))["event"]["subject"] == TICKET


async def test_hears_of_an_intake_of_its_workspace_that_was_refused(world: World, host: str) -> None:
    async with socket(host, key=world.key("tickets:read")) as reader:
        await heard(reader)
        for ticket_id, workspace in (("T-0007", "other"), ("T-0008", None), ("T-0009", "main")):
            world.feed(
                IntakeRefused(
                    ticket_id=ticket_id, workspace_id=workspace, reason="r", detail="No photo.", refused_at=NOW
                )
            )
        assert (await heard(reader))["event"]["subject"] == "T-0009"


async def test_hears_only_the_types_tickets_and_states_that_it_names(world: World, host: str) -> None:
    for ticket_id in (TICKET, "T-0002"):
        world.feed(ticket_view(ticket_id))
    key = world.key("tickets:read")
    async with (
        socket(host, "types=noizylab.quote.prepared.v1", key) as quotes,
        socket(host, "tickets=T-0002,T-0003", key) as second,
        socket(host, "states=quoted", key) as quoted,
    ):
        for reader in (quotes, second, quoted):
            await heard(reader)
        world.feed(move())
        world.feed(move("T-0002", "quoted"))
        world.feed(quote())
        assert (await heard(quotes))["event"]["subject"] == TICKET
        assert (await heard(second))["event"]["data"]["to_state"] == "quoted"
        assert (await heard(quoted))["event"]["data"]["ticket_id"] == "T-0002"
    assert await refusal(host, "types=noizylab.coffee.made.v1", key) == (422, "validation")
    assert await refusal(host, "states=lost", key) == (422, "validation")
    assert await refusal(host, "after=nonsense", key) == (422, "validation")


async def test_resumes_after_its_cursor_also_at_another_replica(world: World, host: str) -> None:
    world.feed(ticket_view())
    other = world.replica()
    world.models[1].apply(world.feed(ticket_view()))
    key = world.key("tickets:read")
    async with socket(host, key=key) as reader:
        await heard(reader)
        world.feed(move(to="triage"))
        cursor = (await heard(reader))["id"]
    world.feed(quote())
    world.feed(move(to="quoted"))
    async with served(world, other) as there, socket(there, f"after={cursor}", key) as reader:
        assert (await heard(reader))["id"] == cursor
        types = [(await heard(reader))["event"]["type"] for _ in range(2)]
        assert types == ["noizylab.quote.prepared.v1", "noizylab.ticket.moved.v1"]
        world.feed(move(to="approved"))
        last = await heard(reader)
    assert last["event"]["data"]["to_state"] == "approved"
    assert read_cursor(last["id"]) == {("quotes.events.v1", 0): 0, ("tickets.events.v1", 0): 2}


async def test_is_told_of_a_gap_when_memory_no_longer_has_what_it_missed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(feed_max=2))
    world.feed(ticket_view())
    for second in range(5):
        world.feed(move(), at=NOW + timedelta(seconds=second))
    key = world.key("tickets:read")
    async with served(world) as host:
        async with socket(host, "after=tickets.events.v1-0-1", key) as reader:
            assert (await heard(reader))["id"] == "tickets.events.v1-0-4"
            gap = await heard(reader)
            assert (gap["kind"], gap["id"]) == ("gap", "tickets.events.v1-0-4")
            assert "read anew" in gap["detail"]
            world.feed(quote())
            assert (await heard(reader))["event"]["type"] == "noizylab.quote.prepared.v1"
        async with socket(host, "after=tickets.events.v1-0-2", key) as reader:
            await heard(reader)
            assert [(await heard(reader))["kind"] for _ in range(3)] == ["event"] * 3


async def test_pings_with_a_cursor_while_nothing_that_it_wants_happens(tmp_path: Path) -> None:
    world = World(tmp_path, policy=QUICK)
    world.feed(ticket_view())
    async with (
        served(world) as host,
        socket(host, "types=noizylab.quote.prepared.v1", world.key("tickets:read")) as reader,
    ):
        assert await heard(reader, "ping") == {"kind": "ping", "id": ""}
        world.feed(move())
        async with asyncio.timeout(5):
            while (await heard(reader, "ping"))["id"] != "tickets.events.v1-0-0":
                pass


async def test_is_closed_soon_after_its_key_was_revoked(tmp_path: Path) -> None:
    world = World(tmp_path, policy=QUICK)
    key = world.key("tickets:read")
    async with served(world) as host, socket(host, key=key) as reader:
        await heard(reader)
        assert world.keyring.revoke(key.split("_")[2])
        assert (await heard(reader, "error"))["code"] == "unauthorized"
        with pytest.raises(ConnectionClosed) as closed:
            await heard(reader)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_reader_that_is_too_slow_is_told_and_closed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(stream_queue_max=3))
    world.feed(ticket_view())
    async with served(world) as host, socket(host, key=world.key("tickets:read")) as reader:
        await heard(reader)
        for _ in range(9):  # without giving the socket's task a turn
            world.feed(move())
        error = await heard(reader, "error")
        assert (error["code"], error["id"]) == ("too_slow", "")
        with pytest.raises(ConnectionClosed) as closed:
            await heard(reader)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013
    assert world.views.feed.listeners == 0


async def test_a_reader_that_takes_nothing_is_cut_off_and_holds_no_place(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(stall_s=0.1, stream_queue_max=100_000, feed_max=10))
    world.feed(ticket_view())
    text = move()
    async with served(world) as host:
        reader, writer = await asyncio.open_connection(*host.split(":"), limit=1)
        writer.write(
            f"GET /v1/live HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"X-API-Key: {world.key('tickets:read')}\r\n\r\n".encode()
        )
        streams = world.app.state.edge.streams
        async with asyncio.timeout(20):
            while world.views.feed.listeners == 0:
                await asyncio.sleep(0.01)
            while streams.count:
                for _ in range(500):
                    world.feed(text)
                await asyncio.sleep(0.01)
        assert world.views.feed.listeners == 0
        writer.transport.abort()
        del reader


async def test_has_nothing_to_say(world: World, host: str) -> None:
    async with socket(host, key=world.key("tickets:read")) as reader:
        await reader.send("hello")
        with pytest.raises(ConnectionClosed) as closed:
            await heard(reader, "nothing more")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


async def test_opens_no_more_sockets_than_a_caller_may_have(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(streams_per_caller_max=1, streams_max=2))
    key, other = world.key("tickets:read"), world.key("tickets:read")
    async with served(world) as host:
        async with socket(host, key=key) as reader:
            await heard(reader)
            assert await refusal(host, key=key) == (503, "busy")
            async with socket(host, key=other) as second:
                await heard(second)
                assert await refusal(host, key=world.key("admin")) == (503, "busy")
        async with socket(host, key=key) as reader:
            await heard(reader)
    assert world.app.state.edge.streams.count == 0


# --- who may open one ----------------------------------------------------------------------------------------------


async def test_refuses_a_stranger_and_a_key_without_the_scope_before_it_accepts(world: World, host: str) -> None:
    assert await refusal(host) == (401, "unauthorized")
    assert await refusal(host, key="nzl_test_AAAAAAAA_" + "A" * 43) == (401, "unauthorized")
    assert await refusal(host, key=world.key("pricing:read")) == (403, "missing_scope")
    assert world.views.feed.listeners == 0


async def _ticket(host: str, key: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://{host}", headers={"X-API-Key": key, **headers}) as client:
        return await client.post("/v1/live/tickets")


async def test_a_page_opens_one_socket_with_a_ticket_once_over_all_replicas(world: World, host: str) -> None:
    page: Any = f"http://{host}"
    given = await _ticket(host, world.key("tickets:read"), Origin=page)
    assert given.status_code == 201
    assert given.json()["expires_in_s"] == 30
    query = f"ticket={given.json()['ticket']}"
    async with served(world, world.replica()) as there:
        async with socket(host, query, origin=page) as reader:
            assert (await heard(reader))["kind"] == "hello"
        # Another replica, reached under the name that the page knows, as behind a balancer.
        name, port = there.split(":")
        assert await refusal(host, query, origin=page, host=name, port=int(port)) == (401, "ticket_refused")
        assert await refusal(host, query, origin=page) == (401, "ticket_refused")


async def test_a_ticket_is_good_for_its_origin_and_half_a_minute_and_while_its_key_is(world: World, host: str) -> None:
    page: Any = f"http://{host}"
    key = world.key("tickets:read")
    bound = (await _ticket(host, key, Origin=page)).json()["ticket"]
    assert await refusal(host, f"ticket={bound}") == (401, "ticket_refused")
    assert await refusal(host, f"ticket={bound[:-2]}", origin=page) == (401, "ticket_refused")
    world.clock.advance(timedelta(seconds=30))
    assert await refusal(host, f"ticket={bound}", origin=page) == (401, "ticket_refused")
    fresh = (await _ticket(host, key)).json()["ticket"]
    assert world.keyring.revoke(key.split("_")[2])
    assert await refusal(host, f"ticket={fresh}") == (401, "ticket_refused")


async def test_a_page_of_another_site_gets_neither_a_socket_nor_a_ticket(world: World, host: str) -> None:
    key = world.key("tickets:read")
    for origin in ("https://evil.example", "null", f"http://{host}.evil.example", "http://127.0.0.1"):
        evil: Any = origin
        assert await refusal(host, key=key, origin=evil) == (403, "origin_not_allowed")
        problem(await _ticket(host, key, Origin=origin), 403, "origin_not_allowed")


# --- server-sent events --------------------------------------------------------------------------------------------


async def test_sends_the_same_as_server_sent_events_and_resumes_by_the_last_id(world: World, host: str) -> None:
    world.feed(ticket_view())
    world.feed(move())
    headers = {"X-API-Key": world.key("tickets:read"), "Last-Event-ID": "tickets.events.v1-0-0"}
    async with httpx.AsyncClient(base_url=f"http://{host}", headers=headers) as client:
        async with client.stream("GET", "/v1/live/events?states=quoted") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            assert [await anext(lines) for _ in range(6)] == [
                "retry: 2000", "", "id: tickets.events.v1-0-0", "event: hello", "data: {}", "",
            ]  # fmt: skip
            world.feed(move(to="quoted"))
            assert await anext(lines) == "id: tickets.events.v1-0-1"
            assert await anext(lines) == "event: noizylab.ticket.moved.v1"
            assert '"to_state":"quoted"' in await anext(lines)
            # A stream is no request in hand, else a few readers would keep the shop from answering.
            assert (world.app.state.edge.flights.count, world.app.state.edge.streams.count) == (0, 1)
        problem(await client.get("/v1/live/events?types=x"), 422, "validation")
    async with asyncio.timeout(5):
        while world.app.state.edge.streams.count:
            await asyncio.sleep(0.01)


def test_a_ping_moves_the_last_id_of_a_page_without_an_event() -> None:
    assert for_stream("ping", "a-0-1", "{}") == "id: a-0-1\n\n"


# --- the feed alone ------------------------------------------------------------------------------------------------


async def test_an_event_is_written_once_for_all_readers_of_the_same_scopes(world: World) -> None:
    world.feed(ticket_view())
    feed: Feed = world.views.feed
    readers = [feed.listen(Wanted("main"), 9) for _ in range(3)]
    made: list[int] = []
    world.feed(move())
    news = [reader.take() for reader in readers]
    for one in news:
        assert one is not None
        assert one.text(("ws", frozenset()), lambda _: str(made.append(1))) == "None"
    assert len(made) == 1
    for reader in readers:
        feed.leave(reader)
    assert feed.listeners == 0


def test_a_busy_partition_does_not_push_out_the_past_of_a_quiet_one(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(feed_max=2))
    world.feed(quote())
    for _ in range(9):
        world.feed(move())
    missed = world.views.feed.after({("tickets.events.v1", 0): 7})
    assert missed is not None
    assert [item.entry.offset for item in missed] == [0, 8]
    assert world.views.feed.after({("tickets.events.v1", 0): 5}) is None
