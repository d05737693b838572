"""Tickets out of another program's table: every row is an intake at the counter."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from connectors.intake.submit import submit, withdraw
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.many import Result, results_of
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.routes_bulk import LINES
from processors.gateway.import_rows import ImportRules, Row, read_rows
from processors.gateway.present import ticket_of
from processors.gateway.spreadsheet import Table, TableInvalid, guarded, read_table
from schemas.core.message import Message
from schemas.core.text import ShortText
from schemas.tickets import IntakeRefused, SubmitIntake, TicketOpened

router = APIRouter(prefix="/v1", tags=["intakes"])

AT_ONCE = 20
"""Rows under way together; each writes a contact into the vault before its command."""
NO_PHOTOS = "imported"
TICKET_EXISTS = "ticket_exists"
_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


class ImportQuery(BaseModel):
    """What holds for the whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    consent_version: Annotated[ShortText, Field(min_length=1)] = Field(
        description="The version of the terms that these customers accepted."
    )
    phone_prefix: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{0,3}$")] | None = Field(
        default=None, description="Country of phone numbers without one: +49 (in an address: %2B49)."
    )
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Import:
    edge: Edge
    principal: Principal
    rows: list[Row]
    dry_run: bool


@router.post("/imports", openapi_extra=_BODY)
async def import_tickets(
    request: Request,
    principal: Annotated[Principal, Depends(Needs("tickets:write"))],
    query: Annotated[ImportQuery, Query()],
) -> Response:
    """Open a ticket for each row of a CSV file; the body is the file. Names and addresses go to the vault.

    A row is ``opened``, ``there_already``, ``invalid`` or ``refused`` with the reason, ``skipped``, ``late`` (accepted;
    the answer took too long) or ``failed`` (send the file again). ``valid``: a dry run found nothing wrong. The same
    file, whole or corrected, can be sent again: what is there is not opened twice. ``Accept: text/csv`` gives the
    report as a table, ``application/x-ndjson`` line by line while it goes on.
    """
    edge = edge_of(request)
    try:
        table = await asyncio.to_thread(read_table, await request.body(), rows_max=edge.deps.policy.import_rows_max)
    except TableInvalid as error:
        raise Problem(422, "table_invalid", str(error)) from error
    rules = ImportRules(principal.workspace_id, query.consent_version, query.phone_prefix)
    rows = await asyncio.to_thread(lambda: list(read_rows(table, rules)))
    job = _Import(edge, principal, rows, query.dry_run)
    accept = request.headers.get("accept", "")
    if LINES in accept:
        return StreamingResponse(_lines(job, table), media_type=LINES, headers={"X-Accel-Buffering": "no"})
    results = sorted([result async for result in _results(job)], key=lambda result: result["line"])
    if "text/csv" in accept:
        return Response(_report(results), media_type="text/csv")
    body = {**_head(job, table), **_tail(results), "rows": results}
    return Response(orjson.dumps(body), media_type="application/json")


def _results(job: _Import) -> AsyncIterator[Result]:
    """Yield each row's result as it comes in."""
    return results_of(job.rows, partial(_result, job), failed=_failed, at_once=AT_ONCE)


async def _result(job: _Import, row: Row) -> Result:
    result: Result = {"line": row.line, "ticket_id": row.ticket_id}
    if row.skipped is not None:
        return {**result, "status": "skipped", "detail": row.skipped}
    if row.form is None:
        faults = [{"column": one.column, "code": one.code, "detail": one.detail} for one in row.faults]
        return {**result, "status": "invalid", "errors": faults}
    if ticket_of(job.edge.deps.views, row.ticket_id) is not None:
        return {**result, "status": "there_already"}
    if job.dry_run:
        return {**result, "status": "valid"}
    return await _open(job, row, result)


async def _open(job: _Import, row: Row, result: Result) -> Result:
    deps = job.edge.deps

    async def send(message: Message, *, correlation_id: str, id: UUID) -> UUID:  # noqa: A002 - CloudEvents' name
        command = message.model_copy(update={"no_photos_reason": NO_PHOTOS})
        return await job.edge.commands.tell(command, correlation_id=correlation_id, caller=job.principal.caller, id=id)

    assert row.form is not None
    command, command_id = await submit(
        row.form,
        (),
        ticket_id=row.ticket_id,
        workspace_id=job.principal.workspace_id,
        blobs=deps.blobs,
        vault=deps.vault,
        send=send,
    )
    wait_s = deps.policy.outcome_wait_s
    outcome = await deps.views.outcome_of(command_id, wait_s, (TicketOpened, IntakeRefused))
    if outcome is None:
        return {**result, "status": "late", "detail": f"see /v1/tickets/{row.ticket_id}"}
    if isinstance(outcome.event, IntakeRefused):
        return await _refused(job, command, outcome.event, result)
    return {**result, "status": "opened"}


async def _refused(job: _Import, command: SubmitIntake, said: IntakeRefused, result: Result) -> Result:
    if said.reason != TICKET_EXISTS:
        # Else this contact is that of a ticket, which another process of the edge knows already and this one does not.
        await withdraw(command, vault=job.edge.deps.vault)
    return {**result, "status": "refused", "reason": said.reason, "detail": said.detail}


def _failed(row: Row) -> Result:
    detail = "the log or the vault did not take it; send the file again, what is there is not opened twice"
    return {"line": row.line, "ticket_id": row.ticket_id, "status": "failed", "detail": detail}


def _head(job: _Import, table: Table) -> dict[str, Any]:
    return {
        "dry_run": job.dry_run,
        "total": len(job.rows),
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "columns": {name: table.header[place] for name, place in table.columns.items()},
        "ignored_columns": table.ignored,
    }


def _tail(results: Iterable[Result]) -> dict[str, Any]:
    return {"counts": dict(Counter(result["status"] for result in results))}


async def _lines(job: _Import, table: Table) -> AsyncIterator[bytes]:
    yield orjson.dumps(_head(job, table)) + b"\n"
    counts: Counter[str] = Counter()
    async for result in _results(job):
        counts[result["status"]] += 1
        yield orjson.dumps(result) + b"\n"
    yield orjson.dumps({"counts": dict(counts)}) + b"\n"


def _report(results: Iterable[Result]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("line", "status", "ticket_id", "detail"))
    for result in results:
        errors = "; ".join(f"{one['column']}: {one['detail']}" for one in result.get("errors", ()))
        detail = errors or result.get("detail", "")
        writer.writerow((result["line"], result["status"], result["ticket_id"], guarded(detail)))
    return text.getvalue()
