"""What people are asked to do, and that they did it."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.routes_tickets import TicketPath, existing_ticket
from processors.gateway.present import open_tasks
from schemas.core.ids import Code
from schemas.core.text import ShortText
from schemas.workflow import CompleteTask, JsonObject, TaskCompleted, TaskRefused

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

Manager = Annotated[Principal, Depends(Needs("workflows:manage"))]


class Completion(BaseModel):
    """Who finished the task, and what the task's form asks for."""

    model_config = ConfigDict(extra="forbid")

    by: ShortText = Field(min_length=1)
    outputs: JsonObject = Field(default_factory=dict)


@router.get("")
async def list_tasks(
    request: Request,
    _: Manager,
    role: Annotated[Code | None, Query()] = None,
    limit: Annotated[int, Query(ge=1)] = 200,
) -> Response:
    """Return the open tasks of all flows, the oldest first."""
    edge = edge_of(request)
    tasks = open_tasks(edge.deps.views, role=role, limit=min(limit, edge.deps.policy.list_max))
    return Response(orjson.dumps({"tasks": tasks}), media_type="application/json")


@router.post("/{ticket_id}/{task_id}/complete")
async def complete(
    request: Request,
    ticket_id: TicketPath,
    task_id: Annotated[str, Path(min_length=1, max_length=200)],
    completion: Completion,
    principal: Manager,
    _: IdempotencyKey = None,
) -> Response:
    """Finish a task: 200 when the flow took it, 409 when it does not fit, 202 when the answer takes too long."""
    edge = edge_of(request)
    existing_ticket(edge, ticket_id)
    command = CompleteTask(ticket_id=ticket_id, task_id=task_id, by=completion.by, outputs=completion.outputs)
    outcome = await edge.commands.ask(
        command,
        correlation_id=ticket_id,
        caller=principal.caller,
        answers=(TaskCompleted, TaskRefused),
    )
    if outcome is None:
        body = {"ticket_id": ticket_id, "task_id": task_id, "status": "accepted"}
        headers = {"Location": f"/v1/tickets/{ticket_id}/timeline"}
        return Response(orjson.dumps(body), 202, headers, "application/json")
    if isinstance(outcome.event, TaskRefused):
        raise Problem(409, "task_refused", outcome.event.reason, ticket_id=ticket_id, task_id=task_id)
    return Response(outcome.event.to_json(), media_type="application/json")
