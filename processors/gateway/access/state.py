"""How the events about a user, a key or a workspace add up to its state. Pure and total."""

from datetime import datetime
from typing import Any

from processors.gateway.access.policy import AccessPolicy
from schemas.access import (
    AccessRefused,
    LinkIssued,
    PasswordSet,
    Session,
    SessionOpened,
    SessionRotated,
    SessionsEnded,
    Totp,
    TotpDisabled,
    TotpEnabled,
    UserAmended,
    UserCreated,
    UserView,
)
from schemas.api_keys import ApiKeyCreated, ApiKeyRevoked, ApiKeyUsed, ApiKeyView
from schemas.core.message import Event, Message, View
from schemas.workspaces import WorkspaceAmended, WorkspaceCreated, WorkspaceView

SESSIONS_MAX = AccessPolicy().sessions_max


def workspace_key(workspace_id: str) -> str:
    """Return the ``access_id`` of a workspace."""
    return f"W-{workspace_id}"


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the user, key or workspace a message is about. A refusal changes none, and may be about none."""
    return () if isinstance(message, AccessRefused) else (str(message.access_id),)  # type: ignore[attr-defined]  # each of them has one


def evolve_one(_key: str, view: View | None, event: Event) -> View:
    """Return the state after an event that ``keys_of`` ties to it.

    Raises:
        ValueError: the event is about something that was never made; the log is not complete.
    """
    match event:
        case UserCreated():
            return view if isinstance(view, UserView) else _created(event)
        case ApiKeyCreated():
            return view if isinstance(view, ApiKeyView) else ApiKeyView(**_shared(event, ApiKeyView))
        case WorkspaceCreated():
            return WorkspaceView(amended_at=event.created_at, **_shared(event, WorkspaceView))
        case WorkspaceAmended():
            return WorkspaceView(**_shared(event, WorkspaceView))
        case ApiKeyRevoked() if isinstance(view, ApiKeyView):
            return view.model_copy(update={"revoked_at": event.revoked_at})
        case ApiKeyUsed() if isinstance(view, ApiKeyView):
            return view.model_copy(update={"used_at": event.used_at})
        case _ if isinstance(view, UserView):
            return view.model_copy(update=_changes(view, event))
        case _:
            raise ValueError(f"{event.TYPE} is about something that was never made; read the events from the start")


def _created(event: UserCreated) -> UserView:
    return UserView(**_shared(event, UserView))


def _changes(user: UserView, event: Event) -> dict[str, Any]:
    match event:
        case UserAmended():
            ended: dict[str, Any] = {"sessions": (), "link": None} if event.disabled else {}
            return {"roles": event.roles, "disabled": event.disabled, **ended}
        case LinkIssued():
            return {"link": event.link}
        case PasswordSet():
            return _password(user, event)
        case TotpEnabled():
            return {"totp": Totp(totp_id=event.totp_id, last_step=event.step, recovery=event.recovery)}
        case TotpDisabled():
            return {"totp": None}
        case SessionOpened():
            return _opened(user, event)
        case SessionRotated():
            return {"sessions": tuple(_rotated(session, event) for session in user.sessions)}
        case SessionsEnded():
            kept = (one for one in user.sessions if event.session_id not in (None, one.session_id))
            return {"sessions": tuple(kept)}
        case _:
            return {}


def _password(user: UserView, event: PasswordSet) -> dict[str, Any]:
    """A new password ends the sessions that the old one opened, and every link to choose one."""
    if event.reason == "rehash":
        return {"password_id": event.password_id}
    kept = tuple(session for session in user.sessions if session.session_id == event.keep_session)
    return {"password_id": event.password_id, "sessions": kept, "link": None}


def _opened(user: UserView, event: SessionOpened) -> dict[str, Any]:
    session = Session(
        session_id=event.session_id,
        opened_at=event.opened_at,
        rotated_at=event.opened_at,
        expires_at=event.expires_at,
    )
    others = [one for one in _alive(user.sessions, event.opened_at) if one.session_id != event.session_id]
    changes: dict[str, Any] = {"sessions": (*others, session)[-SESSIONS_MAX:], "last_login_at": event.opened_at}
    if user.totp is not None and event.totp_step is not None:
        changes["totp"] = user.totp.model_copy(update={"last_step": max(user.totp.last_step, event.totp_step)})
    if user.totp is not None and event.recovery is not None:
        left = tuple(one for one in user.totp.recovery if one != event.recovery)
        changes["totp"] = user.totp.model_copy(update={"recovery": left})
    return changes


def _alive(sessions: tuple[Session, ...], now: datetime) -> list[Session]:
    return [session for session in sessions if now < session.expires_at]


def _rotated(session: Session, event: SessionRotated) -> Session:
    """Only a higher number changes something: a repeated answer must not make the grace longer."""
    if session.session_id != event.session_id or event.number <= session.number:
        return session
    return session.model_copy(update={"number": event.number, "rotated_at": event.rotated_at})


def _shared(event: Event, kind: type[View]) -> dict[str, Any]:
    """Return the fields of an event that its view has too, under the same name."""
    return {name: value for name, value in event if name in kind.model_fields}
