"""A ticket diagnosed once more, with everything that is known of it by now."""

from collections.abc import Sequence
from dataclasses import dataclass

from processors.gateway.bench import board_readings, known_readings, measurement_of
from processors.gateway.edge.deps import Edge
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.routes_schematics import board_diagnosis
from processors.gateway.edge.ticket_requests import made
from schemas.design_answers import DesignDiagnosis
from schemas.diagnoses import DiagnoseFault, DiagnosisView, Reading
from schemas.inspections import InspectionView
from schemas.schematics import DesignView, design_id
from schemas.suspects import BoardComplaint, BoardSuspect
from schemas.tickets import TicketView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.inspections import INSPECTION_VIEWS
from topics.schematics import DESIGN_VIEWS


@dataclass(frozen=True, slots=True)
class OnTheBoard:
    """What the stored design says to the readings; ``found`` None: nothing, and ``note`` says why and what to do."""

    found: DesignDiagnosis | None = None
    note: str = ""


async def question_of(
    edge: Edge, ticket: TicketView, readings: Sequence[Reading], complaint: BoardComplaint
) -> tuple[DiagnoseFault, OnTheBoard]:
    """Return the command that asks again, and what the board's design said. The device's history the brain knows.

    Suspects go with it only where a reading or the complaint told of the board: without either they are no more than
    how common faults are on any board.

    Raises:
        Problem: 404 for a part of the complaint that the board does not have, 422 for more readings than a ticket
            holds, 503 while the board is being worked through.
    """
    views, ticket_id = edge.deps.views, ticket.ticket_id
    known = known_readings(views.view(DIAGNOSIS_VIEWS, ticket_id, DiagnosisView), readings)
    board = await _on_the_board(edge, ticket, known, complaint)
    seen = views.view(INSPECTION_VIEWS, ticket_id, InspectionView)
    command = made(
        DiagnoseFault,
        ticket_id=ticket_id,
        workspace_id=ticket.workspace_id,
        device=ticket.device,
        complaint=ticket.complaint,
        findings=seen.inspected.findings if seen is not None and seen.inspected is not None else (),
        photos=ticket.photos,
        readings=known,
        suspects=_suspects(board.found, complaint),
        board_measurement=_asked(board.found),
    )
    return command, board


def _suspects(found: DesignDiagnosis | None, complaint: BoardComplaint) -> tuple[BoardSuspect, ...]:
    told = found is not None and (found.used or complaint.symptom or complaint.fails or complaint.works)
    return found.suspects if found is not None and told else ()


def _asked(found: DesignDiagnosis | None) -> object:
    asked = None if found is None else found.next_measurement
    return None if asked is None else measurement_of(asked)


async def _on_the_board(
    edge: Edge, ticket: TicketView, readings: Sequence[Reading], complaint: BoardComplaint
) -> OnTheBoard:
    model, book = ticket.device.board_model, edge.deps.designs
    if model is None:
        return OnTheBoard(
            note="the device names no board; PATCH the ticket's device.board_model to have its design asked"
        )
    if book is None:
        return OnTheBoard(note="this gateway opens no designs; ask one that does")
    view = edge.deps.views.view(DESIGN_VIEWS, design_id(ticket.workspace_id, model), DesignView)
    if view is None or view.analysed is None:
        return OnTheBoard(note=f"no design of {model} is stored; PUT /v1/schematics/{model} takes its files")
    try:
        found = await board_diagnosis(book, view.analysed.index, board_readings(readings), complaint, lenient=True)
    except Problem as problem:
        if problem.code not in {"index_gone", "not_diagnosed"}:
            raise
        return OnTheBoard(note=str(problem.detail))
    return OnTheBoard(found)
