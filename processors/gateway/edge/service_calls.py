"""Which of our own services calls, by the signature of its request, and that its body is the one that was signed.

The signature is over the digest that the header names, so a caller is known before its body is taken. The body is held
against that digest while it streams in: its end is not given to the route before it fits, so nothing was done by then.
"""

import hashlib
import hmac
import logging

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.signing.canonical import SCHEME, Call, is_signed, read_header
from connectors.signing.services import Service
from connectors.signing.verify import CallRefused
from processors.gateway.commands import Caller
from processors.gateway.edge.deps import Edge
from processors.gateway.edge.problems import Problem

log = logging.getLogger(__name__)


async def signing_service(connection: HTTPConnection, edge: Edge) -> Service | None:
    """Return the service that signed a call, and count the call; None for one that says it is somebody else's.

    Raises:
        Problem: 401, it says that a service signed it, and that is not shown; 429.
    """
    authorization = connection.headers.get("authorization", "")
    if not is_signed(authorization):
        return None
    scope = connection.scope
    raw_path = scope.get("raw_path") or scope["path"].encode()
    call, now = Call(scope.get("method", "GET"), raw_path, scope["query_string"]), edge.deps.clock.now()
    try:
        said = edge.service_calls.verify(call, authorization, now)
        service = edge.deps.services(said.key_id)
        if service is None:
            raise CallRefused("key_unknown")
        connection.state.caller = Caller("service", service.id)
        # The rate before the nonce: it bounds how many there are to remember.
        connection.state.allowance = await edge.limits.key(f"service:{service.id}")
        if not await edge.nonces.first(said.key_id, said.nonce, now):
            raise CallRefused("nonce_repeated")
    except CallRefused as error:
        log.warning("a signed call is refused: %s", error.reason)
        connection.state.caller = None  # whoever repeats a call need not be who signed it
        connection.state.allowance = await edge.limits.stranger(connection.client.host if connection.client else "")
        raise _unsigned() from error
    return service


class SignedBodies:
    """Ends a signed request whose body is not the one that was signed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        said = read_header(Headers(scope=scope).get("authorization", "")) if scope["type"] == "http" else None
        if said is None:
            await self._app(scope, receive, send)
            return
        digest, more = hashlib.sha256(), True

        async def compared() -> Message:
            nonlocal more
            message = await receive()
            if more and message["type"] == "http.request":
                digest.update(message.get("body", b""))
                more = message.get("more_body", False)
                if not more and not hmac.compare_digest(digest.hexdigest(), said.body):
                    log.warning("a signed call is refused: body_changed")
                    raise _unsigned()
            return message

        await self._app(scope, compared, send)


def _unsigned() -> Problem:
    detail = "the signature of this call is not good; compare the key and the clock of the two services"
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": SCHEME})
