"""Reading tickets: one, many, their timelines and pictures."""

from collections.abc import Callable, Hashable
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from connectors.links.signer import LinkSigner
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.conditional import matches
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Fault, Problem, invalid
from processors.gateway.present import (
    PARTS,
    Part,
    known_fields,
    quote_of,
    ticket_json,
    ticket_of,
    timeline,
)
from processors.gateway.selection import Fields, UnknownField, read_fields
from schemas.core.blob_ref import BlobRef
from schemas.core.ids import TicketId
from schemas.inspections import InspectionView
from schemas.quotes import QuoteView
from schemas.tickets import TicketView
from topics.inspections import INSPECTION_VIEWS

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

Reader = Annotated[Principal, Depends(Needs("tickets:read"))]
TicketPath = Annotated[TicketId, Path()]


@router.get("/{ticket_id}")
async def get_ticket(
    request: Request,
    ticket_id: TicketPath,
    principal: Reader,
    include: Annotated[str, Query(description="Parts to add, joined with commas: " + ", ".join(PARTS))] = "",
    fields: Annotated[
        str, Query(max_length=2000, description="Only these fields, joined with commas: `state,device.model`")
    ] = "",
) -> Response:
    """Return a ticket. With ``If-None-Match`` an unchanged one is 304."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    parts = _parts(include)
    chosen = _fields(fields, parts)
    key = ("ticket", ticket_id, principal.workspace_id, principal.scopes, parts, fields)
    return _cached(edge, ticket_id, key, lambda: ticket_json(edge.deps.views, ticket, parts, principal.scopes, chosen))


@router.get("/{ticket_id}/timeline")
async def get_timeline(request: Request, ticket_id: TicketPath, principal: Reader) -> Response:
    """Return a ticket's events, oldest first, each as a CloudEvent and as a sentence."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    key = ("timeline", ticket_id, principal.workspace_id, principal.scopes)
    return _cached(edge, ticket_id, key, lambda: orjson.dumps(timeline(edge.deps.views, ticket_id, principal.scopes)))


@router.get("/{ticket_id}/images/{number}")
async def get_image(
    request: Request,
    ticket_id: TicketPath,
    number: Annotated[int, Path(ge=0, description="Index of the photo within the ticket, from 0.")],
    _: Reader,
    variant: Annotated[Literal["original", "annotated"], Query()] = "original",
) -> Response:
    """Return a photo, or the inspection's drawing on it."""
    edge = edge_of(request)
    images = _images(edge, existing_ticket(edge, ticket_id), variant)
    if number >= len(images):
        raise Problem(404, "not_found", f"{ticket_id} has {len(images)} {variant} images; they count from 0")
    ref = images[number]
    headers = {"ETag": f'"{ref.sha256}"', "Cache-Control": "private, max-age=31536000, immutable"}
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    # The media type is the one the edge found out itself when it wrote the picture anew.
    return Response(await edge.deps.blobs.get(ref), 200, headers, ref.media_type)


@router.get("/{ticket_id}/links")
async def get_links(
    request: Request, ticket_id: TicketPath, _: Annotated[Principal, Depends(Needs("pricing:read"))]
) -> Response:
    """Return the links a customer may be given: the page on which the open quote is answered."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    quote = quote_of(edge.deps.views, ticket_id)
    return _json(request, orjson.dumps({"ticket_id": ticket_id, "approve": _approve_url(edge.deps.signer, quote)}))


def existing_ticket(edge: Edge, ticket_id: str) -> TicketView:
    """Return a ticket that exists.

    Raises:
        Problem: 404.
    """
    ticket = ticket_of(edge.deps.views, ticket_id)
    if ticket is None:
        raise Problem(404, "not_found", f"there is no ticket {ticket_id}; one just handed in may take a moment")
    return ticket


def _approve_url(signer: LinkSigner, quote: QuoteView | None) -> str | None:
    if quote is None or quote.quote is None or quote.status != "prepared":
        return None
    offer = quote.quote
    return signer.approve_url(offer.ticket_id, offer.quote_hash, expires_at=offer.valid_until)


def _images(edge: Edge, ticket: TicketView, variant: str) -> tuple[BlobRef, ...]:
    if variant == "original":
        return ticket.photos
    inspection = edge.deps.views.view(INSPECTION_VIEWS, ticket.ticket_id, InspectionView)
    return inspection.inspected.annotated if inspection is not None and inspection.inspected is not None else ()


def _parts(include: str) -> frozenset[Part]:
    wanted = frozenset(filter(None, (name.strip() for name in include.split(","))))
    unknown = sorted(wanted.difference(PARTS))
    if unknown:
        raise invalid([Fault("include", "unknown_part", f"{unknown[0][:40]!r} is none of {', '.join(PARTS)}")])
    return frozenset(part for part in PARTS if part in wanted)


def _fields(text: str, parts: frozenset[Part]) -> Fields | None:
    try:
        return read_fields(text, known_fields(parts))
    except UnknownField as error:
        part = error.path.partition(".")[0]
        hint = f"; with include={part} its fields are there too" if part in PARTS and part not in parts else ""
        raise invalid([Fault("fields", "unknown_field", f"{error}{hint}")]) from error


def _json(_: Request, body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _cached(edge: Edge, ticket_id: str, key: Hashable, make: Callable[[], bytes]) -> Response:
    found = edge.cache.get(key, edge.deps.views.stamp(ticket_id), make)
    return Response(found.body, 200, {"ETag": found.etag}, "application/json")
