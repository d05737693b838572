"""When a session opens, and what a refresh token is worth. Pure.

A refresh token says only which session it belongs to and its number; the writer of the user's events knows which
number is good. A number that was spent means that two hold the token, the person and a thief, and nobody can tell
which is which: the session ends for both (RFC 9700 section 4.14.2). Within the grace the same answer is given once
more, with the same next token, so nobody gains by asking twice.
"""

from datetime import datetime

from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.verdict import refuse
from schemas.access import OpenSession, RotateSession, SessionOpened, SessionRotated, SessionsEnded, UserView
from schemas.core.outcome import Emit, Outcome


def open_session(command: OpenSession, user: UserView, now: datetime) -> Outcome:
    """Log in a user whose password was checked at the edge."""
    if user.disabled or user.password_id != command.password_id:
        return refuse(command, "not_allowed", "the user is disabled, or the password was changed meanwhile", now)
    if user.totp is not None:
        if command.recovery is not None:
            if command.recovery not in user.totp.recovery:
                return refuse(command, "code_spent", "this recovery code was used before", now)
        elif command.totp_step is None:
            return refuse(command, "code_missing", "a second factor is asked for", now)
        elif command.totp_step <= user.totp.last_step:
            return refuse(command, "code_spent", "this code was used before; wait for the next one", now)
    return Emit.of(
        SessionOpened(
            access_id=user.access_id,
            session_id=command.session_id,
            expires_at=command.expires_at,
            opened_at=now,
            totp_step=command.totp_step if user.totp is not None else None,
            recovery=command.recovery if user.totp is not None else None,
        )
    )


def rotate_session(command: RotateSession, user: UserView, now: datetime, policy: AccessPolicy) -> Outcome:
    """Exchange a refresh token."""
    session = next((one for one in user.sessions if one.session_id == command.session_id), None)
    if session is None or user.disabled or command.number > session.number:
        return refuse(command, "unknown_session", "the session is over; log in again", now)
    if command.number < session.number:
        repeated = command.number == session.number - 1 and now - session.rotated_at <= policy.rotation_grace
        return Emit.of(_rotated(command, session.number, now) if repeated else _ended(command, "reuse", now))
    if now >= session.expires_at or now - session.rotated_at > policy.session_idle:
        return Emit.of(_ended(command, "expired", now))
    return Emit.of(_rotated(command, session.number + 1, now))


def _rotated(command: RotateSession, number: int, now: datetime) -> SessionRotated:
    return SessionRotated(access_id=command.access_id, session_id=command.session_id, number=number, rotated_at=now)


def _ended(command: RotateSession, reason: str, now: datetime) -> SessionsEnded:
    return SessionsEnded(access_id=command.access_id, session_id=command.session_id, reason=reason, ended_at=now)
