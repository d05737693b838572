"""Files of a ticket: photos of the work, documents, recordings."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, ValidationError
from starlette.datastructures import UploadFile

from connectors.blobs.content import put_content
from connectors.blobs.stream import read_stream
from connectors.clock.clock import new_id
from connectors.intake.submit import BUCKET as IMAGES
from connectors.intake.submit import IntakeInvalid, clean_photos
from processors.gateway.commands import stable_id
from processors.gateway.config import Policy
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.conditional import CACHE_CONTROL, matches
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.file_kinds import PHOTOS, SUFFIXES, UnknownContent, UploadKind, media_type_of
from processors.gateway.edge.idempotency import IdempotencyKey, same_wish
from processors.gateway.edge.problems import Fault, Problem, invalid, invalid_model
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.signatures import BUCKET as DOCUMENTS
from processors.gateway.edge.ticket_requests import Body, Reasoned, ask, made, sealed
from schemas.core.text import LongText
from schemas.ticket_parts import FileId
from schemas.ticket_records import AttachFile, DetachFile, FileAttached, FileDetached

router = APIRouter(prefix="/v1/tickets/{ticket_id}/files", tags=["tickets"])

Writer = Annotated[Principal, Depends(Needs("tickets:write"))]
FilePath = Annotated[FileId, Path()]
CAPTION_MAX = 1_000
_PARTS = frozenset({"file", "kind", "caption", "expected_version"})
_SPARE_PARTS = 4
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "kind"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "kind": {"type": "string", "enum": ["photo_before", "photo_after", "document", "audio"]},
                        "caption": {"type": "string", "maxLength": CAPTION_MAX},
                        "expected_version": {"type": "integer", "minimum": 1},
                    },
                }
            }
        },
    }
}


class FileForm(Body):
    """What is said about a file."""

    kind: UploadKind
    caption: Annotated[LongText, Field(max_length=CAPTION_MAX)] | None = None


@router.post("", status_code=201, openapi_extra=_UPLOAD)
async def attach(
    request: Request, ticket_id: TicketPath, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Put a file on the ticket: a photo, freed of everything but its picture, a PDF, or a recording."""
    edge, key = edge_of(request), idempotency_key
    existing_ticket(edge, ticket_id)
    form, data = await _read(request, edge.deps.policy)
    async with edge.upload_slots:
        content, media_type = await _judged(form, data, edge.deps.policy)
        same_wish(request, form.model_dump_json().encode(), hashlib.sha256(content).digest(), ticket_id=ticket_id)
        caption = await sealed(edge, ticket_id, form.caption)
        bucket = IMAGES if form.kind in PHOTOS else DOCUMENTS
        blob = await put_content(edge.deps.blobs, bucket, content, media_type)
    file_id = str(stable_id(principal.caller, "file", ticket_id, key) if key else new_id())
    command = made(
        AttachFile,
        ticket_id=ticket_id,
        actor=principal.actor,
        expected_version=form.expected_version,
        file_id=file_id,
        kind=form.kind,
        blob=blob,
        caption=caption,
    )
    return await ask(request, principal, command, (FileAttached,), key=key, status=201, file_id=file_id)


@router.get("/{file_id}")
async def download(request: Request, ticket_id: TicketPath, file_id: FilePath, principal: Reader) -> Response:
    """Return a file. A picture may be shown in place; everything else is offered to be saved."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    file = next((one for one in ticket.files if one.file_id == file_id), None)
    if file is None:
        raise Problem(404, "not_found", f"the ticket has no file {file_id}; read it to see its files")
    ref = file.blob
    place = "inline" if ref.media_type.startswith("image/") else "attachment"
    headers = {
        "ETag": f'"{ref.sha256}"',
        "Cache-Control": CACHE_CONTROL,
        "Content-Disposition": f'{place}; filename="{file_id}{SUFFIXES.get(ref.media_type, "")}"',
    }
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    pieces = read_stream(edge.deps.blobs, ref)
    # The first piece is read before the answer begins: a missing or damaged object is a problem, not half an answer.
    first = await anext(pieces)
    headers["Content-Length"] = str(ref.size_bytes)
    return StreamingResponse(_after(first, pieces), 200, headers, ref.media_type)


@router.delete("/{file_id}")
async def detach(
    request: Request,
    ticket_id: TicketPath,
    file_id: FilePath,
    body: Reasoned,
    principal: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a file off the ticket. Its bytes go with the sweep, when no other ticket has the same ones."""
    existing_ticket(edge_of(request), ticket_id)
    command = made(DetachFile, ticket_id=ticket_id, actor=principal.actor, file_id=file_id, **dict(body))
    return await ask(request, principal, command, (FileDetached,), key=idempotency_key, file_id=file_id)


async def _read(request: Request, policy: Policy) -> tuple[FileForm, bytes]:
    """Return what the parts say.

    Raises:
        Problem: 400, 413, 415 or 422, naming the part.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        detail = "send multipart/form-data with the parts 'file' and 'kind', and 'caption' if there is one"
        raise Problem(415, "unsupported_media_type", detail)
    async with request.form(max_files=1 + _SPARE_PARTS, max_fields=len(_PARTS) + _SPARE_PARTS) as parts:
        faults = [
            Fault(name[:80], "unknown_part", f"no such part; there are {', '.join(sorted(_PARTS))}")
            for name in sorted(set(parts) - _PARTS)
        ] + [Fault(name, "part_count", "sent more than once") for name in sorted(parts) if len(parts.getlist(name)) > 1]
        file = parts.get("file")
        if not isinstance(file, UploadFile):
            faults.append(Fault("file", "not_a_file", "send the file as a part 'file' with a file name"))
        if faults or not isinstance(file, UploadFile):
            raise invalid(faults)
        try:
            form = FileForm.model_validate({name: parts[name] for name in parts if name != "file"})
        except ValidationError as error:
            raise invalid_model(error) from error
        most = policy.intake.photo_max_bytes if form.kind in PHOTOS else policy.file_max_bytes
        if (file.size or 0) > most:
            raise Problem(413, "too_large", f"file: {(file.size or 0) / 1e6:.1f} MB; {most / 1e6:g} MB are allowed")
        data = await file.read()
    if not data:
        raise invalid([Fault("file", "empty", "there are no bytes in it; choose the file again")])
    return form, data


async def _judged(form: FileForm, data: bytes, policy: Policy) -> tuple[bytes, str]:
    """Return the bytes to keep and their media type.

    Raises:
        Problem: 415, no such content; 422, a photo that cannot be read.
    """
    if form.kind in PHOTOS:
        try:
            [photo] = await clean_photos([data], replace(policy.intake, photos_min=1, photos_max=1))
        except IntakeInvalid as error:
            fault = Fault("file", error.code, error.detail)
            if error.code == "unsupported_type":
                raise Problem(415, "unsupported_media_type", f"file: {error.detail}", faults=[fault]) from error
            raise invalid([fault]) from error
        return photo.data, photo.media_type
    try:
        return data, media_type_of(form.kind, data)
    except UnknownContent as error:
        fault = Fault("file", "unsupported_type", str(error))
        raise Problem(415, "unsupported_media_type", f"file: {error}", faults=[fault]) from error


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
