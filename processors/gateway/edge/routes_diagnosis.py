"""What the brain said of a ticket, on paper, and how far it can be believed; and asking it again with readings."""

import asyncio
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.calibration_svg import calibration_svg
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.diagnosis_report import as_markdown, diagnosis_report
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Problem, away
from processors.gateway.edge.rediagnosis import question_of
from processors.gateway.edge.routes_schematics import Symptoms
from processors.gateway.edge.routes_ticket_writes import Writer
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.ticket_requests import check_open
from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, DiagnosisView, FaultDiagnosed, Reading
from schemas.tickets import TicketView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.tickets import TICKET_VIEWS

router = APIRouter(prefix="/v1", tags=["diagnoses"])


class NewReading(Reading):
    """A reading, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(BaseModel):
    """What was measured since, and what fails and works on the board. Earlier readings stay known.

    A reading on a board says where: a net (``+3V3``), two (``+5V to +3V3``), or a part on one net beside ground; what a
    meter shows as OL is written as 40 Mohm, or 2 V of a diode. One of a bench test is called by that test's words.
    """

    model_config = ConfigDict(extra="forbid")

    readings: list[NewReading] = Field(default=[], max_length=200)
    complaint: Symptoms = Symptoms()


@router.post("/tickets/{ticket_id}/diagnosis")
async def diagnose_again(
    request: Request,
    ticket_id: TicketPath,
    body: Measured,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have a ticket diagnosed with all that is known by now: readings, findings, its board's design, its history."""
    edge, key = edge_of(request), idempotency_key
    ticket = existing_ticket(edge, ticket_id)
    check_open(edge, ticket_id)
    command, board = await question_of(edge, ticket, body.readings, body.complaint)
    given = stable_id(principal.caller, DiagnoseFault.TYPE, ticket_id, key) if key else new_id()
    outcome = await edge.commands.ask(
        command,
        correlation_id=ticket_id,
        caller=principal.caller,
        answers=(FaultDiagnosed, DiagnosisAbstained),
        id=given,
    )
    location = f"/v1/tickets/{ticket_id}"
    answer: dict[str, Any] = {
        "ticket_id": ticket_id,
        "links": {"ticket": location},
        "status": "accepted" if outcome is None else "done",
        "board": None if board.found is None else board.found.model_dump(mode="json"),
        "note": board.note,
    }
    if outcome is None:
        return _json(answer, 202, f"{location}/timeline")
    await edge.deps.views.settled(DIAGNOSIS_VIEWS, ticket_id, given, edge.deps.policy.outcome_wait_s)
    return _json({**answer, "event": orjson.loads(outcome.event.to_json())}, 200, location)


def _json(body: dict[str, Any], status: int, location: str) -> Response:
    return Response(orjson.dumps(body), status, {"Location": location}, "application/json")


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
