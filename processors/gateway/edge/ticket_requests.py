"""What every write to a ticket has in common: whose ticket it is, who asks, and how the answer reads."""

from collections.abc import Collection
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Problem, invalid_model
from processors.gateway.present import ticket_of
from schemas.core.ids import Code
from schemas.core.message import Event
from schemas.ticket_facets import TicketRequestRefused
from schemas.ticket_parts import TicketRequest
from schemas.tickets import MoveTicket, TicketMoveRefused
from topics.tickets import TICKET_VIEWS

NO_CHANGE = ("already_so", "duplicate")
"""Guards that only say that there is nothing left to do: a success for whoever asked."""


class Body(BaseModel):
    """What the bodies of all writes share: nothing that is not asked for, and never who acts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expected_version: int | None = Field(default=None, ge=1, description="Refuse when the ticket changed since.")


class Reasoned(Body):
    """A body that says why."""

    reason: Code


def derived_ticket_id(principal: Principal, wish: str, ticket_id: str, key: str | None) -> str:
    """Return the id of a ticket that a wish opens: the same for the same Idempotency-Key."""
    return f"T-{stable_id(principal.caller, wish, ticket_id, key) if key else new_id()}"


async def sealed(edge: Edge, ticket_id: str, text: str | None) -> str | None:
    """Return a person's words as they may lie on the log, None for none; raises as :func:`seal` in any case."""
    check_open(edge, ticket_id)
    return None if text is None else await seal(edge, ticket_id, text)


async def seal(edge: Edge, ticket_id: str, text: str) -> str:
    """Return a person's words as they may lie on the log.

    Raises:
        Problem: 409, for an erased ticket: its key was destroyed and is not made anew.
    """
    check_open(edge, ticket_id)
    return await edge.deps.vault.seal_text(ticket_id, text)


def check_open(edge: Edge, ticket_id: str) -> None:
    """Refuse what would be added to an erased ticket.

    Raises:
        Problem: 409.
    """
    ticket = ticket_of(edge.deps.views, ticket_id)
    if ticket is not None and ticket.erased_at is not None:
        detail = f"the ticket was erased on {ticket.erased_at:%Y-%m-%d}; nothing is added to it"
        raise Problem(409, "refused", detail, guard="erased", ticket_id=ticket_id)


def made(kind: type[Any], /, **fields: Any) -> Any:
    """Return a command.

    Raises:
        Problem: 422, when a value does not fit the command's own rules.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        raise invalid_model(error) from error


async def ask(
    request: Request,
    principal: Principal,
    command: TicketRequest | MoveTicket,
    answers: Collection[type[Event]],
    *,
    key: str | None,
    status: int = 200,
    **also: Any,
) -> Response:
    """Send a wish and answer with its outcome.

    ``status`` and the event when it was granted, 200 ``unchanged`` when there was nothing to do, 202 when the answer
    takes too long. The view has folded the change by then, so that the caller reads its own write.

    Raises:
        Problem: 409 with the guard that refused.
    """
    edge, ticket_id = edge_of(request), command.ticket_id
    given = stable_id(principal.caller, command.TYPE, ticket_id, key) if key else new_id()
    refusals = (TicketMoveRefused, TicketRequestRefused)
    outcome = await edge.commands.ask(
        command, correlation_id=ticket_id, caller=principal.caller, answers=(*answers, *refusals), id=given
    )
    location = f"/v1/tickets/{ticket_id}"
    body: dict[str, Any] = {"ticket_id": ticket_id, **also, "links": {"ticket": location}}
    if outcome is None:
        return _json({**body, "status": "accepted"}, 202, f"{location}/timeline")
    event = outcome.event
    if isinstance(event, TicketMoveRefused | TicketRequestRefused):
        if event.guard in NO_CHANGE:
            return _json({**body, "status": "unchanged"}, 200, location)
        raise Problem(409, "refused", event.detail, guard=event.guard, ticket_id=ticket_id)
    policy = edge.deps.policy
    settled = await edge.deps.views.settled(TICKET_VIEWS, ticket_id, given, policy.outcome_wait_s)
    ticket = ticket_of(edge.deps.views, ticket_id)
    if settled and ticket is not None:
        body |= {"version": ticket.version, "state": ticket.state}
    return _json({**body, "status": "done", "event": orjson.loads(event.to_json())}, status, location)


def _json(body: dict[str, Any], status: int, location: str) -> Response:
    return Response(orjson.dumps(body), status, {"Location": location}, "application/json")
