"""Logging in, staying in and getting out: passwords, second factors, sessions."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pyotp

from processors.gateway.commands import Caller
from processors.gateway.edge.desk import Desk, Refused, new_record_id
from processors.gateway.edge.passwords import faults_in
from processors.gateway.edge.problems import Problem, invalid
from processors.gateway.edge.tokens import Claims
from schemas.access import (
    EnableTotp,
    EndSessions,
    OpenSession,
    PasswordSet,
    RotateSession,
    SessionOpened,
    SessionRotated,
    SessionsEnded,
    SetPassword,
    TotpEnabled,
    UserView,
)
from schemas.core.ids import RecordId, UserId
from topics.access import ACCESS_VIEWS

DECOY_USER: UserId = f"U-{'0' * 32}"
DECOY_RECORD: RecordId = "0" * 32
"""Checked for whoever does not exist: the same reads and the same hashing, so the time says nothing."""
RECOVERY_CODES = 10
TOTP_PREFIX = "totp:"
_STEP_S = 30
"""RFC 6238's time step, which every app uses."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a session is held with."""

    access_token: str
    refresh_token: str
    session_id: RecordId
    expires_in_s: int


async def log_in(desk: Desk, user_id: UserId, password: str, code: str) -> Tokens:
    """Open a session.

    Raises:
        Problem: 401, with the same words whether the user is unknown, disabled, or the password is wrong.
    """
    user = _user(desk, user_id)
    if not await password_fits(desk, user, password) or user is None or user.password_id is None:
        raise Problem(401, "wrong_credentials", "no user has this address and this password here; check both")
    step, recovery = _second_factor(desk, user, await _totp_secret(desk, user), code)
    now = desk.clock.now()
    caller = Caller("user", user_id)
    command = OpenSession(
        access_id=user_id,
        session_id=new_record_id(),
        password_id=user.password_id,
        expires_at=now + desk.credentials.policy.session_longest,
        totp_step=step,
        recovery=recovery,
    )
    try:
        _, command_id = await desk.ask(command, caller, SessionOpened)
    except Refused as refusal:
        raise Problem(401, refusal.code, str(refusal.detail)) from refusal
    await _rehash(desk, user, password)
    return _tokens(desk, user, command.session_id, 0, now, command_id)


async def refresh(desk: Desk, token: str) -> Tokens:
    """Exchange a refresh token for the next one and a fresh access token.

    Raises:
        Problem: 401; the session is over, because it ended, grew old, or the token was spent before.
    """
    over = Problem(401, "session_over", "the session is over; log in again")
    found = desk.credentials.seals.read_refresh_token(token)
    user = None if found is None else _user(desk, found[0])
    if found is None or user is None:
        raise over
    user_id, session_id, number = found
    command = RotateSession(access_id=user_id, session_id=session_id, number=number)
    try:
        event, command_id = await desk.ask(command, Caller("user", user_id), SessionRotated, SessionsEnded)
    except Refused as refusal:
        raise over from refusal
    if not isinstance(event, SessionRotated):
        raise over
    return _tokens(desk, user, session_id, event.number, desk.clock.now(), command_id)


async def end_session(desk: Desk, user_id: UserId, session_id: RecordId | None, reason: str, caller: Caller) -> None:
    """End one session, or all of a user. One that is over already is no error."""
    try:
        await desk.ask(EndSessions(access_id=user_id, session_id=session_id, reason=reason), caller, SessionsEnded)
    except Refused as refusal:
        if refusal.code != "unknown_session":
            raise


async def choose_password(desk: Desk, token: str, password: str) -> UserId:
    """Set the password of whoever holds a link that was not used yet.

    Raises:
        Problem: 410 for every link that is no good, 422 for a password that is none.
    """
    spent = Problem(410, "link_spent", "this link was used, replaced, or is too old; ask for a new one")
    found = desk.credentials.seals.read_link_token(token)
    user = None if found is None else _user(desk, found[0])
    if found is None or user is None or user.link is None or user.link.link_id != found[1]:
        raise spent
    if desk.clock.now() >= user.link.expires_at:
        raise spent
    command = SetPassword(
        access_id=user.access_id, password_id=new_record_id(), reason="link", link_id=user.link.link_id
    )
    try:
        await _set_password(desk, user, command, password)
    except Refused as refusal:
        raise spent from refusal
    return user.access_id


async def change_password(desk: Desk, user: UserView, session_id: RecordId, old: str, new: str) -> None:
    """Replace a password by its owner. Every other session ends.

    Raises:
        Problem: 403 for a wrong old password, 422 for a new one that is none.
    """
    await prove(desk, user, old)
    command = SetPassword(
        access_id=user.access_id,
        password_id=new_record_id(),
        reason="change",
        replaces=user.password_id,
        keep_session=session_id,
    )
    await _set_password(desk, user, command, new)


async def prove(desk: Desk, user: UserView, password: str) -> None:
    """Refuse whoever has the session but not the password: what follows would lock its owner out.

    Raises:
        Problem: 403.
    """
    if not await password_fits(desk, user, password):
        raise Problem(403, "wrong_password", "this is not your password; nothing was changed")


async def begin_totp(desk: Desk, user: UserView) -> tuple[RecordId, str]:
    """Make a secret for a second factor, which counts once a code of it was shown; return its id and the secret."""
    totp_id, secret = new_record_id(), pyotp.random_base32()
    await desk.credentials.people.keep(user.access_id, totp_id, TOTP_PREFIX + secret)
    return totp_id, secret


async def confirm_totp(desk: Desk, user: UserView, totp_id: RecordId, code: str) -> tuple[str, ...]:
    """Ask for the second factor from now on; return the recovery codes: the only moment they are readable.

    Raises:
        Problem: 422 for a wrong code, 409 when one is set already.
    """
    kept = await desk.credentials.people.secret(user.access_id, totp_id)
    step = None
    if kept is not None and kept.startswith(TOTP_PREFIX):
        step = matching_step(kept.removeprefix(TOTP_PREFIX), code, desk.clock.now())
    if step is None:
        raise Problem(422, "wrong_code", "the code does not fit; check the clock of the device that shows it")
    codes = tuple(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES))
    hashes = tuple(desk.credentials.seals.recovery(user.access_id, one) for one in codes)
    command = EnableTotp(access_id=user.access_id, totp_id=totp_id, step=step, recovery=hashes)
    await desk.ask(command, Caller("user", user.access_id), TotpEnabled)
    return codes


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that ``code`` belongs to: this one, or a neighbour for a clock that is off (RFC 6238)."""
    totp = pyotp.TOTP(secret)
    this = int(now.timestamp()) // _STEP_S
    fitting = [step for step in (this - 1, this, this + 1) if hmac.compare_digest(totp.generate_otp(step), code)]
    return fitting[-1] if fitting else None


async def password_fits(desk: Desk, user: UserView | None, password: str) -> bool:
    """Whether this is the password of a user who may log in; as much work for everybody else."""
    credentials = desk.credentials
    real = user is not None and not user.disabled and user.password_id is not None
    where = (user.access_id, user.password_id) if user is not None and real else (DECOY_USER, DECOY_RECORD)
    assert where[1] is not None
    kept = await credentials.people.secret(where[0], where[1])
    if kept is None:
        kept = await credentials.passwords.hash(secrets.token_hex(16))
        if not real:
            await credentials.people.keep(DECOY_USER, DECOY_RECORD, kept)
    return await credentials.passwords.check(kept, password) and real


def _second_factor(desk: Desk, user: UserView, secret: str | None, code: str) -> tuple[int | None, str | None]:
    """Return the step of the code that was shown, or the hash of the recovery code; neither where none is asked."""
    if user.totp is None:
        return None, None
    if not code:
        raise Problem(401, "code_missing", "a second factor is asked for; send its code, or a recovery code, as 'code'")
    step = None if secret is None else matching_step(secret, code, desk.clock.now())
    if step is not None:
        return step, None
    recovery = desk.credentials.seals.recovery(user.access_id, code)
    if recovery in user.totp.recovery:
        return None, recovery
    raise Problem(401, "wrong_code", "the code does not fit; wait for the next one, or use a recovery code")


async def _totp_secret(desk: Desk, user: UserView) -> str | None:
    kept = None if user.totp is None else await desk.credentials.people.secret(user.access_id, user.totp.totp_id)
    return None if kept is None else kept.removeprefix(TOTP_PREFIX)


async def _set_password(desk: Desk, user: UserView, command: SetPassword, password: str) -> None:
    """Keep the hash under a fresh id, then let the log say that it counts; a crash between changes nothing."""
    credentials = desk.credentials
    person = await credentials.people.person(user.access_id)
    if faults := faults_in(password, mail=None if person is None else person.mail):
        raise invalid(faults)
    await credentials.people.keep(user.access_id, command.password_id, await credentials.passwords.hash(password))
    try:
        await desk.ask(command, Caller("user", user.access_id), PasswordSet)
    except Refused:
        await credentials.people.drop(user.access_id, command.password_id)
        raise
    if user.password_id is not None:
        await credentials.people.drop(user.access_id, user.password_id)


async def _rehash(desk: Desk, user: UserView, password: str) -> None:
    """Hash a password anew when the parameters have changed: this is the one moment it is known."""
    credentials = desk.credentials
    assert user.password_id is not None
    kept = await credentials.people.secret(user.access_id, user.password_id)
    if kept is None or not credentials.passwords.outdated(kept):
        return
    fresh = new_record_id()
    await credentials.people.keep(user.access_id, fresh, await credentials.passwords.hash(password))
    command = SetPassword(access_id=user.access_id, password_id=fresh, reason="rehash", replaces=user.password_id)
    try:
        await desk.ask(command, Caller("user", user.access_id), PasswordSet)
        await credentials.people.drop(user.access_id, user.password_id)
    except Refused:
        await credentials.people.drop(user.access_id, fresh)


def _user(desk: Desk, user_id: UserId) -> UserView | None:
    return desk.views.view(ACCESS_VIEWS, user_id, UserView)


def _tokens(desk: Desk, user: UserView, session_id: RecordId, number: int, now: datetime, command_id: UUID) -> Tokens:
    credentials = desk.credentials
    lasts = credentials.policy.access_token
    claims = Claims(
        user_id=user.access_id,
        session_id=session_id,
        workspace_id=user.workspace_id,
        roles=user.roles,
        issued_at=now,
        expires_at=now + lasts,
        command_id=command_id,
    )
    refresh_token = credentials.seals.refresh_token(user.access_id, session_id, number)
    return Tokens(credentials.tokens.write(claims), refresh_token, session_id, int(lasts.total_seconds()))
