"""Taking devices in."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from connectors.images.strip import BareImage
from connectors.intake.submit import (
    IntakeInvalid,
    clean_photos,
    intake_command_id,
    new_ticket_id,
    repeated_ticket_id,
    same_intake,
    submit,
    withdraw,
)
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey, same_wish
from processors.gateway.edge.problems import Fault, Problem, invalid
from processors.gateway.edge.uploads import Upload, read_upload
from processors.gateway.present import ticket_of
from processors.gateway.warnings import warnings_of
from schemas.tickets import IntakeRefused, SubmitIntake, TicketOpened
from topics.tickets import TICKET_VIEWS

router = APIRouter(prefix="/v1", tags=["intakes"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["intake", "photos"],
                    "properties": {
                        "intake": {"type": "string", "contentMediaType": "application/json"},
                        "photos": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            }
        },
    }
}


@router.post("/intakes", status_code=201, openapi_extra=_BODY)
async def take_in(
    request: Request,
    principal: Annotated[Principal, Depends(Needs("tickets:write"))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a device in: 201 with the ticket, 422 when the shop refuses, 202 when the answer takes too long."""
    edge = edge_of(request)
    key = idempotency_key
    ticket_id = repeated_ticket_id(principal.id, key) if key else new_ticket_id()
    data, upload = await read_upload(request, edge.deps.policy)
    try:
        async with edge.upload_slots:
            photos = await _photos(upload, edge)
            known = await _known(edge, ticket_id, upload, photos)
            same_wish(request, upload.form.model_dump_json().encode(), *_digests(photos), ticket_id=ticket_id)
            command = None
            if not known:
                command, _ = await submit(
                    upload.form,
                    photos,
                    ticket_id=ticket_id,
                    workspace_id=principal.workspace_id,
                    blobs=edge.deps.blobs,
                    vault=edge.deps.vault,
                    send=partial(edge.commands.tell, caller=principal.caller),
                )
        return await _answer(edge, ticket_id, command)
    finally:
        await data.close()


def _digests(photos: tuple[BareImage, ...]) -> Iterator[bytes]:
    """Yield what tells one photo from another, freed of its metadata: a retry may send the same file packed anew."""
    return (hashlib.sha256(photo.data).digest() for photo in photos)


async def _photos(upload: Upload, edge: Edge) -> tuple[BareImage, ...]:
    limits = edge.deps.policy.intake
    most = f"{limits.photo_max_bytes / 1e6:g} MB"
    too_large = [
        Fault(f"photos.{position}", "photo_too_large", f"{(photo.size or 0) / 1e6:.1f} MB; {most} are allowed")
        for position, photo in enumerate(upload.photos)
        if (photo.size or 0) > limits.photo_max_bytes
    ]
    if too_large:
        raise Problem(413, "too_large", too_large[0].detail, faults=too_large)
    try:
        return await clean_photos([await photo.read() for photo in upload.photos], limits)
    except IntakeInvalid as error:
        fault = Fault(error.field, error.code, error.detail)
        if error.code == "unsupported_type":
            raise Problem(415, "unsupported_media_type", str(error), faults=[fault]) from error
        raise invalid([fault]) from error


async def _known(edge: Edge, ticket_id: str, upload: Upload, photos: tuple[BareImage, ...]) -> bool:
    """Whether this intake was opened or refused before, so that nothing is to be stored and sent."""
    ticket = ticket_of(edge.deps.views, ticket_id)
    if ticket is None:
        command_id = intake_command_id(ticket_id)
        return await edge.deps.views.outcome_of(command_id, 0, (TicketOpened, IntakeRefused)) is not None
    complaint = await edge.deps.vault.open_text(ticket.complaint)
    if not same_intake(upload.form, photos, taken=ticket.model_copy(update={"complaint": complaint or ""})):
        detail = "this Idempotency-Key was used for another intake; use a new one for each device"
        raise Problem(422, "idempotency_key_reused", detail, ticket_id=ticket_id)
    return True


async def _answer(edge: Edge, ticket_id: str, command: SubmitIntake | None) -> Response:
    views, wait_s = edge.deps.views, edge.deps.policy.outcome_wait_s
    location = f"/v1/tickets/{ticket_id}"
    body: dict[str, object] = {
        "ticket_id": ticket_id,
        "links": {"ticket": location, "timeline": f"{location}/timeline", "events": f"{location}/events"},
    }
    command_id = intake_command_id(ticket_id)
    ticket = ticket_of(views, ticket_id)
    if ticket is None:
        outcome = await views.outcome_of(command_id, wait_s, (TicketOpened, IntakeRefused))
        if outcome is not None and isinstance(outcome.event, IntakeRefused):
            refused = outcome.event
            if command is not None:
                await withdraw(command, vault=edge.deps.vault)
            raise Problem(422, "intake_refused", refused.detail, reason=refused.reason, ticket_id=ticket_id)
        if outcome is None or not await views.settled(TICKET_VIEWS, ticket_id, command_id, wait_s):
            waiting = {**body, "status": "accepted", "detail": "the ticket is being opened; follow the link"}
            return _json(waiting, 202, location)
        ticket = ticket_of(views, ticket_id)
    opened = {} if ticket is None else {"number": ticket.number, "warnings": warnings_of(views, ticket)}
    state = None if ticket is None else ticket.state
    return _json({**body, "status": "opened", "state": state, **opened}, 201, location)


def _json(body: dict[str, object], status: int, location: str) -> Response:
    return Response(orjson.dumps(body), status, {"Location": location}, "application/json")
