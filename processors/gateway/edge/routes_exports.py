"""Views of the warehouse as files, streamed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from connectors.clickhouse.export import (
    MEDIA_TYPES,
    Format,
    NoSuchView,
    NoTimeColumn,
    Selection,
    columns_of,
    selection,
    selection_of_period,
)
from connectors.clickhouse.port import OverBudget, Warehouse
from processors.gateway.access.roles import runs_the_house
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, Report, edge_of
from processors.gateway.edge.flight import flight_of
from processors.gateway.edge.problems import Fault, Problem, away, invalid

router = APIRouter(prefix="/v1/analytics", tags=["figures"])

Reader = Annotated[Principal, Depends(Needs("pricing:read"))]
_FILES: Any = {200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}}}
_OVER = (
    "the file would take more rows or time than a reader is given; name a shorter period with ?since= and ?until=, "
    "or read the view through a ClickHouse client"
)


@router.get("/export/{view}", response_class=StreamingResponse, responses=_FILES)
async def export(
    request: Request,
    principal: Reader,
    view: Annotated[str, Path(max_length=100, description="A view, such as `v_tickets`, or a figure's name.")],
    file_format: Annotated[Format, Query(alias="format")] = "csv",
    since: Annotated[date | None, Query(description="The first day, UTC.")] = None,
    until: Annotated[date | None, Query(description="The first day after it, UTC.")] = None,
) -> StreamingResponse:
    """Return the rows of a view, or of a figure over a period, of the caller's workspace, as CSV or Parquet."""
    edge = edge_of(request)
    warehouse, downloads = edge.deps.warehouse, edge.deps.downloads
    if warehouse is None or downloads is None:
        raise away("no analytics warehouse is connected to this server")
    flight_of(request).become(edge.exports)
    try:
        if view in edge.deps.reports:
            chosen = await _figure(edge, warehouse, principal, edge.deps.reports[view], file_format, since, until)
        else:
            chosen = await _view(warehouse, principal, view, file_format, since, until)
        chunks = downloads.download(chosen.sql, chosen.parameters, file_format)
        first = await anext(aiter(chunks), b"")
    except NoSuchView as error:
        raise Problem(404, "not_found", str(error)) from error
    except NoTimeColumn as error:
        raise invalid([Fault("since" if since else "until", "no_time", str(error))]) from error
    except OverBudget as error:
        raise Problem(422, "over_budget", _OVER) from error
    headers = {"Content-Disposition": f'attachment; filename="{view}.{file_format}"'}
    return StreamingResponse(_all(first, chunks), media_type=MEDIA_TYPES[file_format], headers=headers)


async def _figure(
    edge: Edge,
    warehouse: Warehouse,
    principal: Principal,
    figure: Report,
    file_format: Format,
    since: date | None,
    until: date | None,
) -> Selection:
    if figure.whole_house:
        _must_run_the_house(principal, figure.name)
    return await selection_of_period(
        warehouse,
        figure.sql,
        file_format,
        workspace_id=principal.workspace_id,
        since=since,
        until=until,
        today=edge.deps.clock.now().astimezone(UTC).date(),
    )


async def _view(
    warehouse: Warehouse, principal: Principal, view: str, file_format: Format, since: date | None, until: date | None
) -> Selection:
    columns = await columns_of(warehouse, view)
    own = any(column.name == "workspace_id" for column in columns)
    if not own:
        _must_run_the_house(principal, view)
    workspace = principal.workspace_id if own else None
    return selection(view, columns, file_format, workspace_id=workspace, since=since, until=until)


def _must_run_the_house(principal: Principal, name: str) -> None:
    if not runs_the_house(principal.workspace_id, principal.scopes):
        detail = f"{name} adds up all workspaces; ask an administrator of the default workspace for it"
        raise Problem(403, "all_workspaces", detail)


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(rest) as chunks:  # type: ignore[type-var]  # an async generator, as every implementation is
        yield first
        async for chunk in chunks:
            yield chunk
