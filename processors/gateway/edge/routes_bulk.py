"""One action on many tickets: a command for each, and what became of each."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.bulk_actions import ACTIONS, Action, AnyAction, Sender
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.many import Result, results_of
from processors.gateway.edge.problems import Fault, Problem, invalid
from processors.gateway.edge.routes_lists import question_of
from processors.gateway.edge.ticket_requests import NO_CHANGE, seal
from processors.gateway.filters import Filters
from processors.gateway.listing import page_of
from processors.gateway.present import ticket_of
from schemas.core.ids import TicketId
from schemas.core.message import Command
from schemas.tickets import TicketView

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

BULK_MAX = 500
AT_ONCE = 50
"""Commands under way together: as many as a batch of the owner takes, and few beside what others do."""
LINES = "application/x-ndjson"


class BulkRequest(BaseModel):
    """Either ``ids`` or a ``query``, whose tickets are looked up once, before the first command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: tuple[TicketId, ...] | None = Field(default=None, min_length=1, max_length=BULK_MAX)
    query: Filters | None = None
    action: AnyAction
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_choice(self) -> "BulkRequest":
        if (self.ids is None) == (self.query is None):
            raise ValueError("give either ids or query, not both and not neither")
        return self


@dataclass(frozen=True, slots=True)
class _Job:
    """A request at work. ``key`` tells it from others of the same caller."""

    edge: Edge
    principal: Principal
    asked: BulkRequest
    ids: tuple[str, ...]
    key: str

    @property
    def action(self) -> Action:
        return ACTIONS[self.asked.action.do]

    def command_id(self, ticket_id: str) -> UUID:
        """Return the same id for the same ticket, action and key, so that repeating a request does nothing twice."""
        return stable_id(self.principal.caller, "bulk", self.key, self.asked.action.model_dump_json(), ticket_id)


@router.post("/bulk")
async def bulk(
    request: Request,
    principal: Annotated[Principal, Depends(Needs("tickets:write"))],
    asked: BulkRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Do one thing to many tickets. The answer has an item for each; with ``Accept: application/x-ndjson`` as lines.

    An item is ``done``, ``unchanged`` (it was so already), ``refused`` with the reason, ``late`` (accepted; the answer
    took too long), ``not_found``, ``failed`` (not sent; repeat with the same Idempotency-Key), or, in a dry run,
    ``would_send``: only the owner's guards know whether it would be refused.
    """
    edge = edge_of(request)
    job = _Job(edge, principal, asked, _frozen(edge, principal, asked), idempotency_key or str(new_id()))
    if LINES in request.headers.get("accept", ""):
        return StreamingResponse(_lines(job), media_type=LINES, headers={"X-Accel-Buffering": "no"})
    items = [item async for item in _items(job)]
    order = {ticket_id: place for place, ticket_id in enumerate(job.ids)}
    items.sort(key=lambda item: order[item["ticket_id"]])
    body = {**_head(job), "counts": Counter(item["status"] for item in items), "items": items}
    return Response(orjson.dumps(body), media_type="application/json")


def _frozen(edge: Edge, principal: Principal, asked: BulkRequest) -> tuple[str, ...]:
    """Return the tickets meant, each once.

    Raises:
        Problem: 422, a query that means more than can be done in one request.
    """
    if asked.ids is not None:
        return tuple(dict.fromkeys(asked.ids))
    assert asked.query is not None
    page = page_of(edge.deps.views.tickets, question_of(asked.query, None, principal, edge), limit=BULK_MAX)
    if page.cursor is not None:
        detail = f"more than {BULK_MAX} tickets are meant; narrow the query, or do it in parts"
        raise invalid([Fault("query", "too_many", detail)])
    return page.ids


def _items(job: _Job) -> AsyncIterator[Result]:
    """Yield each ticket's item as it comes in."""
    return results_of(job.ids, partial(_one, job), failed=_failed, at_once=AT_ONCE)


async def _one(job: _Job, ticket_id: str) -> Result:
    views, action = job.edge.deps.views, job.action
    ticket = ticket_of(views, ticket_id)
    if ticket is None or ticket.workspace_id != job.principal.workspace_id:
        return {"ticket_id": ticket_id, "status": "not_found", "detail": f"there is no ticket {ticket_id}"}
    command_id = job.command_id(ticket_id)
    answers = (action.done, action.refused)
    outcome = await views.outcome_of(command_id, 0, answers)
    if outcome is None:
        if action.is_done(job.asked.action, ticket):
            return {"ticket_id": ticket_id, "status": "unchanged"}
        if job.asked.dry_run:
            return {"ticket_id": ticket_id, "status": "would_send"}
        try:
            command = await _command(job, ticket, command_id)
        except Problem as problem:  # an erased ticket takes no words
            return _refused(ticket_id, str(problem.extra.get("guard", problem.code)), str(problem.detail))
        outcome = await job.edge.commands.ask(
            command,
            correlation_id=ticket_id,
            caller=job.principal.caller,
            answers=answers,
            id=command_id,
        )
    if outcome is None:
        return {"ticket_id": ticket_id, "status": "late", "detail": f"see /v1/tickets/{ticket_id}/timeline"}
    event = outcome.event
    if isinstance(event, action.refused):
        if event.guard in NO_CHANGE:
            return {"ticket_id": ticket_id, "status": "unchanged"}
        return _refused(ticket_id, event.guard, event.detail)
    return {"ticket_id": ticket_id, "status": "done"}


async def _command(job: _Job, ticket: TicketView, command_id: UUID) -> Command:
    sender = Sender(job.principal.actor, command_id, partial(seal, job.edge))
    return await job.action.command(job.asked.action, ticket, sender)


def _refused(ticket_id: str, reason: str, detail: str) -> Result:
    return {"ticket_id": ticket_id, "status": "refused", "reason": reason, "detail": detail}


def _failed(ticket_id: str) -> Result:
    detail = "log or vault did not take it; repeat the request with the same Idempotency-Key"
    return {"ticket_id": ticket_id, "status": "failed", "reason": "unavailable", "detail": detail}


def _head(job: _Job) -> dict[str, Any]:
    return {"idempotency_key": job.key, "dry_run": job.asked.dry_run, "total": len(job.ids)}


async def _lines(job: _Job) -> AsyncIterator[bytes]:
    yield orjson.dumps(_head(job)) + b"\n"
    counts: Counter[str] = Counter()
    async for item in _items(job):
        counts[item["status"]] += 1
        yield orjson.dumps(item) + b"\n"
    yield orjson.dumps({"counts": dict(counts)}) + b"\n"
