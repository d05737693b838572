"""API keys of a workspace, for its administrators."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from processors.gateway.access.roles import Scope, within
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Fault, Problem, invalid
from schemas.api_keys import ApiKeyCreated, ApiKeyRevoked, ApiKeyView, CreateApiKey, RevokeApiKey
from schemas.core.text import ShortText
from schemas.core.time import UtcTime, rfc3339
from topics.access import ACCESS_VIEWS

router = APIRouter(prefix="/v1/keys", tags=["keys"])

Admin = Annotated[Principal, Depends(Needs("admin"))]
KeyPath = Annotated[str, Path(), StringConstraints(pattern=r"^[0-9A-Za-z]{8}$")]


class KeyWish(BaseModel):
    """What a new key is for. The workspace is the administrator's own."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[ShortText, Field(min_length=1)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=50)]
    expires_at: UtcTime | None = None
    per_minute: Annotated[int | None, Field(ge=1, le=100_000)] = None


@router.get("")
async def list_keys(request: Request, _: Admin) -> Response:
    """Return what is kept of all keys, the oldest first."""
    keys = sorted(edge_of(request).deps.views.views(ACCESS_VIEWS, ApiKeyView), key=lambda key: key.created_at)
    return _json({"keys": [_shown(key) for key in keys]})


@router.post("", status_code=201)
async def create_key(request: Request, wish: KeyWish, principal: Admin) -> Response:
    """Make a key. The answer has it, and nothing else ever will."""
    edge = edge_of(request)
    if not within(wish.scopes, principal.scopes):
        raise invalid([Fault("scopes", "not_yours", "a key can open no more than whoever makes it")])
    if wish.expires_at is not None and wish.expires_at <= edge.deps.clock.now():
        raise invalid([Fault("expires_at", "past", "this moment has passed; name a later one")])
    key_id, key, mac = edge.deps.keyring.mint()
    command = CreateApiKey(
        access_id=f"K-{key_id}",
        workspace_id=principal.workspace_id,
        name=wish.name,
        mac=mac,
        scopes=wish.scopes,
        by=principal.actor,
        expires_at=wish.expires_at,
        per_minute=wish.per_minute,
    )
    await edge.desk.ask(command, principal.caller, ApiKeyCreated)
    return _json({"id": key_id, "key": key, **wish.model_dump(mode="json")}, 201)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(request: Request, key_id: KeyPath, principal: Admin) -> Response:
    """Let a key open nothing any more, on every gateway at once."""
    edge = edge_of(request)
    key = _existing(edge, key_id)
    await edge.desk.ask(RevokeApiKey(access_id=key.access_id, by=principal.actor), principal.caller, ApiKeyRevoked)
    return Response(status_code=204)


def _existing(edge: Edge, key_id: str) -> ApiKeyView:
    key = edge.deps.views.view(ACCESS_VIEWS, f"K-{key_id}", ApiKeyView)
    if key is None:
        raise Problem(404, "not_found", f"there is no key {key_id}; /v1/keys lists them")
    return key


def _shown(key: ApiKeyView) -> dict[str, Any]:
    return {
        "id": key.access_id.removeprefix("K-"),
        "name": key.name,
        "scopes": key.scopes,
        "per_minute": key.per_minute,
        "created_at": rfc3339(key.created_at),
        "expires_at": _at(key.expires_at),
        "revoked_at": _at(key.revoked_at),
        "used_at": _at(key.used_at),
    }


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
