import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from processors.gateway.config import Policy
from processors.gateway.edge.routes_events import event_stream
from processors.gateway.timeline import CursorError, read_cursor, write_cursor
from schemas.tickets import TicketMoved
from tests.processors.gateway.world import NOW, TICKET, World, problem, quote, ticket_view

QUICK = Policy(heartbeat_s=0.01)


def _move(to: Any = "triage") -> TicketMoved:
    return TicketMoved(
        ticket_id=TICKET, from_state="received", to_state=to, reason="r", actor="ada", version=2, moved_at=NOW
    )


@asynccontextmanager
async def _stream(world: World, **headers: str) -> AsyncIterator["_Reader"]:
    """A live request: httpx's ASGI transport waits for the end of a response, which a stream does not have."""
    raw = {"x-api-key": world.key("tickets:read"), **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"/v1/tickets/{TICKET}/events", "raw_path": b"", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
        "client": ("127.0.0.1", 1), "server": ("edge", 80), "state": {},
    }  # fmt: skip
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    gone = asyncio.Event()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(world.app(scope, receive, sent.put))  # type: ignore[arg-type]  # typed for more than is given here
    try:
        yield _Reader(await sent.get(), sent)
    finally:
        gone.set()
        await asyncio.wait_for(task, 5)


class _Reader:
    def __init__(self, start: dict[str, Any], sent: asyncio.Queue[dict[str, Any]]) -> None:
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self._sent = sent

    async def frame(self) -> dict[str, str]:
        """Return the next event's fields; heartbeats are ``{"comment": ...}``."""
        while True:
            message = await asyncio.wait_for(self._sent.get(), 5)
            text = message.get("body", b"").decode().strip()
            if text and not text.startswith("retry"):
                return dict(_field(line) for line in text.split("\n"))


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ") if not line.startswith(":") else ("comment", "", line)
    return name, value


async def _event(reader: _Reader) -> dict[str, str]:
    while True:
        frame = await reader.frame()
        if "comment" not in frame:
            return frame


async def test_sends_what_was_and_then_what_happens(world: World) -> None:
    world.feed(ticket_view())
    world.feed(quote())
    async with _stream(world) as reader:
        assert reader.status == 200
        assert reader.headers["content-type"].startswith("text/event-stream")
        first = await _event(reader)
        assert first["event"] == "noizylab.quote.prepared.v1"
        assert "expected_profit_cents" not in first["data"]
        world.feed(_move())
        second = await _event(reader)
        assert orjson.loads(second["data"])["summary"] == "Ticket went from received to triage (r)."
        assert second["id"] == "quotes.events.v1-0-0,tickets.events.v1-0-0"
    assert world.views.timelines.subscriptions == 0


async def test_sends_heartbeats_while_nothing_happens(tmp_path: Path) -> None:
    world = World(tmp_path, policy=QUICK)
    world.feed(ticket_view())
    async with _stream(world) as reader:
        assert "comment" in await reader.frame()


async def test_resumes_after_the_last_event_the_reader_has(world: World) -> None:
    world.feed(ticket_view())
    world.feed(quote())
    world.feed(_move("triage"))
    world.feed(_move("diagnosing"))
    async with _stream(world, **{"last-event-id": "quotes.events.v1-0-0,tickets.events.v1-0-0"}) as reader:
        assert "to diagnosing" in (await _event(reader))["data"]
        world.feed(_move("quoted"))
        assert "to quoted" in (await _event(reader))["data"]


@pytest.mark.parametrize("cursor", ["nonsense", "a-b-c", "tickets.events.v1-0-x", "1-2", "t-0-²"])
async def test_refuses_a_cursor_that_is_not_ours(world: World, cursor: str) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        headers = {"Last-Event-ID": cursor.encode()}
        body = problem(await client.get(f"/v1/tickets/{TICKET}/events", headers=headers), 422, "validation")  # type: ignore[arg-type]  # typed for more than is given here
        assert body["errors"][0]["field"] == "Last-Event-ID"
        problem(await client.get("/v1/tickets/T-9999/events"), 404, "not_found")


async def test_opens_no_more_streams_than_allowed(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(streams_max=1))
    world.feed(ticket_view())
    async with _stream(world), world.client("tickets:read") as client:
        problem(await client.get(f"/v1/tickets/{TICKET}/events"), 503, "busy")


async def test_cuts_off_a_reader_that_is_too_slow_without_losing_what_it_resumes_from(world: World) -> None:
    timelines = world.views.timelines
    stream = event_stream(timelines, TICKET, {}, (), queue_max=2, heartbeat_s=5)
    assert await anext(stream) == b"retry: 2000\n\n"
    for number in range(5):
        world.feed(_move(), at=NOW + timedelta(seconds=number))
    # The first look back already saw all five; live ones beyond the queue's two mark the reader as lost.
    frames = [frame async for frame in stream]
    assert frames[-1].startswith(b'event: error\ndata: {"code":"too_slow"')
    assert timelines.subscriptions == 0
    last_id = next(line for line in frames[-2].decode().split("\n") if line.startswith("id: "))[4:]
    resumed = event_stream(timelines, TICKET, read_cursor(last_id), (), queue_max=9, heartbeat_s=0.001)
    rest = [await anext(resumed) for _ in range(2)]
    assert rest[1] == b": still here\n\n"
    await resumed.aclose()  # type: ignore[attr-defined]  # of the kinds that are sent here


def test_a_cursor_survives_writing_and_reading() -> None:
    cursor = {("tickets.events.v1", 3): 17, ("inventory.events.v1", 0): 0}
    assert write_cursor(cursor) == "inventory.events.v1-0-0,tickets.events.v1-3-17"
    assert read_cursor(write_cursor(cursor)) == cursor
    assert read_cursor("") == {}
    with pytest.raises(CursorError, match="topic-partition-offset"):
        read_cursor("x")
