"""Users and their sessions. The log names nobody: mail address, name, password hash and TOTP secret lie in the vault.

``access_id`` is the record key of everything about access: a user (``U-``), an API key (``K-``) or a workspace
(``W-``).
"""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.ids import Code, MessageType, RecordId, Sha256, UserId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

PasswordReason = Literal["link", "change", "rehash"]
"""A link was used, the person changed it, or the same password is now hashed with newer parameters."""


class Link(Value):
    """A one-time link that lets its holder choose a password."""

    link_id: RecordId
    purpose: Literal["invite", "reset"]
    expires_at: UtcTime


class CreateUser(Command):
    """Make a person a member of a workspace, with a password that lies in the vault already or a link to choose one."""

    TYPE: ClassVar[str] = "noizylab.user.create.v1"

    access_id: UserId
    workspace_id: WorkspaceId
    roles: tuple[Code, ...] = Field(min_length=1, max_length=10)
    by: ShortText
    password_id: RecordId | None = None
    link: Link | None = None


class AmendUser(Command):
    """Change what a user may do. What is None stays; a disabled user's sessions end."""

    TYPE: ClassVar[str] = "noizylab.user.amend.v1"

    access_id: UserId
    by: ShortText
    roles: tuple[Code, ...] | None = Field(default=None, min_length=1, max_length=10)
    disabled: bool | None = None


class IssueLink(Command):
    """Give a user a link to choose a password with. It replaces the one before."""

    TYPE: ClassVar[str] = "noizylab.user.issue_link.v1"

    access_id: UserId
    link: Link
    by: ShortText


class SetPassword(Command):
    """Make a hash that lies in the vault the user's password. ``replaces`` names the one that was checked before."""

    TYPE: ClassVar[str] = "noizylab.user.set_password.v1"

    access_id: UserId
    password_id: RecordId
    reason: PasswordReason
    link_id: RecordId | None = None
    replaces: RecordId | None = None
    keep_session: RecordId | None = None


class EnableTotp(Command):
    """Ask for a second factor from now on. ``step`` is the time step of the code that proved the secret is known."""

    TYPE: ClassVar[str] = "noizylab.user.enable_totp.v1"

    access_id: UserId
    totp_id: RecordId
    step: int = Field(ge=0)
    recovery: tuple[Sha256, ...] = Field(max_length=20, description="Keyed hashes of the one-time recovery codes.")


class DisableTotp(Command):
    """Ask for no second factor any more."""

    TYPE: ClassVar[str] = "noizylab.user.disable_totp.v1"

    access_id: UserId
    by: ShortText


class OpenSession(Command):
    """Log a user in whose password was checked. ``totp_step`` or ``recovery`` is the second factor that was shown."""

    TYPE: ClassVar[str] = "noizylab.session.open.v1"

    access_id: UserId
    session_id: RecordId
    password_id: RecordId
    expires_at: UtcTime
    totp_step: int | None = Field(default=None, ge=0)
    recovery: Sha256 | None = None


class RotateSession(Command):
    """Exchange refresh token ``number`` of a session for the next one."""

    TYPE: ClassVar[str] = "noizylab.session.rotate.v1"

    access_id: UserId
    session_id: RecordId
    number: int = Field(ge=0)


class EndSessions(Command):
    """End one session of a user, or all of them."""

    TYPE: ClassVar[str] = "noizylab.session.end.v1"

    access_id: UserId
    reason: Code
    session_id: RecordId | None = None


class UserCreated(Event):
    """A person is a member of a workspace."""

    TYPE: ClassVar[str] = "noizylab.user.created.v1"

    access_id: UserId
    workspace_id: WorkspaceId
    roles: tuple[Code, ...]
    by: ShortText
    created_at: UtcTime
    password_id: RecordId | None = None
    link: Link | None = None


class UserAmended(Event):
    """What a user may do, after the change."""

    TYPE: ClassVar[str] = "noizylab.user.amended.v1"

    access_id: UserId
    roles: tuple[Code, ...]
    disabled: bool
    by: ShortText
    amended_at: UtcTime


class LinkIssued(Event):
    """A user may choose a password with this link, once."""

    TYPE: ClassVar[str] = "noizylab.user.link_issued.v1"

    access_id: UserId
    link: Link
    by: ShortText
    issued_at: UtcTime


class PasswordSet(Event):
    """A user has another password. Sessions end with it, but for ``keep_session`` and at a rehash."""

    TYPE: ClassVar[str] = "noizylab.user.password_set.v1"

    access_id: UserId
    password_id: RecordId
    reason: PasswordReason
    set_at: UtcTime
    keep_session: RecordId | None = None


class TotpEnabled(Event):
    """A second factor is asked for."""

    TYPE: ClassVar[str] = "noizylab.user.totp_enabled.v1"

    access_id: UserId
    totp_id: RecordId
    step: int
    recovery: tuple[Sha256, ...]
    enabled_at: UtcTime


class TotpDisabled(Event):
    """No second factor is asked for."""

    TYPE: ClassVar[str] = "noizylab.user.totp_disabled.v1"

    access_id: UserId
    by: ShortText
    disabled_at: UtcTime


class SessionOpened(Event):
    """A user logged in."""

    TYPE: ClassVar[str] = "noizylab.session.opened.v1"

    access_id: UserId
    session_id: RecordId
    expires_at: UtcTime
    opened_at: UtcTime
    totp_step: int | None = None
    recovery: Sha256 | None = None


class SessionRotated(Event):
    """The refresh token of a session that is good now has ``number``. A lost answer is given again unchanged."""

    TYPE: ClassVar[str] = "noizylab.session.rotated.v1"

    access_id: UserId
    session_id: RecordId
    number: int
    rotated_at: UtcTime


class SessionsEnded(Event):
    """One session of a user, or without ``session_id`` every one, is over. ``reuse``: a spent token was shown again."""

    TYPE: ClassVar[str] = "noizylab.session.ended.v1"

    access_id: UserId
    reason: Code
    ended_at: UtcTime
    session_id: RecordId | None = None


class AccessRefused(Event):
    """A command about access that changes nothing, and why."""

    TYPE: ClassVar[str] = "noizylab.access.refused.v1"

    access_id: ShortText
    command: MessageType
    reason: Code
    detail: ShortText
    refused_at: UtcTime


class Session(Value):
    """One login. ``number`` is that of the only refresh token which is good."""

    session_id: RecordId
    opened_at: UtcTime
    rotated_at: UtcTime
    expires_at: UtcTime
    number: int = 0


class Totp(Value):
    """A second factor. A code of ``last_step`` or before was used or is too old."""

    totp_id: RecordId
    last_step: int
    recovery: tuple[Sha256, ...] = ()


class UserView(View):
    """A user as every gateway knows them. A session that is not in ``sessions`` is over."""

    TYPE: ClassVar[str] = "noizylab.user.view.v1"

    access_id: UserId
    workspace_id: WorkspaceId
    roles: tuple[Code, ...]
    created_at: UtcTime
    disabled: bool = False
    password_id: RecordId | None = None
    link: Link | None = None
    totp: Totp | None = None
    sessions: tuple[Session, ...] = ()
    last_login_at: UtcTime | None = None
