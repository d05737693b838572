"""Design files of boards: places to put them, their analysis, and questions about what is in them.

Files go to signed addresses and stay in the object store, each under its workspace; nothing is fetched. What was
analysed is kept as an index there, which this edge opens and keeps while it is asked about.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.clock.clock import new_id
from connectors.errors import Permanent
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.design_book import DesignBook
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Fault, Problem, away, invalid
from processors.gateway.edge.routes_tickets import Reader
from schemas.core.blob_ref import BlobRef
from schemas.core.ids import BoardModel, WorkspaceId
from schemas.core.message import Value
from schemas.core.text import ShortText
from schemas.design_answers import BoardSide, DesignDiagnosis
from schemas.schematics import (
    FILES_MOST,
    AnalyseDesign,
    DesignAnalysed,
    DesignFile,
    DesignRefused,
    DesignRemoved,
    DesignView,
    FileName,
    RemoveDesign,
    design_id,
)
from schemas.suspects import BoardComplaint, BoardReading
from topics.schematics import DESIGN_VIEWS

router = APIRouter(prefix="/v1/schematics", tags=["schematics"])

Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
Board = Annotated[BoardModel, Path()]
Side = Annotated[BoardSide, Query(description="Which side is meant, as seen from above it.")]
Names = Annotated[list[ShortText] | None, Query(max_length=50)]
BUCKET = "designs"
MEDIA_TYPE = "application/octet-stream"
FILE_MAX_BYTES = 256 * 1024 * 1024
"""Of one file; more is no board, and what reads them takes no more in all."""
_GOOD_FOR = timedelta(hours=1)
A = TypeVar("A")


class Upload(BaseModel):
    """The files that are to be uploaded, by their paths within the project, so that sheets find each other."""

    model_config = ConfigDict(extra="forbid")

    names: list[FileName] = Field(min_length=1, max_length=FILES_MOST)


class Project(BaseModel):
    """The uploaded files of one board: its root sheet with the others, its board, a PDF, readings."""

    model_config = ConfigDict(extra="forbid")

    files: list[DesignFile] = Field(min_length=1, max_length=FILES_MOST)

    @field_validator("files")
    @classmethod
    def _each_once(cls, files: list[DesignFile]) -> list[DesignFile]:
        twice = [name for name, count in Counter(file.name for file in files).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]} is given twice; give each file once, by its path within the project")
        return files


class BenchReading(BoardReading):
    """A reading, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Symptoms(BoardComplaint):
    """What is known before the first reading, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bench(BaseModel):
    """What was measured on the board, and what fails and works."""

    model_config = ConfigDict(extra="forbid")

    readings: list[BenchReading] = Field(default=[], max_length=200)
    complaint: Symptoms = Symptoms()


@router.post("/uploads", status_code=201)
async def upload(request: Request, form: Upload, principal: Writer, _key: IdempotencyKey = None) -> Response:
    """Return an address for each file of a project, which takes it once with PUT."""
    edge = edge_of(request)
    folder = f"{_folder(principal.workspace_id)}{new_id()}"
    addresses = [
        await edge.deps.blobs.presign_put(
            BUCKET, f"{folder}/{number}", MEDIA_TYPE, max_bytes=FILE_MAX_BYTES, expires_in=_GOOD_FOR
        )
        for number, _ in enumerate(form.names)
    ]
    body = {
        "uploads": [
            {"name": name, "url": url, "media_type": MEDIA_TYPE}
            for name, url in zip(form.names, addresses, strict=True)
        ],
        "max_bytes": FILE_MAX_BYTES,
        "expires_at": (edge.deps.clock.now() + _GOOD_FOR).isoformat().replace("+00:00", "Z"),
    }
    return _json(body, 201)


@router.get("")
async def list_designs(request: Request, _: Reader) -> Response:
    """Return the boards that files were given for, by name."""
    views = sorted(edge_of(request).deps.views.views(DESIGN_VIEWS, DesignView), key=lambda one: one.board_model)
    return _json({"designs": [_listed(view) for view in views if view.removed is None]})


@router.put("/{board}")
async def analyse(
    request: Request, board: Board, form: Project, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Read uploaded files into one design of a board, instead of what is known of it. 202 where that takes longer."""
    edge, key = edge_of(request), idempotency_key
    await asyncio.gather(*(_check_uploaded(edge, principal.workspace_id, file.blob) for file in form.files))
    whose = design_id(principal.workspace_id, board)
    command = AnalyseDesign(
        design_id=whose, workspace_id=principal.workspace_id, board_model=board, files=tuple(form.files)
    )
    outcome = await edge.commands.ask(
        command,
        correlation_id=whose,
        caller=principal.caller,
        answers=(DesignAnalysed, DesignRefused),
        id=stable_id(principal.caller, "design", whose, key) if key else None,
    )
    if outcome is None:
        return _json({"status": "accepted"}, 202, {"Location": f"/v1/schematics/{board}"})
    event = outcome.event
    if isinstance(event, DesignRefused):
        raise Problem(422, "design_refused", event.detail, reason=event.reason, file=event.file, line=event.line)
    if outcome.envelope.causation_id is not None:
        wait_s = edge.deps.policy.outcome_wait_s
        await edge.deps.views.settled(DESIGN_VIEWS, whose, outcome.envelope.causation_id, wait_s)
    return Response(event.to_json(), media_type="application/json")


@router.get("/{board}")
async def get_design(request: Request, board: Board, principal: Reader) -> Response:
    """Return what was found in a board's files, and why newer ones were refused, if they were."""
    return Response(_view(edge_of(request), principal, board).to_json(), media_type="application/json")


@router.delete("/{board}")
async def remove(request: Request, board: Board, principal: Writer, idempotency_key: IdempotencyKey = None) -> Response:
    """Forget a board's design. Its files go with the next sweep of the object store, unless something else needs them.

    Done twice it is the same as once. 202 where it takes longer.
    """
    edge, key, whose = edge_of(request), idempotency_key, design_id(principal.workspace_id, board)
    if edge.deps.views.view(DESIGN_VIEWS, whose, DesignView) is None:
        raise _no_design(board)
    command_id = stable_id(principal.caller, RemoveDesign.TYPE, whose, key) if key else new_id()
    outcome = await edge.commands.ask(
        RemoveDesign(design_id=whose, workspace_id=principal.workspace_id, board_model=board),
        correlation_id=whose,
        caller=principal.caller,
        answers=(DesignRemoved,),
        id=command_id,
    )
    if outcome is None:
        return _json({"status": "accepted"}, 202, {"Location": f"/v1/schematics/{board}"})
    await edge.deps.views.settled(DESIGN_VIEWS, whose, command_id, edge.deps.policy.outcome_wait_s)
    return Response(outcome.event.to_json(), media_type="application/json")


@router.get("/{board}/parts/{ref}")
async def get_part(request: Request, board: Board, ref: Annotated[ShortText, Path()], principal: Reader) -> Response:
    """Return a part: value, datasheet, fields, place, and the net of each pin."""
    book, index = _design(request, principal, board)
    return _value(await _answered(book.part(index, ref)))


@router.get("/{board}/nets")
async def get_net(
    request: Request,
    board: Board,
    principal: Reader,
    name: Annotated[ShortText, Query(description="Needed. Its sheet may be left out where one net ends so.")] = "",
    hops: Annotated[int, Query(ge=0, le=9, description="Series parts to look behind.")] = 2,
) -> Response:
    """Return a net: its pins, where to touch it, known readings, and the nets behind its series parts."""
    book, index = _design(request, principal, board)
    return _value(await _answered(book.net(index, _needed("name", name), hops)))


@router.get("/{board}/path")
async def get_path(
    request: Request,
    board: Board,
    principal: Reader,
    start: Annotated[ShortText, Query(description="Needed. A part.")] = "",
    end: Annotated[ShortText, Query(description="Needed. Another part.")] = "",
) -> Response:
    """Return the way with the fewest parts between two parts, not through ground."""
    book, index = _design(request, principal, board)
    return _value(await _answered(book.path(index, _needed("start", start), _needed("end", end))))


@router.get("/{board}/rails")
async def get_rails(request: Request, board: Board, principal: Reader) -> Response:
    """Return the supply rails, what makes them, and how they hang together."""
    book, index = _design(request, principal, board)
    return _value(await _answered(book.rails(index)))


@router.get("/{board}/buses")
async def get_buses(request: Request, board: Board, principal: Reader) -> Response:
    """Return the serial buses, who is on them, and which pull-ups were seen."""
    book, index = _design(request, principal, board)
    return _value(await _answered(book.buses(index)))


@router.get("/{board}/overlay")
async def get_overlay(
    request: Request, board: Board, principal: Reader, side: Side = "both", part: Names = None, net: Names = None
) -> Response:
    """Return places in millimetres: the board's edge, parts with their pads and pin 1, the pads of nets.

    All parts of the side where neither parts nor nets are named.
    """
    book, index = _design(request, principal, board)
    return _value(await _answered(book.overlay(index, side, part or (), net or ())))


@router.get("/{board}/svg")
async def get_drawing(
    request: Request,
    board: Board,
    principal: Reader,
    side: Annotated[Literal["top", "bottom"], Query(description="The bottom is drawn as seen from below.")] = "top",
    part: Annotated[ShortText, Query(description="A part that stands out.")] = "",
    net: Annotated[ShortText, Query(description="A net whose pads stand out.")] = "",
) -> Response:
    """Return a drawing of a side of the board."""
    book, index = _design(request, principal, board)
    return Response(await _answered(book.svg(index, side, part, net)), media_type="image/svg+xml")


@router.post("/{board}/diagnosis")
async def diagnose_board(request: Request, board: Board, bench: Bench, principal: Reader) -> Response:
    """Return what readings and a complaint point at, likeliest first, and what to measure next. Nothing is kept."""
    book, index = _design(request, principal, board)
    return _value(await board_diagnosis(book, index, bench.readings, bench.complaint))


async def board_diagnosis(
    book: DesignBook,
    index: BlobRef,
    readings: Sequence[BoardReading],
    complaint: BoardComplaint,
    *,
    lenient: bool = False,
) -> DesignDiagnosis:
    """Return a board's suspects and its next measurement.

    Raises:
        Problem: 404 for a net or part that is not there, 422 for a unit that does not fit or a board without a supply,
            409 where the index cannot be opened, 503 while the board is being worked through.
    """
    try:
        return await _answered(book.diagnosis(index, readings, complaint, lenient=lenient), "not_diagnosed")
    except TimeoutError as error:
        raise away(str(error)) from error


def _folder(workspace_id: WorkspaceId) -> str:
    return f"uploads/{workspace_id}/"


async def _check_uploaded(edge: Edge, workspace_id: WorkspaceId, ref: BlobRef) -> None:
    """Refuse a file that was not put to an address of this workspace: a reference alone is no right to read it.

    Raises:
        Problem: 404.
    """
    own = ref.bucket == BUCKET and ref.key.startswith(_folder(workspace_id))
    found = await edge.deps.blobs.stat(ref.bucket, ref.key) if own else None
    if found is None or (found.ref.sha256, found.ref.size_bytes) != (ref.sha256, ref.size_bytes):
        detail = "a file is not where its reference says; upload it to an address of POST /v1/schematics/uploads"
        raise Problem(404, "not_found", detail)


def _view(edge: Edge, principal: Principal, board: BoardModel) -> DesignView:
    view = edge.deps.views.view(DESIGN_VIEWS, design_id(principal.workspace_id, board), DesignView)
    if view is None or view.removed is not None:
        raise _no_design(board)
    return view


def _no_design(board: BoardModel) -> Problem:
    return Problem(404, "not_found", f"there are no files of {board}; PUT /v1/schematics/{board} takes them")


def _design(request: Request, principal: Principal, board: BoardModel) -> tuple[DesignBook, BlobRef]:
    edge = edge_of(request)
    view = _view(edge, principal, board)
    if view.analysed is None:
        why = view.refused.detail if view.refused is not None else "they are not read yet"
        raise Problem(404, "not_found", f"the files of {board} were not taken: {why}")
    if edge.deps.designs is None:
        raise away("this gateway opens no designs; ask one that does")
    return edge.deps.designs, view.analysed.index


async def _answered(question: Awaitable[A], unfit: str = "no_places") -> A:
    """Return an answer.

    Raises:
        Problem: 404 where nothing is called so, 422 (``unfit``) for a ValueError, 409 where the index cannot be opened.
    """
    try:
        return await question
    except LookupError as error:
        raise Problem(404, "not_found", str(error.args[0])) from error
    except ValueError as error:
        raise Problem(422, unfit, str(error)) from error
    except Permanent as error:
        raise Problem(409, "index_gone", f"{error}; PUT the board's files again") from error


def _needed(name: str, value: str) -> str:
    if not value:
        raise invalid([Fault(name, "missing", "say which one is meant")])
    return value


def _listed(view: DesignView) -> dict[str, Any]:
    known = view.analysed
    return {
        "board_model": view.board_model,
        "formats": None if known is None else known.formats,
        "counts": None if known is None else known.counts.model_dump(),
        "analysed_at": None if known is None else known.model_dump(mode="json", include={"analysed_at"})["analysed_at"],
        "refused": None if view.refused is None else view.refused.detail,
    }


def _value(value: Value) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
