"""Figures of the shop, from the warehouse."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from processors.gateway.access.roles import runs_the_house
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Figure, edge_of, whole_edge
from processors.gateway.edge.problems import Problem, away
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.workspaces import WorkspaceView
from topics.access import ACCESS_VIEWS

router = APIRouter(prefix="/v1/figures", tags=["figures"])

# Figures show turnover and margins, so they are for whoever may read prices.
Reader = Annotated[Principal, Depends(Needs("pricing:read"))]


def _may_see_all(request: Request, principal: Principal) -> None:
    """The warehouse adds up all workspaces: with several, only who runs the house may look."""
    others = any(
        one.workspace_id != DEFAULT_WORKSPACE
        for one in whole_edge(request).deps.views.views(ACCESS_VIEWS, WorkspaceView)
    )
    alone = principal.workspace_id == DEFAULT_WORKSPACE and not others
    if not alone and not runs_the_house(principal.workspace_id, principal.scopes):
        detail = "figures add up all workspaces; ask an administrator of the default workspace for yours"
        raise Problem(403, "all_workspaces", detail)


@router.get("")
async def list_figures(request: Request, _: Reader) -> Response:
    """Return which figures there are."""
    figures = [_about(name, figure) for name, figure in sorted(edge_of(request).deps.figures.items())]
    return Response(orjson.dumps({"figures": figures}), media_type="application/json")


@router.get("/{name}")
async def get_figure(request: Request, name: Annotated[str, Path(max_length=100)], principal: Reader) -> Response:
    """Return a figure with its rows, in the figure's own order."""
    _may_see_all(request, principal)
    deps = edge_of(request).deps
    figure = deps.figures.get(name)
    if figure is None:
        raise Problem(404, "not_found", f"there is no figure {name!r}; /v1/figures lists them")
    if deps.warehouse is None:
        raise away("no analytics warehouse is connected to this server")
    rows = await deps.warehouse.query(figure.sql)
    body = {**_about(name, figure), "rows": rows}
    # Decimals and dates of the warehouse have no JSON type: they go out as text.
    return Response(orjson.dumps(body, default=str), media_type="application/json")


def _about(name: str, figure: Figure) -> dict[str, str]:
    return {"name": name, "title": figure.title, "definition": figure.definition, "unit": figure.unit}
