"""Who calls, and what they may do. Every route of the API names one scope, or says why it needs none."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from connectors.errors import ConnectorError
from connectors.signing.canonical import SCHEME
from connectors.signing.services import Service
from processors.gateway.access.roles import Scope, known_scopes, scopes_of
from processors.gateway.commands import Caller
from processors.gateway.edge.admission import admit
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.refusals import hidden
from processors.gateway.edge.service_calls import signing_service
from processors.gateway.edge.tokens import Claims
from schemas.access import Session, UserView
from schemas.api_keys import ApiKeyView, NoteApiKeyUse
from schemas.core.ids import WorkspaceId
from topics.access import ACCESS_VIEWS

log = logging.getLogger(__name__)

# These only describe the ways to say who calls in the OpenAPI text; all are read below, once for all routes.
_BEARER = HTTPBearer(auto_error=False, description="An access token of a session, or an API key, `nzl_...`.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False)
_SIGNED = APIKeyHeader(
    name="Authorization",
    scheme_name="SignedCall",
    auto_error=False,
    description=f"One of our own services: `{SCHEME} key=, time=, nonce=, body=, signature=` over this one call.",
)
FRESH = timedelta(seconds=5)
"""A token this young may have come from another gateway whose log was read faster than ours."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as far as was proved."""

    kind: Literal["user", "api_key", "service"]
    id: str
    workspace_id: WorkspaceId
    """What the caller belongs to: everything else does not exist for it."""
    scopes: frozenset[Scope]
    per_minute: int | None = None
    """The caller's own rate; None for the house's."""
    session_id: str | None = None

    @property
    def caller(self) -> Caller:
        """Return the caller as commands name it."""
        return Caller(self.kind, self.id)

    @property
    def actor(self) -> str:
        """Return the caller as events name whoever did something."""
        return self.caller.actor

    def require(self, scope: Scope) -> None:
        """Refuse a caller without ``scope``.

        Raises:
            Problem: 403.
        """
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Problem(
                403,
                "missing_scope",
                f"you do not have the scope {scope}; ask an administrator for a role or a key that has it",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                scope=scope,
            )


class SignedIn:
    """A dependency: a caller who is known and within its rate, whatever they may do."""

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Security(_BEARER)] = None,
        _header: Annotated[object, Security(_HEADER)] = None,
        _signed: Annotated[object, Security(_SIGNED)] = None,
    ) -> Principal:
        """Return the caller, and bound what the request can see to their workspace.

        Raises:
            Problem: 401 or 429.
        """
        edge = edge_of(request)
        principal = await authenticate(request, edge)
        request.state.edge = edge.within(principal.workspace_id, lambda: hidden(request, "other_workspace"))
        return principal


class Needs(SignedIn):
    """A dependency: a known caller with one scope, within its rate."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Security(_BEARER)] = None,
        _header: Annotated[object, Security(_HEADER)] = None,
        _signed: Annotated[object, Security(_SIGNED)] = None,
    ) -> Principal:
        """Return the caller.

        Raises:
            Problem: 401, 403 or 429.
        """
        principal = await super().__call__(request)
        principal.require(self.scope)
        await admit(request, edge_of(request), principal.caller)
        return principal


async def authenticate(connection: HTTPConnection, edge: Edge) -> Principal:
    """Return who calls, by the signature, key or token in its headers, and count the call.

    Raises:
        Problem: 401 or 429.
    """
    service = await signing_service(connection, edge)
    principal = await _with_credential(connection, edge) if service is None else _of_service(service)
    connection.state.workspace_id = principal.workspace_id
    return principal


async def _with_credential(connection: HTTPConnection, edge: Edge) -> Principal:
    principal = await identify(edge, _credential_in(connection))
    if principal is None:
        connection.state.allowance = await edge.limits.stranger(connection.client.host if connection.client else "")
        detail = (
            "no good API key or access token; send one as 'Authorization: Bearer ...', a key also as 'X-API-Key: "
            "nzl_...'; an access token lasts minutes, get the next one at /v1/auth/refresh"
        )
        raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="noizylab"'})
    connection.state.caller = principal.caller
    connection.state.allowance = await edge.limits.key(principal.id, principal.per_minute)
    return principal


def principal_named(edge: Edge, caller: Caller, session_id: str | None = None) -> Principal | None:
    """Return a caller as it is now, None when it has no right any more: live readers ask every few seconds.

    With ``session_id`` a person's right ends with that session.
    """
    now = edge.deps.clock.now()
    if caller.kind == "service":
        service = edge.deps.services(caller.id)
        return None if service is None else _of_service(service)
    if caller.kind == "api_key":
        record = edge.deps.keyring.find(caller.id, now=now)
        if record is not None:
            return Principal("api_key", record.id, record.workspace_id, record.scopes)
        view = edge.deps.views.view(ACCESS_VIEWS, f"K-{caller.id}", ApiKeyView)
        return None if view is None or not _is_good(view, now) else _principal_of(view)
    user = edge.deps.views.view(ACCESS_VIEWS, caller.id, UserView) if caller.kind == "user" else None
    if user is None or user.disabled:
        return None
    open_ones = [one for one in user.sessions if now < one.expires_at and session_id in (None, one.session_id)]
    return None if not open_ones else _of_user(user, session_id)


async def identify(edge: Edge, credential: str) -> Principal | None:
    """Return whose key or access token this is; None when it is no good, whatever the reason."""
    if credential.startswith("nzl_"):
        return _of_file(edge, credential) or _of_key(edge, credential)
    claims = edge.deps.credentials.tokens.read(credential, now=edge.deps.clock.now()) if credential else None
    return None if claims is None else await _of_session(edge, claims)


def _of_file(edge: Edge, key: str) -> Principal | None:
    record = edge.deps.keyring.verify(key, now=edge.deps.clock.now())
    return None if record is None else Principal("api_key", record.id, record.workspace_id, record.scopes)


def _of_key(edge: Edge, key: str) -> Principal | None:
    key_id = edge.deps.keyring.id_in(key)
    if key_id is None:
        return None
    view, now = edge.deps.views.view(ACCESS_VIEWS, f"K-{key_id}", ApiKeyView), edge.deps.clock.now()
    fits = edge.deps.keyring.fits(key, None if view is None else view.mac)
    if view is None or not fits or not _is_good(view, now):
        return None
    if view.used_at is None or now - view.used_at >= edge.deps.credentials.policy.key_use_every:
        _note_use(edge, view)
    return _principal_of(view)


def _of_service(service: Service) -> Principal:
    return Principal("service", service.id, service.grant.workspace_id, known_scopes(service.grant.scopes))


def _is_good(view: ApiKeyView, now: datetime) -> bool:
    return view.revoked_at is None and (view.expires_at is None or now < view.expires_at)


def _principal_of(view: ApiKeyView) -> Principal:
    key_id = view.access_id.removeprefix("K-")
    return Principal("api_key", key_id, view.workspace_id, known_scopes(view.scopes), view.per_minute)


def _note_use(edge: Edge, view: ApiKeyView) -> None:
    """Say on the log that a key is in use, beside the request, and no oftener than the owner wants to hear it."""
    now, every = edge.deps.clock.now(), edge.deps.credentials.policy.key_use_every
    told = edge.key_uses.get(view.access_id)
    if told is not None and now - told < every:
        return
    edge.key_uses[view.access_id] = now
    task = asyncio.create_task(_tell_use(edge, view))
    edge.at_work.add(task)
    task.add_done_callback(edge.at_work.discard)


async def _tell_use(edge: Edge, view: ApiKeyView) -> None:
    caller = Caller("api_key", view.access_id.removeprefix("K-"))
    try:
        await edge.commands.tell(NoteApiKeyUse(access_id=view.access_id), correlation_id=view.access_id, caller=caller)
    except ConnectorError as error:
        log.warning("the use of key %s is not noted: %s", view.access_id, error)


async def _of_session(edge: Edge, claims: Claims) -> Principal | None:
    """Hold a token against the user's state: what they may do now counts, not what the token remembers."""
    views, now = edge.deps.views, edge.deps.clock.now()
    user, session = _session_of(edge, claims)
    if session is None and now - claims.issued_at <= FRESH:
        await views.settled(ACCESS_VIEWS, claims.user_id, claims.command_id, edge.deps.policy.outcome_wait_s)
        user, session = _session_of(edge, claims)
    if user is None or session is None or user.disabled or now >= session.expires_at:
        return None
    if user.workspace_id != claims.workspace_id:
        return None
    return _of_user(user, session.session_id)


def _of_user(user: UserView, session_id: str | None) -> Principal:
    return Principal("user", user.access_id, user.workspace_id, scopes_of(user.roles), session_id=session_id)


def _session_of(edge: Edge, claims: Claims) -> tuple[UserView | None, Session | None]:
    user = edge.deps.views.view(ACCESS_VIEWS, claims.user_id, UserView)
    sessions = () if user is None else user.sessions
    return user, next((one for one in sessions if one.session_id == claims.session_id), None)


def _credential_in(connection: HTTPConnection) -> str:
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else connection.headers.get("x-api-key", "")
