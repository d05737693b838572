"""Posting over HTTPS to an address that was looked up and judged first: the connection goes to what was judged."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import SplitResult

import httpx

from connectors.callbacks.guard import UrlRefused, all_public, check_url
from connectors.callbacks.port import Answer

TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 65_536
"""What is read of an answer before the connection is closed: its status is all that counts."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpsCallbacks:
    """``Callbacks`` over one connection a post.

    ``trust``: whose certificates are good; the system's list by default. The name is looked up once, every address of
    it is judged, and the first is connected to by number: a name server that answers differently a moment later gains
    nothing. No redirect is followed, and no proxy of the environment is used.
    """

    def __init__(
        self,
        *,
        local: bool = False,
        timeout_s: float = TIMEOUT_S,
        lookup: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._local, self._timeout_s, self._lookup = local, timeout_s, lookup
        self._trust = trust or ssl.create_default_context()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See :class:`Callbacks`."""
        try:
            parts = check_url(url, local=self._local)
        except UrlRefused:
            return Answer(error="url_refused")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(parts, body, headers)
        except TimeoutError:
            return Answer(error="timeout")
        except (httpx.HTTPError, OSError, UnicodeError):
            return Answer(error="unreachable")

    async def _post(self, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._lookup(host, port)
        if not self._local and not all_public(addresses):
            return Answer(error="address_refused")
        if not addresses:
            return Answer(error="unreachable")
        number = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        target = parts._replace(netloc=f"{number}:{port}").geturl()
        request = httpx.Request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc},
            # The certificate must be that of the name, and the server must know whom it is asked for.
            extensions={"sni_hostname": host, "timeout": httpx.Timeout(self._timeout_s).as_dict()},
        )
        # A pool would join names that share a number; each post has its own connection.
        async with httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            await _look_at(response)
            return Answer(status=response.status_code)


async def _look_at(response: httpx.Response) -> None:
    """Read a bounded part of the answer, so that a polite server is not cut off while it speaks."""
    seen = 0
    try:
        async for piece in response.aiter_raw():
            seen += len(piece)
            if seen > ANSWER_MAX_BYTES:
                break
    finally:
        await response.aclose()
