"""A ticket's events as they happen (server-sent events), with resume."""

from collections.abc import AsyncIterator, Collection
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.flight import flight_of
from processors.gateway.edge.live import Rights
from processors.gateway.edge.problems import Fault, invalid
from processors.gateway.edge.routes_tickets import TicketPath, existing_ticket
from processors.gateway.present import event_json
from processors.gateway.timeline import (
    Cursor,
    CursorError,
    Entry,
    Position,
    Subscription,
    Timelines,
    read_cursor,
    write_cursor,
)

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])


@router.get("/{ticket_id}/events")
async def follow(
    request: Request,
    ticket_id: TicketPath,
    principal: Annotated[Principal, Depends(Needs("tickets:read"))],
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", max_length=4096)] = "",
) -> StreamingResponse:
    """Stream a ticket's events: those after ``Last-Event-ID`` (all that are held, without it), then live ones."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    try:
        cursor = read_cursor(last_event_id)
    except CursorError as error:
        raise invalid([Fault("Last-Event-ID", "cursor", str(error))]) from error
    flight_of(request).become(edge.streams)
    policy = edge.deps.policy
    stream = event_stream(
        edge.deps.views.timelines,
        ticket_id,
        cursor,
        principal.scopes,
        queue_max=policy.stream_queue_max,
        heartbeat_s=policy.heartbeat_s,
        rights=Rights(edge, principal),
    )
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def event_stream(
    timelines: Timelines,
    ticket_id: str,
    cursor: Cursor,
    scopes: Collection[str],
    *,
    queue_max: int,
    heartbeat_s: float,
    rights: Rights | None = None,
) -> AsyncIterator[bytes]:
    """Yield the stream. It ends when its reader goes, is too slow, or may not read any more."""
    seen = dict(cursor)
    subscription = timelines.subscribe(ticket_id, queue_max)
    try:
        yield b"retry: 2000\n\n"
        # The subscription began before this look back, so nothing falls between; the cursor drops what is in both.
        for entry in list(timelines.after(ticket_id, seen)):
            yield _frame(entry, seen, scopes)
        async for frame in _live(subscription, seen, scopes, heartbeat_s, rights):
            yield frame
    finally:
        timelines.unsubscribe(ticket_id, subscription)


async def _live(
    subscription: Subscription[Entry],
    seen: dict[Position, int],
    scopes: Collection[str],
    heartbeat_s: float,
    rights: Rights | None,
) -> AsyncIterator[bytes]:
    while True:
        if rights is not None and rights.ended():
            yield _error("unauthorized", "your right to listen has ended")
            return
        if subscription.lost:
            yield _error("too_slow", "you read more slowly than events came; connect again with the last id")
            return
        entry = subscription.take()
        if entry is None:
            if not await subscription.wait(heartbeat_s if rights is None else min(heartbeat_s, rights.wait_s)):
                yield b": still here\n\n"
        elif entry.offset > seen.get((entry.topic, entry.partition), -1):
            yield _frame(entry, seen, scopes)


def _error(code: str, detail: str) -> bytes:
    return b"event: error\ndata: " + orjson.dumps({"code": code, "detail": detail}) + b"\n\n"


def _frame(entry: Entry, seen: dict[Position, int], scopes: Collection[str]) -> bytes:
    position = (entry.topic, entry.partition)
    seen[position] = max(entry.offset, seen.get(position, -1))
    data = orjson.dumps(event_json(entry, scopes))
    return f"id: {write_cursor(seen)}\nevent: {entry.envelope.type}\ndata: ".encode() + data + b"\n\n"
