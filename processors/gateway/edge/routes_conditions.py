"""Checklists of a device's condition, photos of its items, and the customer's signature under them."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.blobs.content import put_content
from connectors.images.strip import BareImage
from connectors.intake.submit import BUCKET as IMAGES
from connectors.intake.submit import IntakeInvalid, IntakeLimits, clean_photos
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Fault, Problem, away, invalid
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.sheets import (
    LANGUAGES,
    SHEET_WORDS,
    Document,
    Language,
    changes_between,
    document_of,
    photo_pairs,
    sheet_of,
    signature_of,
    words_for,
)
from processors.gateway.edge.signatures import BUCKET, RECORD_TYPE, Drawing, SignatureRecord
from schemas.conditions import (
    GRADES,
    AddConditionPhoto,
    ConditionAnswer,
    ConditionPhotoAdded,
    ConditionRecorded,
    ConditionRefused,
    ConditionSheet,
    ConditionStage,
    ConditionsView,
    DocumentSigned,
    RecordCondition,
    SignDocument,
)
from schemas.core.ids import Code, Sha256
from schemas.core.message import Command, Event
from schemas.core.text import ShortText
from schemas.devices import DeviceCategory
from schemas.tickets import TicketView
from topics.conditions import CONDITION_VIEWS

router = APIRouter(prefix="/v1", tags=["conditions"])

Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
Stage = Annotated[ConditionStage, Path()]
_PHOTO_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")},
    }
}


class Checklist(BaseModel):
    """A filled-in checklist. Items that are left out are not checked."""

    model_config = ConfigDict(extra="forbid")

    answers: tuple[ConditionAnswer, ...] = Field(max_length=60)
    recorded_by: ShortText = Field(min_length=1)


class Signing(BaseModel):
    """A signature under the text with this hash, which ``.../document`` gave out."""

    model_config = ConfigDict(extra="forbid")

    document_sha256: Sha256
    language: Language = "en"
    signed_by: ShortText = Field(min_length=2)
    drawing: Drawing


@router.get("/checklists/{category}")
async def get_checklist(
    request: Request, category: Annotated[DeviceCategory, Path()], _: Reader, language: Language = "en"
) -> Response:
    """Return what is looked at on a kind of device, in words, and the grades to choose from."""
    checklist_of = edge_of(request).deps.checklist_of
    if checklist_of is None:
        raise away("this gateway has no checklists; ask one that has")
    words = SHEET_WORDS[language]
    items = [{"item": item, "says": words.item(item)} for item in checklist_of(category)]
    grades = [{"grade": grade, "says": words.grades[grade]} for grade in GRADES]
    return _json({"category": category, "language": language, "items": items, "grades": grades})


@router.get("/tickets/{ticket_id}/conditions")
async def get_conditions(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return the checklists of hand-in and return, what differs, the photos in pairs, and whether each is signed."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    view = conditions_of(edge, ticket_id)
    signed: dict[str, Any] = {}
    for stage in ("intake", "return"):
        one = signature_of(view, stage)
        signed[stage] = one.model_dump(mode="json") if one is not None else None
    body = view.model_dump(mode="json", exclude={"signatures"})
    return _json(
        {**body, "signed": signed, "changes": changes_between(view), "photo_pairs": photo_pairs(view)},
    )


@router.put("/tickets/{ticket_id}/conditions/{stage}")
async def record(
    request: Request,
    ticket_id: TicketPath,
    stage: Stage,
    checklist: Checklist,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep a checklist: 200 with all answers, 422 when it does not fit the list of the device's kind."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    command = RecordCondition(
        ticket_id=ticket_id,
        stage=stage,
        category=ticket.device.category,
        answers=checklist.answers,
        recorded_by=checklist.recorded_by,
    )
    return await _ask(edge, principal, command, ConditionRecorded, idempotency_key)


@router.post("/tickets/{ticket_id}/conditions/{stage}/photos", openapi_extra=_PHOTO_BODY)
async def add_photo(
    request: Request,
    ticket_id: TicketPath,
    stage: Stage,
    principal: Writer,
    item: Annotated[Code | None, Query(description="An item of the checklist; none: the whole device.")] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep the photo in the request's body, freed of everything but its picture."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    async with edge.upload_slots:
        photo = await _photo(await request.body())
        ref = await put_content(edge.deps.blobs, IMAGES, photo.data, photo.media_type)
    command = AddConditionPhoto(ticket_id=ticket_id, stage=stage, item=item, photo=ref)
    return await _ask(edge, principal, command, ConditionPhotoAdded, idempotency_key)


@router.get("/tickets/{ticket_id}/conditions/photos/{number}")
async def get_photo(request: Request, ticket_id: TicketPath, number: Annotated[int, Path(ge=0)], _: Reader) -> Response:
    """Return a photo by its number in the list of photos, from 0."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    photos = conditions_of(edge, ticket_id).photos
    if number >= len(photos):
        raise Problem(404, "not_found", f"{ticket_id} has {len(photos)} condition photos; they count from 0")
    ref = photos[number].photo
    headers = {"ETag": f'"{ref.sha256}"', "Cache-Control": "private, max-age=31536000, immutable"}
    return Response(await edge.deps.blobs.get(ref), 200, headers, ref.media_type)


@router.get("/tickets/{ticket_id}/conditions/{stage}/document")
async def get_document(
    request: Request, ticket_id: TicketPath, stage: Stage, _: Reader, language: Language | None = None
) -> Response:
    """Return the text to show and sign, with the hash that the signature must name."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    spoken = language or words_for(ticket.language).language
    sheet, document = _document(edge, ticket, stage, spoken)
    told = {"ticket_id": ticket_id, "stage": stage, "revision": sheet.revision, "language": spoken}
    return _json({**told, "text": document.text, "document_sha256": document.sha256})


@router.post("/tickets/{ticket_id}/conditions/{stage}/signature")
async def sign(
    request: Request,
    ticket_id: TicketPath,
    stage: Stage,
    signing: Signing,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Keep a signature: 200, or 409 when the text has changed since it was shown."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    sheet, document = _document(edge, ticket, stage, signing.language)
    if signing.document_sha256 != document.sha256:
        detail = "the checklist or its photos changed since this text was shown; show the new text and sign that"
        raise Problem(409, "document_changed", detail, document_sha256=document.sha256)
    kept = SignatureRecord(
        ticket_id=ticket_id,
        stage=stage,
        revision=sheet.revision,
        language=signing.language,
        document=document.text,
        document_sha256=document.sha256,
        signed_by=signing.signed_by,
        signed_at=edge.deps.clock.now(),
        drawing=signing.drawing,
    )
    command = SignDocument(
        ticket_id=ticket_id,
        stage=stage,
        revision=sheet.revision,
        language=signing.language,
        document_sha256=document.sha256,
        signature=await put_content(edge.deps.blobs, BUCKET, kept.to_bytes(), RECORD_TYPE),
    )
    return await _ask(edge, principal, command, DocumentSigned, idempotency_key)


def conditions_of(edge: Edge, ticket_id: str) -> ConditionsView:
    """Return what is known of a device's condition; an empty view when that is nothing."""
    found = edge.deps.views.view(CONDITION_VIEWS, ticket_id, ConditionsView)
    return found or ConditionsView(ticket_id=ticket_id)


def _document(
    edge: Edge, ticket: TicketView, stage: ConditionStage, language: Language
) -> tuple[ConditionSheet, Document]:
    view = conditions_of(edge, ticket.ticket_id)
    sheet = sheet_of(view, stage)
    if sheet is None:
        detail = f"no checklist of the {stage} is filled in yet; PUT one to /v1/tickets/{ticket.ticket_id}/conditions"
        raise Problem(404, "not_found", f"{detail}/{stage}")
    assert language in LANGUAGES
    return sheet, document_of(ticket, sheet, view, SHEET_WORDS[language])


async def _photo(data: bytes) -> BareImage:
    try:
        [photo] = await clean_photos([data], IntakeLimits(photos_min=1, photos_max=1))
    except IntakeInvalid as error:
        raise invalid([Fault("body", error.code, error.detail)]) from error
    return photo


async def _ask(edge: Edge, principal: Principal, command: Command, wanted: type[Event], key: str | None) -> Response:
    ticket_id: str = command.ticket_id  # type: ignore[attr-defined]  # every command here has one
    outcome = await edge.commands.ask(
        command,
        correlation_id=ticket_id,
        caller=principal.caller,
        answers=(wanted, ConditionRefused),
        id=stable_id(principal.caller, "condition", command.TYPE, ticket_id, key) if key else None,
    )
    if outcome is None:
        body = {"ticket_id": ticket_id, "status": "accepted"}
        return _json(body, 202, {"Location": f"/v1/tickets/{ticket_id}/conditions"})
    command_id = outcome.envelope.causation_id
    if command_id is not None and isinstance(outcome.event, wanted):
        await edge.deps.views.settled(CONDITION_VIEWS, ticket_id, command_id, edge.deps.policy.outcome_wait_s)
    if isinstance(outcome.event, ConditionRefused):
        refused = outcome.event
        raise Problem(422, "condition_refused", refused.detail, reason=refused.reason, ticket_id=ticket_id)
    return Response(outcome.event.to_json(), media_type="application/json")


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
