"""The calling side: an ``httpx`` auth that signs each request."""

import secrets
from collections.abc import Generator

import httpx

from connectors.clock.clock import Clock, SystemClock
from connectors.signing.canonical import Call, Credentials, signature


class Signed(httpx.Auth):
    """Signs requests as a service. Each has a nonce of its own, a repeated one as well."""

    requires_request_body = True

    def __init__(self, key_id: str, key: bytes, clock: Clock | None = None) -> None:
        self._key_id, self._key, self._clock = key_id, key, clock or SystemClock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See :class:`httpx.Auth`."""
        path, _, query = request.url.raw_path.partition(b"?")
        call = Call(request.method, path, query, request.content)
        time, nonce = int(self._clock.now().timestamp()), secrets.token_urlsafe(16)
        made = signature(self._key, call, self._key_id, time, nonce)
        request.headers["Authorization"] = Credentials(self._key_id, time, nonce, made).header()
        yield request
