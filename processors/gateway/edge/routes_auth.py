"""Logging in and out, one's own password and second factor, and the keys that access tokens are checked with."""

from typing import Annotated, Any

import orjson
import pyotp
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from connectors.mail.port import Address
from processors.gateway.access.roles import SCOPES
from processors.gateway.edge.auth import Principal, SignedIn
from processors.gateway.edge.deps import edge_of
from processors.gateway.edge.login import (
    Tokens,
    begin_totp,
    change_password,
    choose_password,
    confirm_totp,
    end_session,
    log_in,
    prove,
    refresh,
)
from processors.gateway.edge.problems import Problem
from schemas.access import DisableTotp, TotpDisabled, UserView
from schemas.core.ids import DEFAULT_WORKSPACE, RecordId, WorkspaceId
from topics.access import ACCESS_VIEWS

router = APIRouter(tags=["sessions"])

Known = Annotated[Principal, Depends(SignedIn())]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z -]{0,40}$")]
Token = Annotated[SecretStr, Field(min_length=1, max_length=300)]


class _Body(BaseModel):
    """A request's body: what is not named here is refused."""

    model_config = ConfigDict(extra="forbid")


class Login(_Body):
    """Who logs in where. ``code`` is the second factor's, or a recovery code."""

    mail: Address
    password: Password
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    code: Code = ""


class Refresh(_Body):
    """The newest refresh token of a session."""

    refresh_token: Token


class ChosenPassword(_Body):
    """A password for the holder of a link."""

    token: Token
    password: Password


class ChangedPassword(_Body):
    """A new password in place of the one that is known."""

    old: Password
    new: Password


class Proof(_Body):
    """One's own password, before something that a thief of the session must not do."""

    password: Password


class TotpProof(_Body):
    """The first code of a second factor."""

    totp_id: RecordId
    code: Code


@router.post("/v1/auth/login")
async def login(request: Request, body: Login) -> Response:
    """Open a session: an access token for some minutes, and a refresh token for the next one."""
    edge = edge_of(request)
    user_id = edge.deps.credentials.seals.user_id(body.workspace_id, body.mail)
    await edge.throttle.attempt(user_id, _address(request))
    tokens = await log_in(edge.desk, user_id, body.password.get_secret_value(), body.code.strip())
    await edge.throttle.succeeded(user_id)
    return _json(_shown(tokens))


@router.post("/v1/auth/refresh")
async def refresh_session(request: Request, body: Refresh) -> Response:
    """Exchange a refresh token. Each is good once; one that is shown again ends the session for whoever holds it."""
    edge = edge_of(request)
    try:
        return _json(_shown(await refresh(edge.desk, body.refresh_token.get_secret_value())))
    except Problem as problem:
        if problem.status_code == 401:
            await edge.limits.stranger(_address(request))
        raise


@router.post("/v1/auth/logout", status_code=204)
async def logout(request: Request, principal: Known) -> Response:
    """End the session, on every gateway at once."""
    user = _me(request, principal)
    await end_session(edge_of(request).desk, user.access_id, principal.session_id, "logout", principal.caller)
    return Response(status_code=204)


@router.get("/v1/auth/me")
async def me(request: Request, principal: Known) -> Response:
    """Return who calls, and what they may do."""
    edge = edge_of(request)
    scopes = SCOPES if "admin" in principal.scopes else tuple(one for one in SCOPES if one in principal.scopes)
    shown: dict[str, Any] = {
        "kind": principal.kind,
        "id": principal.id,
        "workspace_id": principal.workspace_id,
        "scopes": scopes,
    }
    if principal.kind == "user":
        user = _me(request, principal)
        person = await edge.deps.credentials.people.person(user.access_id)
        shown |= {
            "name": None if person is None else person.name,
            "mail": None if person is None else person.mail,
            "roles": user.roles,
            "second_factor": user.totp is not None,
            "recovery_codes_left": 0 if user.totp is None else len(user.totp.recovery),
            "session_id": principal.session_id,
            "sessions": [session.model_dump(mode="json", exclude={"number"}) for session in user.sessions],
        }
    return _json(shown)


@router.post("/v1/auth/password", responses={410: {}}, status_code=204)
async def choose(request: Request, body: ChosenPassword) -> Response:
    """Choose a password with the token of an invitation or a reset. The token is good once."""
    edge = edge_of(request)
    try:
        await choose_password(edge.desk, body.token.get_secret_value(), body.password.get_secret_value())
    except Problem as problem:
        if problem.status_code == 410:
            await edge.limits.stranger(_address(request))
        raise
    return Response(status_code=204)


@router.put("/v1/auth/password", status_code=204)
async def change(request: Request, body: ChangedPassword, principal: Known) -> Response:
    """Change one's own password. Every other session ends."""
    edge, user = edge_of(request), _me(request, principal)
    await edge.throttle.attempt(user.access_id, _address(request))
    old, new = body.old.get_secret_value(), body.new.get_secret_value()
    await change_password(edge.desk, user, principal.session_id or "", old, new)
    await edge.throttle.succeeded(user.access_id)
    return Response(status_code=204)


@router.post("/v1/auth/totp", status_code=201)
async def add_second_factor(request: Request, body: Proof, principal: Known) -> Response:
    """Make a secret for an authenticator app. It counts once its first code was confirmed."""
    user = await _proved(request, body, principal)
    edge = edge_of(request)
    if user.totp is not None:
        raise Problem(409, "totp_enabled", "a second factor is set already; remove it first")
    totp_id, secret = await begin_totp(edge.desk, user)
    person = await edge.deps.credentials.people.person(user.access_id)
    uri = pyotp.TOTP(secret).provisioning_uri(
        name=user.access_id if person is None else person.mail, issuer_name=edge.deps.shop_name
    )
    return _json({"totp_id": totp_id, "secret": secret, "uri": uri}, 201)


@router.put("/v1/auth/totp")
async def confirm_second_factor(request: Request, body: TotpProof, principal: Known) -> Response:
    """Ask for the second factor from now on; the answer has the recovery codes, shown once."""
    edge, user = edge_of(request), _me(request, principal)
    await edge.throttle.attempt(user.access_id, _address(request))
    codes = await confirm_totp(edge.desk, user, body.totp_id, body.code.strip())
    await edge.throttle.succeeded(user.access_id)
    return _json({"recovery_codes": codes})


@router.post("/v1/auth/totp/remove", status_code=204)
async def remove_second_factor(request: Request, body: Proof, principal: Known) -> Response:
    """Ask for no second factor any more."""
    user = await _proved(request, body, principal)
    command = DisableTotp(access_id=user.access_id, by=principal.actor)
    await edge_of(request).desk.ask(command, principal.caller, TotpDisabled)
    return Response(status_code=204)


@router.get("/.well-known/jwks.json")
async def jwks(request: Request) -> Response:
    """Return the public keys that access tokens can be checked with."""
    keys = edge_of(request).deps.credentials.keys.public()
    return Response(orjson.dumps(keys), 200, {"Cache-Control": "public, max-age=300"}, "application/json")


async def _proved(request: Request, body: Proof, principal: Principal) -> UserView:
    edge, user = edge_of(request), _me(request, principal)
    await edge.throttle.attempt(user.access_id, _address(request))
    await prove(edge.desk, user, body.password.get_secret_value())
    await edge.throttle.succeeded(user.access_id)
    return user


def _me(request: Request, principal: Principal) -> UserView:
    user = edge_of(request).deps.views.view(ACCESS_VIEWS, principal.id, UserView)
    if principal.kind != "user" or user is None:
        raise Problem(403, "users_only", "this is for a person who is logged in; an API key has no password or session")
    return user


def _shown(tokens: Tokens) -> dict[str, object]:
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in_s,
        "refresh_token": tokens.refresh_token,
        "session_id": tokens.session_id,
    }


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
