"""The three ways to be known: an API key, a session that renews itself, or the signature of a service.

The third is :class:`connectors.signing.client.Signed`.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

import httpx

from connectors.signing.client import Signed

__all__ = ["ApiKey", "Session", "Signed", "Tokens"]


class ApiKey(httpx.Auth):
    """Sends an API key."""

    def __init__(self, key: str) -> None:
        self._header = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See :class:`httpx.Auth`."""
        request.headers["Authorization"] = self._header
        yield request


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a session is held with."""

    access_token: str
    refresh_token: str


class Session(httpx.Auth):
    """Sends the access token of a session, and gets the next one when it is good no more.

    A refresh token is good once, and showing it twice ends the session: so one call renews and the others wait. Give
    the tokens of one session to one ``Session`` only. ``renewed`` is told each new pair, to keep it.
    """

    requires_response_body = True

    def __init__(self, base_url: str, tokens: Tokens, renewed: Callable[[Tokens], None] = lambda tokens: None) -> None:
        self._url = httpx.URL(base_url).join("/v1/auth/refresh")
        self._tokens = tokens
        self._renewed = renewed
        self._lock = threading.Lock()
        self._async_lock = asyncio.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See :class:`httpx.Auth`."""
        used = self._send_with(request)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            with self._lock:
                if used == self._tokens.access_token:
                    answer = yield self._asking()
                    answer.read()
                    self._take(answer)
            if used != self._send_with(request):
                yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """See :class:`httpx.Auth`."""
        used = self._send_with(request)
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            async with self._async_lock:
                if used == self._tokens.access_token:
                    answer = yield self._asking()
                    await answer.aread()
                    self._take(answer)
            if used != self._send_with(request):
                yield request

    def _send_with(self, request: httpx.Request) -> str:
        token = self._tokens.access_token
        request.headers["Authorization"] = f"Bearer {token}"
        return token

    def _asking(self) -> httpx.Request:
        return httpx.Request("POST", self._url, json={"refresh_token": self._tokens.refresh_token})

    def _take(self, answer: httpx.Response) -> None:
        if answer.is_success:
            said = answer.json()
            self._tokens = Tokens(said["access_token"], said["refresh_token"])
            self._renewed(self._tokens)
