"""The members of a workspace, for its administrators."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.mail.port import Address
from connectors.vault.people import Person
from connectors.vault.port import PersonName
from processors.gateway.access.roles import Role
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.desk import Invited
from processors.gateway.edge.login import end_session
from processors.gateway.edge.problems import Problem
from schemas.access import AmendUser, DisableTotp, TotpDisabled, UserAmended, UserView
from schemas.core.ids import UserId
from schemas.core.time import rfc3339
from topics.access import ACCESS_VIEWS

router = APIRouter(prefix="/v1/users", tags=["users"])

Admin = Annotated[Principal, Depends(Needs("admin"))]
UserPath = Annotated[UserId, Path()]
Roles = Annotated[tuple[Role, ...], Field(min_length=1, max_length=10)]


class Invitation(BaseModel):
    """Who becomes a member. The workspace is the administrator's own."""

    model_config = ConfigDict(extra="forbid")

    mail: Address
    name: PersonName
    roles: Roles


class Amendment(BaseModel):
    """What changes about a member; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: PersonName | None = None
    roles: Roles | None = None
    disabled: bool | None = None


@router.get("")
async def list_users(request: Request, _: Admin) -> Response:
    """Return the members, the oldest first."""
    edge = edge_of(request)
    users = sorted(edge.deps.views.views(ACCESS_VIEWS, UserView), key=lambda user: (user.created_at, user.access_id))
    return _json({"users": [await _shown(edge, user) for user in users]})


@router.post("", status_code=201)
async def invite(request: Request, body: Invitation, principal: Admin) -> Response:
    """Make somebody a member; the answer has the token to choose a password with, shown once."""
    edge = edge_of(request)
    person = Person(name=body.name, mail=body.mail)
    invited = await edge.desk.create_user(principal.workspace_id, person, body.roles, principal.caller)
    return _json(_link(invited), 201, {"Location": f"/v1/users/{invited.user_id}"})


@router.get("/{user_id}")
async def get_user(request: Request, user_id: UserPath, _: Admin) -> Response:
    """Return a member."""
    edge = edge_of(request)
    return _json(await _shown(edge, _existing(edge, user_id)))


@router.patch("/{user_id}")
async def amend(request: Request, user_id: UserPath, body: Amendment, principal: Admin) -> Response:
    """Change a member. Whoever is disabled is logged out everywhere at once."""
    edge = edge_of(request)
    user = _existing(edge, user_id)
    if user_id == principal.id and (body.disabled or (body.roles is not None and "owner" not in body.roles)):
        raise Problem(409, "own_access", "nobody can take their own administration away; ask another administrator")
    if body.name is not None:
        known = await edge.deps.credentials.people.person(user_id)
        if known is None:
            raise Problem(409, "forgotten", "nothing is known of this member any more; invite them again")
        await edge.deps.credentials.people.introduce(user_id, Person(name=body.name, mail=known.mail))
    if body.roles is not None or body.disabled is not None:
        command = AmendUser(access_id=user_id, by=principal.actor, roles=body.roles, disabled=body.disabled)
        await edge.desk.ask(command, principal.caller, UserAmended)
        user = _existing(edge, user_id)
    return _json(await _shown(edge, user))


@router.delete("/{user_id}", status_code=204)
async def forget(request: Request, user_id: UserPath, principal: Admin) -> Response:
    """Disable a member and make their name, address and secrets unreadable for good. The log keeps their id alone."""
    edge = edge_of(request)
    _existing(edge, user_id)
    if user_id == principal.id:
        raise Problem(409, "own_access", "nobody can take their own administration away; ask another administrator")
    command = AmendUser(access_id=user_id, by=principal.actor, disabled=True)
    await edge.desk.ask(command, principal.caller, UserAmended)
    await edge.deps.credentials.people.forget(user_id)
    return Response(status_code=204)


@router.post("/{user_id}/link", status_code=201)
async def reset(request: Request, user_id: UserPath, principal: Admin) -> Response:
    """Give a member a new token to choose a password with. The one before is good no more."""
    edge = edge_of(request)
    _existing(edge, user_id)
    return _json(_link(await edge.desk.issue_link(user_id, principal.caller)), 201)


@router.delete("/{user_id}/sessions", status_code=204)
async def log_out(request: Request, user_id: UserPath, principal: Admin) -> Response:
    """Log a member out everywhere."""
    edge = edge_of(request)
    _existing(edge, user_id)
    await end_session(edge.desk, user_id, None, "administrator", principal.caller)
    return Response(status_code=204)


@router.delete("/{user_id}/totp", status_code=204)
async def remove_second_factor(request: Request, user_id: UserPath, principal: Admin) -> Response:
    """Ask a member for no second factor any more: for one who lost the device and the recovery codes."""
    edge = edge_of(request)
    _existing(edge, user_id)
    await edge.desk.ask(DisableTotp(access_id=user_id, by=principal.actor), principal.caller, TotpDisabled)
    return Response(status_code=204)


def _existing(edge: Edge, user_id: UserId) -> UserView:
    user = edge.deps.views.view(ACCESS_VIEWS, user_id, UserView)
    if user is None:
        raise Problem(404, "not_found", f"there is no member {user_id}; /v1/users lists them")
    return user


async def _shown(edge: Edge, user: UserView) -> dict[str, Any]:
    person = await edge.deps.credentials.people.person(user.access_id)
    return {
        "user_id": user.access_id,
        "name": None if person is None else person.name,
        "mail": None if person is None else person.mail,
        "roles": user.roles,
        "disabled": user.disabled,
        "has_password": user.password_id is not None,
        "second_factor": user.totp is not None,
        "sessions": len(user.sessions),
        "created_at": rfc3339(user.created_at),
        "last_login_at": None if user.last_login_at is None else rfc3339(user.last_login_at),
    }


def _link(invited: Invited) -> dict[str, object]:
    return {
        "user_id": invited.user_id,
        "token": invited.token,
        "expires_at": rfc3339(invited.link.expires_at),
        "use": "POST /v1/auth/password with the token and a password",
    }


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
