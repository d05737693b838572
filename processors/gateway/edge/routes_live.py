"""The events of the whole workspace as they happen, by WebSocket and as server-sent events."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Final, get_args

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

from connectors.errors import ConnectorError, Transient
from processors.gateway.edge.auth import Needs, Principal, authenticate, principal_named
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.flight import Flight, flight_of
from processors.gateway.edge.live import (
    TRY_AGAIN_LATER,
    Encode,
    Frame,
    Reader,
    Rights,
    for_socket,
    for_stream,
    frames,
)
from processors.gateway.edge.problems import Fault, Problem, away, invalid, problem_response
from processors.gateway.edge.sealed_texts import open_json
from processors.gateway.edge.socket_tickets import check_origin, refused
from processors.gateway.feed import Wanted
from processors.gateway.timeline import Cursor, CursorError, read_cursor
from schemas.tickets import TicketState
from topics.registry import EVENTS

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/live", tags=["live"])

Listener = Annotated[Principal, Depends(Needs("tickets:read"))]
_TYPES: Final = frozenset(message.TYPE for topic in EVENTS for message in topic.carries)
_STATES: Final = frozenset(get_args(TicketState))
_UNSUPPORTED: Final = 1003


@router.post("/tickets", status_code=201)
async def give_ticket(request: Request, principal: Listener) -> Response:
    """Give a ticket with which a page of this origin opens one socket within half a minute."""
    edge = edge_of(request)
    origin = check_origin(request, edge.deps.cors_origins)
    ticket = edge.socket_tickets.issue(principal.caller, origin, now=edge.deps.clock.now())
    body = {"ticket": ticket, "expires_in_s": edge.deps.policy.socket_ticket_s}
    return Response(orjson.dumps(body), 201, media_type="application/json")


@router.get("/events")
async def follow(
    request: Request,
    principal: Listener,
    types: Annotated[str, Query(max_length=4096, description="Only these message types, joined with commas.")] = "",
    tickets: Annotated[str, Query(max_length=4096, description="Only these tickets, joined with commas.")] = "",
    states: Annotated[str, Query(max_length=1024, description="Only of tickets in these states.")] = "",
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", max_length=4096)] = "",
) -> StreamingResponse:
    """Stream the events of the workspace: those after ``Last-Event-ID``, then live ones."""
    edge = edge_of(request)
    cursor = _cursor(last_event_id, "Last-Event-ID")
    reader = _reader(edge, principal, for_stream, types, tickets, states)
    flight_of(request).become(edge.streams)
    stream = _texts(frames(edge.deps.views.feed, reader, cursor, edge.deps.policy))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _texts(stream: AsyncIterator[Frame]) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    async for frame in stream:
        yield frame.text


@router.websocket("")
async def listen(
    websocket: WebSocket, types: str = "", tickets: str = "", states: str = "", after: str = "", ticket: str = ""
) -> None:
    """Open a socket that sends the events of the workspace; everything is checked before it is accepted."""
    edge = edge_of(websocket)
    flight: Flight | None = None
    try:
        principal = await _caller(websocket, edge, ticket)
        principal.require("tickets:read")
        cursor = _cursor(after, "after")
        reader = _reader(edge, principal, for_socket, types, tickets, states)
        flight = edge.streams.enter()
        flight.hold(str(principal.caller))
        await websocket.accept()
        await _serve(websocket, edge, reader, frames(edge.deps.views.feed, reader, cursor, edge.deps.policy))
    except Problem as problem:
        await websocket.send_denial_response(problem_response(problem, websocket.url.path))
    except Transient as error:
        await websocket.send_denial_response(problem_response(away(str(error)), websocket.url.path))
    finally:
        if flight is not None:
            flight.end()


async def _caller(websocket: WebSocket, edge: Edge, text: str) -> Principal:
    """Return who opens a socket: a program by its key, a page by its one-time ticket."""
    origin = check_origin(websocket, edge.deps.cors_origins)
    if not text:
        return await authenticate(websocket, edge)
    ticket = edge.socket_tickets.read(text, origin, now=edge.deps.clock.now())
    principal = principal_named(edge, ticket.caller)
    if principal is None:
        raise refused("whom the ticket was given to has no right any more")
    await edge.limits.key(principal.caller.id, principal.per_minute)
    if not await edge.claims.once("socket-ticket", ticket.nonce):
        raise refused("the ticket was used before")
    return principal


async def _serve(websocket: WebSocket, edge: Edge, reader: Reader, stream: Any) -> None:
    """Send until the reader goes, says something, or the stream ends."""
    sending = asyncio.create_task(_send(websocket, edge, reader, stream))
    hearing = asyncio.create_task(websocket.receive())
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done() and hearing.done() and hearing.result()["type"] == "websocket.receive":
            await websocket.close(_UNSUPPORTED, "this socket only sends; close it and open another with other filters")
    finally:
        sending.cancel()
        hearing.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send(websocket: WebSocket, edge: Edge, reader: Reader, stream: Any) -> None:
    deps = edge.deps
    try:
        async with aclosing(stream):
            async for frame in stream:
                text = await open_json(deps.vault, frame.text.encode(), deps.views, reader.wanted.workspace_id)
                async with asyncio.timeout(deps.policy.stall_s):
                    await websocket.send_text(text.decode())
                    if frame.close is not None:
                        await websocket.close(frame.close)
    except ConnectorError as error:
        log.warning("a live reader is sent away, its event cannot be opened: %s", error)
        await websocket.close(TRY_AGAIN_LATER, "what people wrote cannot be read now; go on from the last id you have")
    except (TimeoutError, WebSocketDisconnect):
        return  # it takes nothing, so it cannot be told either; the server closes the connection


def _cursor(text: str, field: str) -> Cursor | None:
    try:
        return read_cursor(text) if text else None
    except CursorError as error:
        raise invalid([Fault(field, "cursor", str(error))]) from error


def _reader(edge: Edge, principal: Principal, encode: Encode, types: str, tickets: str, states: str) -> Reader:
    wanted = Wanted(
        principal.workspace_id,
        _names("types", types, _TYPES),
        frozenset(_split(tickets)),
        _names("states", states, _STATES),
    )
    return Reader(wanted, frozenset(principal.scopes), Rights(edge, principal), encode)


def _names(field: str, text: str, known: frozenset[str]) -> frozenset[str]:
    names = frozenset(_split(text))
    unknown = sorted(names - known)
    if unknown:
        raise invalid([Fault(field, "unknown", f"{unknown[0][:80]!r} is none of {', '.join(sorted(known))}")])
    return names


def _split(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split(",")) if name]
