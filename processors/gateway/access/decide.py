"""What is answered to wishes about access. Pure and total.

One partition decides everything about one user, so two gateways that spend the same refresh token, code or link at
the same moment get different answers.
"""

from datetime import datetime

from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.sessions import open_session, rotate_session
from processors.gateway.access.state import workspace_key
from processors.gateway.access.verdict import refuse
from schemas.access import (
    AmendUser,
    CreateUser,
    DisableTotp,
    EnableTotp,
    EndSessions,
    IssueLink,
    LinkIssued,
    OpenSession,
    PasswordSet,
    RotateSession,
    SessionsEnded,
    SetPassword,
    TotpDisabled,
    TotpEnabled,
    UserAmended,
    UserCreated,
    UserView,
)
from schemas.api_keys import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyUsed,
    ApiKeyView,
    CreateApiKey,
    NoteApiKeyUse,
    RevokeApiKey,
)
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.core.message import Message, View
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.workspaces import AmendWorkspace, CreateWorkspace, WorkspaceAmended, WorkspaceCreated, WorkspaceView


def decide(command: Message, view: View | None, now: datetime, policy: AccessPolicy) -> Outcome:
    """Answer one command about the user, key or workspace that ``view`` is the state of."""
    match command:
        case CreateUser():
            return _create_user(command, view, now)
        case CreateApiKey() | RevokeApiKey() | NoteApiKeyUse():
            return _key(command, view if isinstance(view, ApiKeyView) else None, now, policy)
        case CreateWorkspace() | AmendWorkspace():
            return _workspace(command, view if isinstance(view, WorkspaceView) else None, now)
        case (
            AmendUser() | IssueLink() | SetPassword() | EnableTotp() | DisableTotp()
            | OpenSession() | RotateSession() | EndSessions()
        ):  # fmt: skip
            if not isinstance(view, UserView):
                return refuse(command, "unknown_user", "there is no such user; invite them first", now)
            return _user(command, view, now, policy)
        case _:
            return Reject("unknown_command", f"gateway does not handle {command.TYPE}")


def _create_user(command: CreateUser, view: View | None, now: datetime) -> Outcome:
    if view is not None:
        return refuse(command, "user_exists", "this address is a member already; amend it or send a reset link", now)
    return Emit.of(UserCreated(created_at=now, **dict(command)))


def _user(command: Message, user: UserView, now: datetime, policy: AccessPolicy) -> Outcome:
    match command:
        case AmendUser():
            roles = user.roles if command.roles is None else command.roles
            disabled = user.disabled if command.disabled is None else command.disabled
            return Emit.of(
                UserAmended(access_id=user.access_id, roles=roles, disabled=disabled, by=command.by, amended_at=now)
            )
        case IssueLink():
            if user.disabled:
                return refuse(command, "disabled", "the user is disabled; enable them before you send a link", now)
            return Emit.of(LinkIssued(issued_at=now, **dict(command)))
        case SetPassword():
            return _set_password(command, user, now)
        case EnableTotp():
            if user.totp is not None:
                return refuse(command, "totp_enabled", "a second factor is set already; remove it first", now)
            return Emit.of(TotpEnabled(enabled_at=now, **dict(command)))
        case DisableTotp():
            if user.totp is None:
                return refuse(command, "no_totp", "no second factor is set", now)
            return Emit.of(TotpDisabled(disabled_at=now, **dict(command)))
        case OpenSession():
            return open_session(command, user, now)
        case RotateSession():
            return rotate_session(command, user, now, policy)
        case EndSessions():
            return _end_sessions(command, user, now)
        case _:
            raise AssertionError(command.TYPE)


def _set_password(command: SetPassword, user: UserView, now: datetime) -> Outcome:
    if user.disabled:
        return refuse(command, "disabled", "the user is disabled; ask an administrator", now)
    if command.reason == "link":
        link = user.link
        if link is None or link.link_id != command.link_id or now >= link.expires_at:
            return refuse(command, "link_spent", "this link was used, replaced, or is too old; ask for a new one", now)
    elif user.password_id is None or user.password_id != command.replaces:
        return refuse(command, "password_changed", "the password was changed meanwhile; try again with it", now)
    return Emit.of(
        PasswordSet(
            access_id=user.access_id,
            password_id=command.password_id,
            reason=command.reason,
            keep_session=command.keep_session if command.reason == "change" else None,
            set_at=now,
        )
    )


def _end_sessions(command: EndSessions, user: UserView, now: datetime) -> Outcome:
    known = {session.session_id for session in user.sessions}
    if not known or (command.session_id is not None and command.session_id not in known):
        return refuse(command, "unknown_session", "the session is over already", now)
    return Emit.of(SessionsEnded(ended_at=now, **dict(command)))


def _key(
    command: CreateApiKey | RevokeApiKey | NoteApiKeyUse, key: ApiKeyView | None, now: datetime, policy: AccessPolicy
) -> Outcome:
    if isinstance(command, CreateApiKey):
        if key is not None:
            return refuse(command, "key_exists", "a key with this id exists; make another one", now)
        return Emit.of(ApiKeyCreated(created_at=now, **dict(command)))
    if key is None or key.revoked_at is not None:
        return Drop("no_such_key") if isinstance(command, NoteApiKeyUse) else refuse(
            command, "unknown_key", "there is no such key, or it was revoked before", now
        )  # fmt: skip
    if isinstance(command, RevokeApiKey):
        return Emit.of(ApiKeyRevoked(access_id=key.access_id, by=command.by, revoked_at=now))
    if key.used_at is not None and now - key.used_at < policy.key_use_every:
        return Drop("noted_already")
    return Emit.of(ApiKeyUsed(access_id=key.access_id, used_at=now))


def _workspace(command: CreateWorkspace | AmendWorkspace, workspace: WorkspaceView | None, now: datetime) -> Outcome:
    if command.access_id != workspace_key(command.workspace_id):
        return Reject("wrong_key", f"{command.access_id} is not the key of workspace {command.workspace_id}")
    exists = workspace is not None or command.workspace_id == DEFAULT_WORKSPACE
    if isinstance(command, CreateWorkspace):
        if exists:
            return refuse(command, "workspace_exists", "a workspace with this id exists; choose another id", now)
        return Emit.of(WorkspaceCreated(created_at=now, **dict(command)))
    if not exists:
        return refuse(command, "unknown_workspace", "there is no such workspace; create it first", now)
    return Emit.of(WorkspaceAmended(amended_at=now, **dict(command)))
