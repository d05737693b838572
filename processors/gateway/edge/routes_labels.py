"""Labels and receipts to print. What makes PDF is imported when the first is asked for: it slows the start."""

import secrets
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.labels import COLUMNS, ROWS, label_of, label_svg
from processors.gateway.edge.problems import Fault, invalid
from processors.gateway.edge.receipts import receipt_of, receipt_qr, signature_svg
from processors.gateway.edge.routes_conditions import conditions_of
from processors.gateway.edge.routes_tickets import Reader, TicketPath, existing_ticket
from processors.gateway.edge.sealed_texts import words_of
from processors.gateway.edge.sheets import SHEET_WORDS, Language, SheetWords, sheet_of, signature_of, words_for
from processors.gateway.edge.signatures import Drawing, SignatureRecord
from processors.gateway.edge.templates import page
from schemas.tickets import TicketView

router = APIRouter(prefix="/v1", tags=["labels"])

SHEET_MAX = 270


@router.get("/tickets/{ticket_id}/label")
async def get_label(
    request: Request,
    ticket_id: TicketPath,
    _: Reader,
    format: Annotated[Literal["html", "pdf", "svg"], Query()] = "pdf",  # noqa: A002 - the name in the address
    language: Language | None = None,
) -> Response:
    """Return the label of a device, 62 x 29 mm. No personal data is on it."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    label = label_of(ticket, _base(edge), _words(ticket, language))
    if format == "pdf":
        from processors.gateway.edge.label_pdf import label_pdf

        return Response(label_pdf(label), media_type="application/pdf")
    if format == "svg":
        return Response(label_svg(label), media_type="image/svg+xml")
    return _page("label.html.j2", label=label, drawing=Markup(label_svg(label)))  # noqa: S704 - its texts are escaped


@router.get("/labels", responses={404: {}})
async def get_sheet(
    request: Request,
    _: Reader,
    tickets: Annotated[str, Query(description="Ids of tickets, joined with commas.", max_length=20_000)],
    skip: Annotated[int, Query(ge=0, lt=COLUMNS * ROWS, description="Places already peeled off.")] = 0,
    language: Language | None = None,
) -> Response:
    """Return labels of several devices on sheets of A4, 3 x 9 to a sheet."""
    from processors.gateway.edge.label_pdf import sheet_pdf

    edge = edge_of(request)
    wanted = [one.strip() for one in tickets.split(",") if one.strip()]
    if not 1 <= len(wanted) <= SHEET_MAX:
        raise invalid([Fault("tickets", "count", f"{len(wanted)} tickets named; name 1 to {SHEET_MAX}")])
    found = [existing_ticket(edge, ticket_id) for ticket_id in wanted]
    labels = [label_of(ticket, _base(edge), _words(ticket, language)) for ticket in found]
    return Response(sheet_pdf(labels, skip=skip), media_type="application/pdf")


@router.get("/tickets/{ticket_id}/receipt")
async def get_receipt(
    request: Request,
    ticket_id: TicketPath,
    principal: Reader,
    format: Annotated[Literal["html", "pdf"], Query()] = "pdf",  # noqa: A002 - the name in the address
    language: Language | None = None,
) -> Response:
    """Return the receipt for the customer, A5: device, complaint, checklist and signature of the hand-in."""
    edge = edge_of(request)
    ticket = existing_ticket(edge, ticket_id)
    sheet = sheet_of(conditions_of(edge, ticket_id), "intake")
    drawing = await _signature(edge, ticket_id)
    said = await words_of(edge.deps.vault, (ticket.complaint,), edge.deps.views, principal.workspace_id)
    ticket = ticket.model_copy(update={"complaint": said[ticket.complaint]})
    receipt = receipt_of(ticket, sheet, drawing, edge.deps.shop_name, _base(edge), _words(ticket, language))
    if format == "pdf":
        from processors.gateway.edge.receipt_pdf import receipt_pdf

        return Response(receipt_pdf(receipt), media_type="application/pdf")
    # The drawings are ours: a code of squares, and strokes that were checked when they were taken.
    signature = Markup("" if drawing is None else signature_svg(drawing))  # noqa: S704 - drawn by us, its texts are escaped
    return _page("receipt.html.j2", receipt=receipt, code=Markup(receipt_qr(receipt)), signature=signature)  # noqa: S704 - drawn by us, its texts are escaped


async def _signature(edge: Edge, ticket_id: str) -> Drawing | None:
    signed = signature_of(conditions_of(edge, ticket_id), "intake")
    if signed is None:
        return None
    return SignatureRecord.model_validate(orjson.loads(await edge.deps.blobs.get(signed.signature))).drawing


def _words(ticket: TicketView, language: Language | None) -> SheetWords:
    return SHEET_WORDS[language] if language is not None else words_for(ticket.language)


def _base(edge: Edge) -> str:
    return edge.deps.signer.base_url


def _page(template: str, **values: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page(f"print/{template}", nonce=nonce, **values), headers={"Content-Security-Policy": policy})
