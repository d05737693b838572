"""The quality check of a repair: what is to be looked at, what was found, and the report. The rules are its owner's.

An inspector who is logged in is known by that. A shared key is not a person, so a request with one names who it is for.
"""

import asyncio
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobCorrupt, BlobMissing
from connectors.intake.submit import BUCKET as IMAGES
from connectors.intake.submit import IntakeInvalid, IntakeLimits, clean_photos
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Fault, Problem, away, invalid
from processors.gateway.edge.qc_report import Variant, as_json, picture_at, report_of
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code
from schemas.core.message import Command, Event
from schemas.core.text import ShortText
from schemas.qc import (
    BeginCheck,
    CheckBegun,
    CheckFailed,
    CheckPassed,
    CheckpointRecorded,
    CheckpointResult,
    CheckRefused,
    CheckRound,
    CheckSigned,
    CheckWaived,
    ConcludeCheck,
    QcView,
    RecordCheckpoint,
    SignCheck,
    WaiveCheck,
)
from schemas.qc_plans import CauseCode, Verdict
from topics.qc import QC_VIEWS

router = APIRouter(prefix="/v1", tags=["quality"])

Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
Manager = Annotated[Principal, Depends(Needs("tickets:delete"))]
"""A waiver takes a safeguard away, so it needs what else only managers and owners may."""
Point = Annotated[Code, Path()]
Who = Annotated[ShortText | None, Query(description="Who does it, where the caller is a shared key.")]
_PHOTO_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")},
    }
}
_USER = "user:"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: ShortText | None = Field(default=None, min_length=1, description="Who does it, where the caller is a key.")


class Beginning(_Form):
    """Who takes a check in hand. ``repaired_by``: who did the repair, where nobody is known."""

    repaired_by: ShortText | None = None


class Answer(_Form):
    """What was found at a checkpoint."""

    verdict: Verdict | None = None
    reason: ShortText | None = None
    measured: float | None = Field(default=None, allow_inf_nan=False)
    unit: ShortText | None = None
    instrument: ShortText | None = None


class SecondSignature(_Form):
    """Who signs as the second person."""


class Conclusion(_Form):
    """How a check ends. A failed one names its cause."""

    verdict: Literal["pass", "fail"]
    cause: CauseCode | None = None
    note: ShortText | None = None


class Waiver(_Form):
    """Why a repair may go without the rest of its check."""

    reason: ShortText = Field(min_length=3)


@router.get("/qc/bounce-rates")
async def bounce_rates(request: Request, principal: Reader) -> Response:
    """Return the estimated share of repairs that bounce, with its 95 % interval: of all, and of each fault.

    Checks are weighted by 1 over the chance of being checked, so that checking the likely ones does not bias it.
    """
    edge = edge_of(request)
    if edge.deps.bounce_rates is None:
        raise away("this gateway has no rates of repairs that bounce; ask one that has")
    views = edge.deps.views.views(QC_VIEWS, QcView)
    return _json(edge.deps.bounce_rates(views, principal.workspace_id))


@router.get("/tickets/{ticket_id}/qc")
async def get_checks(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return the checks of a ticket, oldest first: plan, why it is checked, answers, addresses of photos, end."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    return _json(as_json(ticket_id, _view(edge, ticket_id)))


@router.get("/tickets/{ticket_id}/qc/report.pdf")
async def get_report(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return the checks of a ticket as PDF with their pictures, the newest check first."""
    from processors.gateway.edge.qc_pdf import qc_pdf

    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    view = _view(edge, ticket_id)
    if view is None:
        raise Problem(404, "not_found", f"{ticket_id} has no check yet; it gets one when it moves to qc")
    names = await _names(edge, view)
    report = report_of(ticket, view, edge.deps.shop_name, edge.deps.signer.base_url, lambda name: names.get(name, name))
    files: dict[str, bytes] = {}
    async with edge.upload_slots:  # as costly as taking photos in, so bounded by the same
        for ref in (picture.ref for one in report.rounds for picture in (*one.pictures, *one.pairs)):
            file = await _file(edge, ref)
            if file is not None:
                files[ref.sha256] = file
        pdf = await asyncio.to_thread(qc_pdf, report, files)
    return Response(pdf, media_type="application/pdf")


@router.get("/tickets/{ticket_id}/qc/rounds/{number}/checkpoints/{checkpoint_id}/photo")
async def get_photo(
    request: Request,
    ticket_id: TicketPath,
    number: Annotated[int, Path(ge=0)],
    checkpoint_id: Point,
    _: Reader,
    variant: Annotated[Variant, Query()] = "original",
) -> Response:
    """Return the photo of a checkpoint, vision's drawing on it, or one of the three pictures of its slider."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    result = _result(_view(edge, ticket_id), number, checkpoint_id)
    ref = None if result is None else picture_at(result, variant)
    if ref is None:
        raise Problem(404, "not_found", f"check {number} of {ticket_id} has no such picture of {checkpoint_id}")
    headers = {"ETag": f'"{ref.sha256}"', "Cache-Control": "private, max-age=31536000, immutable"}
    return Response(await edge.deps.blobs.get(ref), 200, headers, ref.media_type)


@router.post("/tickets/{ticket_id}/qc/begin")
async def begin(
    request: Request, ticket_id: TicketPath, form: Beginning, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Take the open check in hand, or over from a colleague."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = BeginCheck(ticket_id=ticket_id, inspector=_who(principal, form.by), repaired_by=form.repaired_by)
    return await _ask(edge, principal, command, (CheckBegun,), idempotency_key)


@router.put("/tickets/{ticket_id}/qc/checkpoints/{checkpoint_id}")
async def record(
    request: Request,
    ticket_id: TicketPath,
    checkpoint_id: Point,
    answer: Answer,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer a checkpoint of the check in hand: a measured value, or a verdict."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = RecordCheckpoint(
        ticket_id=ticket_id,
        checkpoint_id=checkpoint_id,
        inspector=_who(principal, answer.by),
        **answer.model_dump(exclude={"by"}),
    )
    return await _ask(edge, principal, command, (CheckpointRecorded,), idempotency_key)


@router.post("/tickets/{ticket_id}/qc/checkpoints/{checkpoint_id}/photo", openapi_extra=_PHOTO_BODY)
async def photograph(
    request: Request,
    ticket_id: TicketPath,
    checkpoint_id: Point,
    principal: Writer,
    by: Who = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Answer a checkpoint with the photo in the request's body. Vision judges it; its verdict comes as an event."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    inspector = _who(principal, by)
    async with edge.upload_slots:
        try:
            [photo] = await clean_photos([await request.body()], IntakeLimits(photos_min=1, photos_max=1))
        except IntakeInvalid as error:
            raise invalid([Fault("body", error.code, error.detail)]) from error
        ref = await put_content(edge.deps.blobs, IMAGES, photo.data, photo.media_type)
    command = RecordCheckpoint(ticket_id=ticket_id, checkpoint_id=checkpoint_id, inspector=inspector, photo=ref)
    return await _ask(edge, principal, command, (CheckpointRecorded,), idempotency_key)


@router.post("/tickets/{ticket_id}/qc/signature")
async def sign(
    request: Request,
    ticket_id: TicketPath,
    form: SecondSignature,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Sign the results as the second person."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = SignCheck(ticket_id=ticket_id, signer=_who(principal, form.by))
    return await _ask(edge, principal, command, (CheckSigned,), idempotency_key)


@router.post("/tickets/{ticket_id}/qc/conclusion")
async def conclude(
    request: Request, ticket_id: TicketPath, form: Conclusion, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """End the check in hand: a passed repair goes to ready, a failed one to rework."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = ConcludeCheck(ticket_id=ticket_id, inspector=_who(principal, form.by), **form.model_dump(exclude={"by"}))
    return await _ask(edge, principal, command, (CheckPassed, CheckFailed), idempotency_key)


@router.post("/tickets/{ticket_id}/qc/waiver")
async def waive(
    request: Request, ticket_id: TicketPath, form: Waiver, principal: Manager, idempotency_key: IdempotencyKey = None
) -> Response:
    """Let a repair go without the rest of its check."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = WaiveCheck(ticket_id=ticket_id, manager=_who(principal, form.by), reason=form.reason)
    return await _ask(edge, principal, command, (CheckWaived,), idempotency_key)


def _who(principal: Principal, named: str | None) -> str:
    """Return who does it: whoever is logged in, else whom a shared key speaks for."""
    if principal.kind == "user":
        if named is not None:
            raise invalid([Fault("by", "logged_in", "you are logged in, so it is you who does this; leave it out")])
        return principal.actor
    if named is None or not named.strip():
        raise invalid([Fault("by", "missing", "a key is no person; say who does this, or log in")])
    if named.startswith(_USER):
        raise invalid([Fault("by", "not_logged_in", "a member acts by logging in; name somebody who is none")])
    return named.strip()


async def _ask(
    edge: Edge, principal: Principal, command: Command, wanted: tuple[type[Event], ...], key: str | None
) -> Response:
    ticket_id: str = command.ticket_id  # type: ignore[attr-defined]  # every command here has one
    outcome = await edge.commands.ask(
        command,
        correlation_id=ticket_id,
        caller=principal.caller,
        answers=(*wanted, CheckRefused),
        id=stable_id(principal.caller, "qc", command.TYPE, ticket_id, key) if key else None,
    )
    if outcome is None:
        body = {"ticket_id": ticket_id, "status": "accepted"}
        return _json(body, 202, {"Location": f"/v1/tickets/{ticket_id}/qc"})
    if isinstance(outcome.event, CheckRefused):
        refused = outcome.event
        raise Problem(422, "check_refused", refused.detail, reason=refused.reason, ticket_id=ticket_id)
    if outcome.envelope.causation_id is not None:
        wait_s = edge.deps.policy.outcome_wait_s
        await edge.deps.views.settled(QC_VIEWS, ticket_id, outcome.envelope.causation_id, wait_s)
    return Response(outcome.event.to_json(), media_type="application/json")


def _view(edge: Edge, ticket_id: str) -> QcView | None:
    return edge.deps.views.view(QC_VIEWS, ticket_id, QcView)


def _result(view: QcView | None, number: int, checkpoint_id: str) -> CheckpointResult | None:
    rounds: tuple[CheckRound, ...] = () if view is None else view.rounds
    results = [result for one in rounds if one.number == number for result in one.results]
    return next((result for result in results if result.checkpoint_id == checkpoint_id), None)


async def _names(edge: Edge, view: QcView) -> dict[str, str]:
    """Return what the members among the inspectors are called; one who was forgotten keeps the id."""
    found: dict[str, str] = {}
    for name in {name for one in view.rounds for name in (one.inspector, one.signer, one.ended_by) if name}:
        if name.startswith(_USER):
            person = await edge.deps.credentials.people.person(name.removeprefix(_USER))
            if person is not None:
                found[name] = person.name
    return found


async def _file(edge: Edge, ref: BlobRef) -> bytes | None:
    try:
        return await edge.deps.blobs.get(ref)
    except (BlobMissing, BlobCorrupt):
        return None


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
