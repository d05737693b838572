"""Who calls, and what they may do. Every route of the API names one scope."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from processors.gateway.commands import Caller
from processors.gateway.edge.admission import admit
from processors.gateway.edge.deps import edge_of
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
        record = edge.deps.keyring.verify(_key_in(request), now=edge.deps.clock.now())
        if record is None:
            host = request.client.host if request.client else ""
            request.state.allowance = await edge.limits.stranger(host)
            detail = "no good API key; send one as 'Authorization: Bearer nzl_...' or 'X-API-Key: nzl_...'"
            raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="noizylab"'})
        principal = Principal(record)
        request.state.allowance = await edge.limits.key(record.id, getattr(principal, "limit_per_minute", None))
        principal.require(self.scope)
        await admit(request, edge, principal.caller)
        return principal


def _key_in(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
