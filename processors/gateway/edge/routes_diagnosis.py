"""What the brain said of a ticket, on paper, and how far it can be believed."""

import asyncio
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from processors.gateway.edge.calibration_svg import calibration_svg
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.diagnosis_report import as_markdown, diagnosis_report
from processors.gateway.edge.problems import Problem, away
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from schemas.diagnoses import DiagnosisView
from schemas.tickets import TicketView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.tickets import TICKET_VIEWS

router = APIRouter(prefix="/v1", tags=["diagnoses"])


@router.get("/tickets/{ticket_id}/diagnosis/report")
async def get_report(
    request: Request,
    ticket_id: TicketPath,
    _: Reader,
    format: Annotated[Literal["md", "pdf"], Query()] = "pdf",  # noqa: A002 - the name in the address
) -> Response:
    """Return the newest diagnosis of a ticket with its evidence, the next measurement and the plan."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    view = edge.deps.views.view(DIAGNOSIS_VIEWS, ticket_id, DiagnosisView)
    shop, base = edge.deps.shop_name, edge.deps.signer.base_url
    report = None if view is None else diagnosis_report(ticket, view, shop, base)
    if report is None:
        raise Problem(404, "not_found", f"{ticket_id} has no diagnosis yet; it gets one when it moves to diagnosing")
    if format == "md":
        return Response(as_markdown(report), media_type="text/markdown; charset=utf-8")
    from processors.gateway.edge.diagnosis_pdf import diagnosis_pdf

    return Response(await asyncio.to_thread(diagnosis_pdf, report), media_type="application/pdf")


@router.get("/brain/calibration")
async def get_calibration(
    request: Request,
    _: Reader,
    format: Annotated[Literal["json", "svg"], Query()] = "json",  # noqa: A002 - the name in the address
) -> Response:
    """Return how often the brain was right when it was so sure: of all, by model version, by family, and as a diagram.

    What was so is what technicians named (``fault_family`` in the evidence of a move).
    """
    edge = edge_of(request)
    if edge.deps.brain_calibration is None:
        raise away("this gateway does not judge diagnoses; ask one that does")
    views = edge.deps.views
    pairs = (
        (ticket, diagnosis)
        for diagnosis in views.views(DIAGNOSIS_VIEWS, DiagnosisView)
        if (ticket := views.view(TICKET_VIEWS, diagnosis.ticket_id, TicketView)) is not None
    )
    found = edge.deps.brain_calibration(pairs)
    if format == "svg":
        return Response(calibration_svg(found), media_type="image/svg+xml")
    return Response(orjson.dumps(found), media_type="application/json")
