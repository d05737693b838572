"""Workspaces: the settings of one's own, and, for whoever runs the house, all of them."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from processors.gateway.access.roles import runs_the_house
from processors.gateway.access.state import workspace_key
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of, whole_edge
from processors.gateway.edge.problems import Problem
from processors.gateway.tenancy import locations_named
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId
from schemas.workspaces import (
    AmendWorkspace,
    CreateWorkspace,
    WorkspaceAmended,
    WorkspaceCreated,
    WorkspaceSettings,
    WorkspaceView,
)
from topics.access import ACCESS_VIEWS

router = APIRouter(prefix="/v1/workspaces", tags=["workspaces"])

Admin = Annotated[Principal, Depends(Needs("admin"))]
WorkspacePath = Annotated[WorkspaceId, Path()]


class Settings(WorkspaceSettings):
    """All settings of a workspace: what is left out goes back to its default."""

    model_config = ConfigDict(extra="forbid")


class NewWorkspace(BaseModel):
    """A workspace to open. Its id begins the names of its stock locations, which are short."""

    model_config = ConfigDict(extra="forbid")

    workspace_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")]
    settings: Settings


@router.get("")
async def list_workspaces(request: Request, principal: Admin) -> Response:
    """Return the caller's workspace; all of them to an administrator of the default one."""
    all_of_them = runs_the_house(principal.workspace_id, principal.scopes)
    views = (whole_edge(request) if all_of_them else edge_of(request)).deps.views
    found = {one.workspace_id: one for one in views.views(ACCESS_VIEWS, WorkspaceView)}
    names = sorted({*found, principal.workspace_id})
    return _json({"workspaces": [_shown(name, found.get(name)) for name in names]})


@router.post("", status_code=201)
async def create(request: Request, body: NewWorkspace, principal: Admin) -> Response:
    """Open a workspace; its first owner is made with `noizylab admin create --workspace`."""
    if not runs_the_house(principal.workspace_id, principal.scopes):
        raise Problem(403, "not_the_house", "only an administrator of the default workspace opens another one")
    if taken := locations_named(whole_edge(request).deps.views, body.workspace_id):
        detail = f"the stock location {taken[0]} is named after it; choose another id"
        raise Problem(409, "location_taken", detail)
    command = CreateWorkspace(
        access_id=workspace_key(body.workspace_id),
        workspace_id=body.workspace_id,
        settings=_plain(body.settings),
        by=principal.actor,
    )
    event, _ = await edge_of(request).desk.ask(command, principal.caller, WorkspaceCreated)
    shown = {"workspace_id": event.workspace_id, "settings": event.settings.model_dump(mode="json")}
    return _json(shown, 201, {"Location": f"/v1/workspaces/{body.workspace_id}"})


@router.get("/{workspace_id}")
async def get_workspace(request: Request, workspace_id: WorkspacePath, principal: Admin) -> Response:
    """Return the caller's workspace."""
    edge = edge_of(request)
    _own(principal, workspace_id)
    return _json(_shown(workspace_id, _view(edge, workspace_id)))


@router.put("/{workspace_id}")
async def amend(request: Request, workspace_id: WorkspacePath, settings: Settings, principal: Admin) -> Response:
    """Give the caller's workspace other settings, all of them."""
    edge = edge_of(request)
    _own(principal, workspace_id)
    command = AmendWorkspace(
        access_id=workspace_key(workspace_id), workspace_id=workspace_id, settings=_plain(settings), by=principal.actor
    )
    event, _ = await edge.desk.ask(command, principal.caller, WorkspaceAmended)
    return _json({"workspace_id": workspace_id, "settings": event.settings.model_dump(mode="json")})


def _plain(settings: Settings) -> WorkspaceSettings:
    return WorkspaceSettings.model_validate(settings.model_dump())


def _own(principal: Principal, workspace_id: WorkspaceId) -> None:
    if workspace_id != principal.workspace_id:
        raise Problem(404, "not_found", f"there is no workspace {workspace_id}; /v1/workspaces lists yours")


def _view(edge: Edge, workspace_id: WorkspaceId) -> WorkspaceView | None:
    return edge.deps.views.view(ACCESS_VIEWS, workspace_key(workspace_id), WorkspaceView)


def _shown(workspace_id: WorkspaceId, view: WorkspaceView | None) -> dict[str, Any]:
    settings = WorkspaceSettings(name=DEFAULT_WORKSPACE) if view is None else view.settings
    return {"workspace_id": workspace_id, "settings": settings.model_dump(mode="json")}


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
