"""What every request goes through: a bound on its body while it streams in, and headers on the answer."""

import re
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from processors.gateway.commands import TRACE
from processors.gateway.config import Policy
from processors.gateway.edge.limits import Allowance
from processors.gateway.edge.problems import Problem, problem_response

UPLOAD_PATH = "/v1/intakes"
OBJECT_PATHS = "/blobs/"
PHOTO_PATHS = re.compile(r"/v1/tickets/[^/]+/conditions/[a-z]+/photos")
_REQUEST_ID = re.compile(r"[0-9A-Za-z_.-]{1,80}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
_HSTS = "max-age=31536000; includeSubDomains"


class BodyLimit:
    """Stops reading a body at its limit, so that no more than that is ever held or spooled."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await problem_response(_too_large(limit), scope["path"])(scope, receive, send)
            return
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, bounded, send)

    def _limit(self, path: str) -> int:
        if path == UPLOAD_PATH:
            return self._policy.upload_max_bytes
        if PHOTO_PATHS.fullmatch(path):
            return self._policy.intake.photo_max_bytes
        return self._policy.object_max_bytes if path.startswith(OBJECT_PATHS) else self._policy.body_max_bytes


class TraceContext:
    """Takes the caller's W3C trace context. What is no such thing, or too long to be carried on, is left out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            parent, state = headers.get("traceparent"), headers.get("tracestate")
            TRACE.set((parent, state if state is not None and _TRACESTATE.fullmatch(state) else None))
        await self._app(scope, receive, send)


class AnswerHeaders:
    """Adds security headers, a request id, and what is left of the caller's rate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", _HSTS)
                allowance = scope.get("state", {}).get("allowance")
                if isinstance(allowance, Allowance):
                    for name, value in allowance.headers().items():
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"the request body is larger than {limit / 1e6:g} MB; send less")
