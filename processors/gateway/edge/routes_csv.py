"""Tickets as a table for spreadsheets (RFC 4180), streamed."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, ConfigDict, Field

from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.routes_lists import Reader, question_of
from processors.gateway.edge.sealed_texts import words_of
from processors.gateway.filters import Filters
from processors.gateway.listing import Question, Sort, page_of
from processors.gateway.present import ticket_of
from processors.gateway.spreadsheet import DELIMITERS, guarded
from schemas.core.time import rfc3339
from schemas.tickets import TicketView

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

ROWS_AT_ONCE = 500
COLUMNS: Mapping[str, Callable[[TicketView], Any]] = {
    "ticket_id": lambda ticket: ticket.ticket_id,
    "state": lambda ticket: ticket.state,
    "hold": lambda ticket: ticket.hold,
    "outcome": lambda ticket: ticket.outcome,
    "payment": lambda ticket: ticket.payment,
    "custody": lambda ticket: ticket.custody,
    "bin": lambda ticket: ticket.bin,
    "category": lambda ticket: ticket.device.category,
    "brand": lambda ticket: ticket.device.brand,
    "model": lambda ticket: ticket.device.model,
    "serial": lambda ticket: ticket.device.serial,
    "imei": lambda ticket: ticket.device.imei,
    "complaint": lambda ticket: ticket.complaint,
    "channel": lambda ticket: ticket.channel,
    "customer_id": lambda ticket: ticket.customer_id,
    "quote_total_cents": lambda ticket: ticket.quote_total_cents,
    "opened_at": lambda ticket: rfc3339(ticket.opened_at),
    "moved_at": lambda ticket: rfc3339(ticket.moved_at),
}


def _known_columns(text: str) -> str:
    for name in _names(text):
        if name not in COLUMNS:
            raise ValueError(f"{name[:40]!r} is no column; there are {', '.join(COLUMNS)}")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))


class ExportQuery(Filters):
    """Which tickets, and how the table is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sort: Sort | None = None
    columns: Annotated[str, AfterValidator(_known_columns)] = Field(
        default="", description="Columns in this order, joined with commas. Empty: all."
    )
    bom: bool = Field(default=False, description="Begin with a byte order mark; Excel reads UTF-8 only with one.")
    delimiter: Literal["comma", "semicolon", "tab"] = "comma"


@router.get("/export.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
async def export(request: Request, principal: Reader, query: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """Return all tickets that the filters mean as CSV: no limit, and never more than one page of them in memory."""
    edge = edge_of(request)
    question = question_of(query, query.sort, principal, edge)
    headers = {"Content-Disposition": 'attachment; filename="tickets.csv"'}
    return StreamingResponse(_table(edge, question, query), media_type="text/csv; charset=utf-8", headers=headers)


async def _in_words(edge: Edge, tickets: list[TicketView], workspace_id: str) -> list[TicketView]:
    texts = (ticket.complaint for ticket in tickets)
    said = await words_of(edge.deps.vault, texts, edge.deps.views, workspace_id)
    return [ticket.model_copy(update={"complaint": said[ticket.complaint]}) for ticket in tickets]


async def _table(edge: Edge, question: Question, query: ExportQuery) -> AsyncIterator[bytes]:
    names = _names(query.columns) or tuple(COLUMNS)
    cells = [COLUMNS[name] for name in names]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=DELIMITERS[query.delimiter], lineterminator="\r\n")
    text.write("\ufeff" if query.bom else "")
    writer.writerow(names)
    cursor: str | None = None
    while True:
        page = page_of(edge.deps.views.tickets, question, limit=ROWS_AT_ONCE, cursor=cursor)
        tickets = [ticket for ticket_id in page.ids if (ticket := ticket_of(edge.deps.views, ticket_id)) is not None]
        if "complaint" in names:
            tickets = await _in_words(edge, tickets, question.workspace)
        writer.writerows([[guarded(cell(ticket)) for cell in cells] for ticket in tickets])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
        cursor = page.cursor
        if cursor is None:
            return
        # A reader that takes everything at once must not keep others waiting.
        await asyncio.sleep(0)
