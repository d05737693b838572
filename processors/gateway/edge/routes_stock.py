"""Stock: what is on the shelves, and parts that came in."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of, whole_edge
from processors.gateway.edge.problems import Problem
from processors.gateway.tenancy import workspace_of_location
from schemas.core.ids import LocationId, Sku
from schemas.inventory import ReceiveStock, StockReceived, StockView
from topics.inventory import INVENTORY_VIEWS

router = APIRouter(prefix="/v1/stock", tags=["stock"])


class Receipt(ReceiveStock):
    """Parts that came in. The same ``receipt_id`` and part are booked once."""

    model_config = ConfigDict(extra="forbid")


@router.get("")
async def list_stock(
    request: Request,
    _: Annotated[Principal, Depends(Needs("inventory:read"))],
    location_id: Annotated[LocationId | None, Query()] = None,
    sku: Annotated[Sku | None, Query()] = None,
) -> Response:
    """Return the counts of parts, in the order of location and part."""
    found = [
        stock
        for stock in edge_of(request).deps.views.views(INVENTORY_VIEWS, StockView)
        if location_id in (None, stock.location_id) and sku in (None, stock.sku)
    ]
    found.sort(key=lambda stock: (stock.location_id, stock.sku))
    body = {"stock": [stock.model_dump(mode="json", exclude={"receipts"}) for stock in found]}
    return Response(orjson.dumps(body), media_type="application/json")


@router.post("/receipts", status_code=201)
async def receive(
    request: Request, receipt: Receipt, principal: Annotated[Principal, Depends(Needs("inventory:write"))]
) -> Response:
    """Book parts in: 201 when they are booked, 202 when the answer takes too long."""
    edge = edge_of(request)
    if workspace_of_location(whole_edge(request).deps.views, receipt.location_id) != principal.workspace_id:
        raise Problem(
            404, "not_found", f"there is no location {receipt.location_id} here; begin it with your workspace"
        )
    command = ReceiveStock.model_validate(receipt.model_dump())
    outcome = await edge.commands.ask(
        command,
        correlation_id=f"receipt/{new_id()}",
        caller=principal.caller,
        answers=(StockReceived,),
        id=stable_id(principal.caller, "receive", command.location_id, command.receipt_id, command.sku),
    )
    if outcome is None:
        return Response(orjson.dumps({"status": "accepted"}), 202, media_type="application/json")
    return Response(outcome.event.to_json(), 201, media_type="application/json")
