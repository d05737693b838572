"""The board: what lies where, how much and for how long."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from processors.gateway.board import board
from processors.gateway.edge.cache import Page
from processors.gateway.edge.conditional import CACHE_CONTROL, etag_of, matches
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.routes_lists import Reader, rows_of, this_minute

router = APIRouter(prefix="/v1", tags=["tickets"])

CARDS_MAX = 50
CARD_FIELDS = (
    "ticket_id", "number", "state", "hold", "outcome", "device", "technician", "bench", "opened_at", "moved_at",
    "quote_total_cents", "version",
)  # fmt: skip
"""What stands on a card; those that a ticket does not have are left out."""


@router.get("/board")
async def get_board(
    request: Request, principal: Reader, cards: Annotated[int, Query(ge=0, le=CARDS_MAX)] = 10
) -> Response:
    """Return the buckets of open tickets with the oldest ``cards`` of each, and a lane for each who works on some."""
    edge = edge_of(request)
    now = this_minute(edge)
    index = edge.deps.views.tickets
    version = index.version(principal.workspace_id)
    asked = ("board", version, principal.workspace_id, *sorted(principal.scopes), str(cards), now.isoformat())
    etag = etag_of("/".join(asked).encode())
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    page = edge.pages.get(etag)
    if page is None:
        body: dict[str, Any] = board(index, principal.workspace_id, now, cards=cards)
        for bucket in body["buckets"]:
            bucket["cards"] = list(rows_of(edge, bucket["cards"], principal.scopes, CARD_FIELDS))
        page = Page(orjson.dumps(body))
        edge.pages.put(etag, page)
    return Response(page.body, 200, headers, "application/json")
