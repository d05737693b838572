"""The newest inspection of a ticket: as JSON, its pictures, and a page for the bench behind a signed address."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from processors.gateway.edge.api.answers_inspection import InspectionShown
from processors.gateway.edge.conditional import matches
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.inspection_sheet import picture_of, sheet_of
from processors.gateway.edge.links import PageRoute, Refusal, refusing_bad_links
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.sealed_texts import ERASED, SEALED, words_of
from processors.gateway.edge.sheets import device_name
from processors.gateway.edge.templates import page
from processors.gateway.edge.texts import TEXTS
from processors.gateway.present import ticket_of
from processors.gateway.wording import plural, words
from schemas.core.blob_ref import BlobRef
from schemas.inspections import InspectionView
from schemas.tickets import TicketView
from topics.inspections import INSPECTION_VIEWS

Number = Annotated[int, Path(ge=0, description="Index of the photo within the inspection, from 0.")]
Variant = Annotated[Literal["original", "annotated", "before", "after", "heat"], Query()]

router = APIRouter()
_api = APIRouter(prefix="/v1/tickets/{ticket_id}/inspection", tags=["tickets"])
_pages = APIRouter(prefix="/i/{token}", route_class=PageRoute, include_in_schema=False)
PAGE_HOURS = 8
"""A working day: what the page shows is for whoever stands at the bench now."""


@_api.get("")
async def get_inspection(request: Request, ticket_id: TicketPath, _: Reader) -> Response:
    """Return what the photos of a ticket show: findings, soil by zone, codes on labels, and where the pictures are."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    view = _view(edge, ticket)
    if view is None:
        raise Problem(404, "not_found", f"no photo of {ticket_id} was inspected yet; its flow asks for that")
    shown = await _shown(edge, ticket, view, f"/v1/tickets/{ticket_id}/inspection/photos")
    return Response(shown.model_dump_json(), media_type="application/json")


@_api.get("/photos/{number}")
async def get_photo(
    request: Request, ticket_id: TicketPath, number: Number, _: Reader, variant: Variant = "original"
) -> Response:
    """Return a photo of the inspection, the drawing on it, or one of the three pictures of its slider."""
    edge = edge_of(request)
    view = _view(edge, existing_ticket(edge, ticket_id))
    ref = None if view is None else picture_of(view, number, variant)
    if ref is None:
        raise Problem(
            404,
            "not_found",
            f"the inspection of {ticket_id} has no {variant} picture of photo {number}; it lists those it has",
        )
    return await _picture(edge, request, ref)


@_pages.get("")
async def look(request: Request, token: str) -> Response:
    """Show the inspection to whoever holds its address."""
    edge = edge_of(request)
    ticket = await _named(edge, request, token)
    request.state.allowance = await edge.limits.page(ticket.ticket_id)
    view = _view(edge, ticket)
    if view is None:
        raise Refusal(404, "nothing", "wait")
    shown = await _shown(edge, ticket, view, f"/i/{token}")
    return _page(edge, ticket, shown)


@_pages.get("/{number}")
async def look_at(request: Request, token: str, number: Number, variant: Variant = "original") -> Response:
    """Return a picture of that page."""
    edge = edge_of(request)
    ticket = await _named(edge, request, token)
    request.state.allowance = await edge.limits.address(token)
    view = _view(edge, ticket)
    ref = None if view is None else picture_of(view, number, variant)
    if ref is None:
        raise Refusal(404, "nothing", "wait")
    return await _picture(edge, request, ref)


async def _named(edge: Edge, request: Request, token: str) -> TicketView:
    async with refusing_bad_links(edge, request):
        ticket_id = edge.deps.signer.read_inspection(token, now=edge.deps.clock.now())
    ticket = ticket_of(edge.deps.views, ticket_id)
    if ticket is None:
        raise Refusal(404, "nothing", "wait")
    return ticket


async def _shown(edge: Edge, ticket: TicketView, view: InspectionView, place: str) -> InspectionShown:
    texts = [code.text for image in view.images for code in image.codes if code.text is not None]
    opened = await words_of(edge.deps.vault, texts, edge.deps.views, ticket.workspace_id)
    said = {text: words for text, words in opened.items() if words not in (ERASED, SEALED)}
    until = _until(edge.deps.clock.now())
    url = edge.deps.signer.inspection_url(ticket.ticket_id, expires_at=until)
    return sheet_of(ticket, view, said, place, (url, until))


def _until(now: datetime) -> datetime:
    """Return the end of an address: a full hour, so that what is read twice within one is the same."""
    return (now + timedelta(hours=PAGE_HOURS + 1)).replace(minute=0, second=0, microsecond=0)


def _view(edge: Edge, ticket: TicketView) -> InspectionView | None:
    """Return the inspection; None also of an erased ticket, whose pictures the next sweep takes away."""
    if ticket.erased_at is not None:
        return None
    return edge.deps.views.view(INSPECTION_VIEWS, ticket.ticket_id, InspectionView)


async def _picture(edge: Edge, request: Request, ref: BlobRef) -> Response:
    headers = {"ETag": f'"{ref.sha256}"', "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(await edge.deps.blobs.get(ref), 200, headers, ref.media_type)


def _page(edge: Edge, ticket: TicketView, shown: InspectionShown) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = page(
        "inspection.html.j2",
        inspection=shown,
        device=device_name(ticket),
        number=ticket.number,
        words=words,
        zip=zip,
        plural=plural,
        nonce=nonce,
        texts=TEXTS["en"],
        shop=edge.deps.shop_name,
    )
    policy = (
        f"default-src 'none'; img-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, 200, {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex"})


router.include_router(_api)
router.include_router(_pages)
