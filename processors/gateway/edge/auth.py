"""Who calls, and what they may do. Every route of the API names one scope."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from processors.gateway.commands import Caller
from processors.gateway.edge.admission import admit
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.keyring import KeyRecord, Scope
from processors.gateway.edge.problems import Problem
from schemas.core.ids import WorkspaceId

# These only describe the two ways to send a key in the OpenAPI text; the key is read below, once for both.
_BEARER = HTTPBearer(auto_error=False, description="An API key, `nzl_...`.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller with a good key."""

    key: KeyRecord

    @property
    def caller(self) -> Caller:
        """Return the caller as commands name it."""
        return Caller("api_key", self.key.id)

    @property
    def workspace_id(self) -> WorkspaceId:
        """Return the workspace that the caller belongs to: everything else does not exist for it."""
        return self.key.workspace_id

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return what the key opens."""
        return self.key.scopes

    def require(self, scope: Scope) -> None:
        """Refuse a key without ``scope``.

        Raises:
            Problem: 403.
        """
        if not self.key.allows(scope):
            raise Problem(
                403,
                "missing_scope",
                f"this key does not have the scope {scope}; ask for a key that has it",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                scope=scope,
            )


class Needs:
    """A dependency: a good key with one scope, within its rate."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Security(_BEARER)] = None,
        _header: Annotated[object, Security(_HEADER)] = None,
    ) -> Principal:
        """Return the caller.

        Raises:
            Problem: 401, 403 or 429.
        """
        edge = edge_of(request)
        principal = await authenticate(request, edge)
        principal.require(self.scope)
        await admit(request, edge, principal.caller)
        return principal


async def authenticate(connection: HTTPConnection, edge: Edge) -> Principal:
    """Return who calls, by the key in its headers, and count the call.

    Raises:
        Problem: 401 or 429.
    """
    record = edge.deps.keyring.verify(_key_in(connection), now=edge.deps.clock.now())
    if record is None:
        host = connection.client.host if connection.client else ""
        connection.state.allowance = await edge.limits.stranger(host)
        detail = "no good API key; send one as 'Authorization: Bearer nzl_...' or 'X-API-Key: nzl_...'"
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="noizylab"'})
    principal = Principal(record)
    connection.state.allowance = await edge.limits.key(record.id, getattr(principal, "limit_per_minute", None))
    return principal


def principal_named(edge: Edge, caller: Caller) -> Principal | None:
    """Return a caller as it is now, None when it has no right any more: live readers ask every few seconds."""
    record = edge.deps.keyring.find(caller.id, now=edge.deps.clock.now()) if caller.kind == "api_key" else None
    return None if record is None else Principal(record)


def _key_in(connection: HTTPConnection) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else connection.headers.get("x-api-key", "")
