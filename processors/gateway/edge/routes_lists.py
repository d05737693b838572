"""Lists of tickets: filtered, sorted, page by page."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, ConfigDict, Field

from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.cache import Page
from processors.gateway.edge.conditional import CACHE_CONTROL, etag_of, matches
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Fault, invalid
from processors.gateway.filters import Filters
from processors.gateway.listing import Count, CursorInvalid, Question, Sort, count_of, page_of
from processors.gateway.present import shown, ticket_of
from schemas.tickets import TicketView

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

Reader = Annotated[Principal, Depends(Needs("tickets:read"))]
FIELDS = tuple(TicketView.model_fields)


def _known_fields(text: str) -> str:
    unknown = sorted(fields_of(text).difference(FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0][:40]!r} is no field of a ticket; there are {', '.join(FIELDS)}")
    return text


def fields_of(text: str) -> frozenset[str]:
    """Return the names in a list joined with commas."""
    return frozenset(filter(None, (name.strip() for name in text.split(","))))


class ListQuery(Filters):
    """What a list is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sort: Sort | None = Field(default=None, description="Without it: relevance for a search, else newest.")
    limit: int = Field(default=50, ge=1, description="At most 200.")
    cursor: Annotated[str, Field(max_length=400)] | None = Field(default=None, description="From the page before.")
    fields: Annotated[str, AfterValidator(_known_fields)] = Field(
        default="", description="Fields to send, joined with commas; `ticket_id` always comes. Empty: all."
    )
    count: Count = Field(default="none", description="`estimate` counts to 1,000 and says so.")


@router.get("")
async def list_tickets(request: Request, principal: Reader, query: Annotated[ListQuery, Query()]) -> Response:
    """Return tickets of the caller's workspace. ``next`` (also a ``Link`` header) leads to the page after it."""
    edge = edge_of(request)
    question = question_of(query, query.sort, principal, edge)
    etag = list_etag(edge, principal, query.model_dump_json(exclude_defaults=True), question)
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    page = edge.pages.get(etag)
    if page is None:
        page = _page(request, principal, query, question)
        edge.pages.put(etag, page)
    if page.next is not None:
        headers["Link"] = f'<{page.next}>; rel="next"'
    return Response(page.body, 200, headers, "application/json")


def _page(request: Request, principal: Principal, query: ListQuery, question: Question) -> Page:
    edge = edge_of(request)
    index = edge.deps.views.tickets
    try:
        page = page_of(index, question, limit=min(query.limit, edge.deps.policy.list_max), cursor=query.cursor)
    except CursorInvalid as error:
        raise invalid([Fault("cursor", "cursor", str(error))]) from error
    following = None
    if page.cursor is not None:
        url = request.url.include_query_params(cursor=page.cursor)
        following = f"{url.path}?{url.query}"
    tickets = list(rows_of(edge, page.ids, principal.scopes, fields_of(query.fields)))
    body: dict[str, Any] = {"tickets": tickets, "next": following}
    counted = count_of(index, question, query.count)
    if counted is not None:
        body |= {"count": counted[0], "count_is": "exact" if counted[1] else "at_least"}
    return Page(orjson.dumps(body), following)


def question_of(filters: Filters, sort: Sort | None, principal: Principal, edge: Edge) -> Question:
    """Return a question about the caller's own workspace.

    Raises:
        Problem: 422, relevance without a search.
    """
    if sort == "relevance" and filters.q is None:
        raise invalid([Fault("sort", "relevance", "relevance to what? give q as well, or sort by newest")])
    chosen: Sort = sort or ("newest" if filters.q is None else "relevance")
    return Question(principal.workspace_id, filters, chosen, this_minute(edge))


def this_minute(edge: Edge) -> datetime:
    """Return the present minute: answers that depend on the time change once a minute, and so do their tags."""
    return edge.deps.clock.now().replace(second=0, microsecond=0)


def rows_of(
    edge: Edge, ids: Iterable[str], scopes: Collection[str], fields: Collection[str] = ()
) -> Iterable[dict[str, Any]]:
    """Yield tickets as far as ``scopes`` open them; only ``fields``, when there are any."""
    for ticket_id in ids:
        ticket = ticket_of(edge.deps.views, ticket_id)
        assert ticket is not None, "the index was folded from the same views, just now"
        body = shown(ticket, scopes)
        yield {name: body[name] for name in body if name in fields or name == "ticket_id"} if fields else body


def list_etag(edge: Edge, principal: Principal, asked: str, question: Question) -> str:
    """Return a tag of an answer that is made of tickets; no ticket is read for it.

    It changes with every record of the workspace, and, where the answer depends on the time, every minute.
    """
    version = edge.deps.views.tickets.version(principal.workspace_id)
    minute = question.now.isoformat() if question.filters.older_than else ""
    said = "/".join((version, principal.workspace_id, ",".join(sorted(principal.scopes)), asked, minute))
    return etag_of(said.encode())
