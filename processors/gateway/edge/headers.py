"""What keeps a browser, and what lies between, from being used against us: paths, headers, other origins."""

import logging
import re
from collections.abc import Collection, Iterable
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from processors.gateway.edge.problems import Problem, problem_response

log = logging.getLogger(__name__)

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
"""An answer may say more about itself, as pages do for their style and form. No script runs but the one of our own that
moves the slider of an inspection, by its nonce."""
HSTS = "max-age=31536000; includeSubDomains"
_BREAKS = re.compile(rb"[\r\n\0]")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_NEVER_ESCAPED = frozenset(b"/\\.%?#;") | frozenset(range(32)) | {127}
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-API-Key, X-Request-Id, "
    "traceparent"
)
_EXPOSED_HEADERS = "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
PREFLIGHT_KEPT_S = 600


class PathGuard:
    """Refuses a path that could be read in two ways, before anybody reads it.

    Escaped slashes, dots and percent signs, empty and dotted segments, backslashes: a proxy in front that checks paths
    may read them otherwise than the router does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "lifespan" and not is_plain(scope.get("raw_path") or scope["path"].encode()):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            detail = "write the path plainly: no escaped / . or %, no empty, . or .. segments, no backslash"
            await problem_response(Problem(400, "malformed", detail), "/")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_plain(raw_path: bytes) -> bool:
    """Whether a path, as it is on the wire, can be read in one way only."""
    path = raw_path.partition(b"?")[0]
    escapes = _ESCAPE.findall(path)
    if path.count(b"%") != len(escapes) or any(unquote_to_bytes(one)[0] in _NEVER_ESCAPED for one in escapes):
        return False
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    segments = path.split(b"/")[1:]
    dotted = any(one in {b".", b".."} for one in segments)
    empty = any(not one for one in segments[:-1])
    return (
        path.startswith(b"/")
        and not dotted
        and not empty
        and not any(one in b"\\;#" or not 32 < one < 127 for one in path)
    )


class SecurityHeaders:
    """Adds what a browser must keep to, and takes out a header that holds a line break."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        # A proxy ends TLS in front of us, so the scheme of a request says nothing.
        self._added = SECURITY | ({"Strict-Transport-Security": HSTS} if public_url.startswith("https:") else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = list(_unbroken(message.get("headers", ())))
                headers = MutableHeaders(scope=message)
                for name, value in self._added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _unbroken(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        if _BREAKS.search(name) or _BREAKS.search(value):
            log.error("a header with a line break is left out of an answer: %r", name)
        else:
            yield name, value


class Cors:
    """Lets pages of exactly these origins call the API. Without origins it does nothing at all.

    No cookie is allowed: the API takes keys, which a page has to hold itself.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str], routes: Iterable[BaseRoute]) -> None:
        self._app, self._origins, self._routes = app, frozenset(origins), routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        known = origin in self._origins
        if known and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(scope, origin)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if known:
                    answer["Access-Control-Allow-Origin"] = origin
                    answer["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
            await send(message)

        await self._app(scope, receive, with_headers)

    def _preflight(self, scope: Scope, origin: str) -> Response:
        allowed = [
            method
            for method in _METHODS
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in self._routes)
        ]
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(allowed),
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_KEPT_S),
            "Vary": "Origin, Access-Control-Request-Method",
        }
        return Response(status_code=204, headers=headers)
