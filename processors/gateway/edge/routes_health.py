"""Whether the process lives, and whether it may be given requests."""

import orjson
from fastapi import APIRouter, Request, Response

from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.problems import away

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Response:
    """Return 200 while the event loop turns."""
    return Response(orjson.dumps({"status": "alive"}), media_type="application/json")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Return 200 once the views hold what was in the log when the process started, 503 before."""
    views = edge_of(request).deps.views
    if not views.ready:
        raise away(f"the views are not caught up: {views.failure or 'reading'}")
    return Response(orjson.dumps({"status": "ready", "unreadable": views.unreadable}), media_type="application/json")
