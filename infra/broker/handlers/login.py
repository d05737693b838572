"""SaslHandshake and SaslAuthenticate: SCRAM over the broker's own users."""

import logging

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request
from infra.broker.errors import BrokerError
from infra.broker.scram import Exchange, LoginRefusedError
from infra.broker.users import MECHANISMS, Credential, Users

_SESSION_NEVER_ENDS = 0


def sasl_handshake(context: Context, request: Request) -> None:
    """Choose the mechanism; the messages of the login follow in SaslAuthenticate requests."""
    error, mechanism = ErrorCode.none, request.body.mechanism
    if context.users is None or request.session.user is not None:
        error = ErrorCode.illegal_sasl_state
    elif mechanism not in MECHANISMS:
        error = ErrorCode.unsupported_sasl_mechanism
    else:
        request.session.mechanism = mechanism
    request.answer({"error_code": error, "mechanisms": list(MECHANISMS)})


def sasl_authenticate(context: Context, request: Request) -> None:
    """One message of the login and the answer to it. A failure is answered late, and ends the connection."""
    session, message = request.session, request.body.auth_bytes
    mechanism, users = session.mechanism, context.users
    if users is None or mechanism is None or session.user is not None:
        _answer(request, ErrorCode.illegal_sasl_state, "begin with SaslHandshake", b"")
        return
    try:
        if session.exchange is None:
            session.exchange = Exchange(mechanism, lambda name: _credential(users, name, mechanism))
            challenge = session.exchange.first(message)
            _answer(request, ErrorCode.none, None, challenge)
            return
        proof = session.exchange.final(message)
    except (LoginRefusedError, BrokerError) as error:
        _refuse(context, request, str(error))
        return
    session.user = session.exchange.user
    session.mechanism = session.exchange = None
    context.penalties.succeeded(session.peer)
    _answer(request, ErrorCode.none, None, proof)


def _credential(users: Users, name: str, mechanism: str) -> Credential:
    return users.find(name, mechanism) or users.decoy(name, mechanism)


def _refuse(context: Context, request: Request, reason: str) -> None:
    session = request.session
    user = "?" if session.exchange is None else session.exchange.user
    session.mechanism = session.exchange = None
    delay_s = context.penalties.failed(session.peer, context.loop.time())
    context.peer_log.say(logging.WARNING, session.peer, f"login as {user!r} refused: {reason}")

    def answer() -> None:
        _answer(request, ErrorCode.sasl_authentication_failed, "authentication failed", b"")
        session.end()

    context.loop.call_later(delay_s, answer)


def _answer(request: Request, error: ErrorCode, message: str | None, data: bytes) -> None:
    request.answer(
        {
            "error_code": error,
            "error_message": message,
            "auth_bytes": data,
            "session_lifetime": _SESSION_NEVER_ENDS,
        }
    )
