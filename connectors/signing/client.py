"""The calling side: an ``httpx`` auth that signs each request."""

import secrets
from collections.abc import Generator

import httpx

from connectors.clock.clock import Clock, SystemClock
from connectors.signing.canonical import Call, digest_of, signed


class Signed(httpx.Auth):
    """Signs requests as a service. Each has a nonce of its own, a repeated one as well.

    A body is read whole before it is sent: its digest stands in the header.
    """

    requires_request_body = True

    def __init__(self, key_id: str, key: bytes, clock: Clock | None = None) -> None:
        self._key_id, self._key, self._clock = key_id, key, clock or SystemClock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See :class:`httpx.Auth`."""
        path, _, query = request.url.raw_path.partition(b"?")
        request.headers["Authorization"] = self.header(request.method, path, query, request.content)
        yield request

    def header(self, method: str, path: bytes, query: bytes = b"", body: bytes = b"") -> str:
        """Return the ``Authorization`` of one call, for a client other than httpx; path and query as on the wire.

        A WebSocket is opened by a GET without a body.
        """
        time, nonce = int(self._clock.now().timestamp()), secrets.token_urlsafe(16)
        return signed(self._key, Call(method, path, query), self._key_id, time, nonce, digest_of(body)).header()
