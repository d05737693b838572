"""Changed figures as server-sent events, for a dashboard that stays open."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from connectors.clickhouse.port import Warehouse
from processors.gateway.access.roles import runs_the_house
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.flight import flight_of
from processors.gateway.edge.live import Rights
from processors.gateway.edge.problems import Fault, away, invalid
from processors.gateway.edge.routes_reports import Reader
from processors.gateway.edge.tiles import Look, read_tile_cursor, tile_frames

router = APIRouter(prefix="/v1/analytics", tags=["figures"])


@router.get("/tiles")
async def follow_tiles(
    request: Request,
    principal: Reader,
    names: Annotated[str, Query(max_length=4096, description="Figures, joined with commas; empty: all.")] = "",
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", max_length=4096)] = "",
) -> StreamingResponse:
    """Stream the named figures, each when it has changed; after ``Last-Event-ID`` only those that differ since."""
    edge = edge_of(request)
    house = runs_the_house(principal.workspace_id, principal.scopes)
    open_to = {name: one for name, one in edge.deps.reports.items() if house or not one.whole_house}
    chosen = list(dict.fromkeys(filter(None, (name.strip() for name in names.split(","))))) or list(open_to)
    for name in chosen:
        if name not in open_to:
            known = ", ".join(open_to)
            raise invalid([Fault("names", "unknown", f"{name[:80]!r} is no figure that you may see; {known} are")])
    if edge.deps.warehouse is None:
        raise away("no analytics warehouse is connected to this server")
    flight_of(request).become(edge.streams)
    look = Look(principal.workspace_id, {name: open_to[name] for name in chosen}, Rights(edge, principal))
    stream = _texts(edge, edge.deps.warehouse, look, read_tile_cursor(last_event_id, chosen))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _texts(edge: Edge, warehouse: Warehouse, look: Look, digests: list[str]) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    with edge.walls.wall(look.workspace_id, warehouse) as wall:
        async for frame in tile_frames(edge.deps.views.feed, wall, look, digests, edge.deps.policy):
            yield frame.text
