"""The service clocks of a ticket."""

from fastapi import APIRouter, Request, Response

from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.problems import Problem, away
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from schemas.sla import ClocksReport, ClocksView
from topics.clocks import CLOCK_VIEWS

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])


@router.get("/{ticket_id}/clocks", response_model=ClocksReport)
async def get_clocks(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return how long each part of a repair has taken and may take, and whose time it was."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    measure = edge.deps.clock_report
    if measure is None:
        raise away("this gateway does not know the shop's targets and hours; ask one that does")
    view = edge.deps.views.view(CLOCK_VIEWS, ticket_id, ClocksView)
    if view is None:
        raise Problem(404, "not_found", f"the clocks of {ticket_id} have not begun; those of a new one take a moment")
    return Response(measure(view, edge.deps.clock.now()).model_dump_json(), media_type="application/json")
