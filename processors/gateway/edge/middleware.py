"""What every request goes through: a bound on its body while it streams in, and headers on the answer."""

import asyncio
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from processors.gateway.commands import TRACE
from processors.gateway.config import Policy
from processors.gateway.edge.limits import Allowance
from processors.gateway.edge.problems import Problem, problem_response

UPLOAD_PATH = "/v1/intakes"
IMPORT_PATH = "/v1/imports"
OBJECT_PATHS = "/blobs/"
HOOK_PATHS = "/hooks/"
FILE_PATHS = re.compile(r"/v1/tickets/[^/]+/files")
_FORM_BYTES = 65_536
"""What the other parts of a form with a file may take."""
PHOTO_PATHS = re.compile(r"/v1/tickets/[^/]+/(?:conditions/[a-z]+/photos|qc/checkpoints/[^/]+/photo)")
_REQUEST_ID = re.compile(r"[0-9A-Za-z_.-]{1,80}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")


class BodyLimit:
    """Stops reading a body at its limit, so that no more than that is ever held or spooled, and one that only drips.

    One that says twice where it ends is not read at all: a proxy in front may have gone by the other length, and would
    then take the rest for somebody else's request (RFC 9112 section 6.3).

    Only the time spent waiting for the sender counts, not that for a place to put what came.
    """

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if announced and "transfer-encoding" in headers:
            await problem_response(_two_ends(), scope["path"])(scope, receive, send)
            return
        if announced.isdecimal() and int(announced) > limit:
            await problem_response(_too_large(limit), scope["path"])(scope, receive, send)
            return
        seen, waited, more = 0, 0.0, True

        async def bounded() -> Message:
            nonlocal seen, waited, more
            if not more:  # what comes after the body is the end of the connection, and that has time
                return await receive()
            began = time.monotonic()
            patience = self._policy.body_grace_s + seen / self._policy.body_min_bytes_per_s - waited
            try:
                message = await asyncio.wait_for(receive(), max(0.0, patience))
            except TimeoutError:
                raise _too_slow() from None
            waited += time.monotonic() - began
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                more = message.get("more_body", False)
                if seen > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, bounded, send)

    def _limit(self, path: str) -> int:
        if path == UPLOAD_PATH:
            return self._policy.upload_max_bytes
        if path.startswith(HOOK_PATHS):
            return self._policy.hook_max_bytes
        if path == IMPORT_PATH:
            return self._policy.import_max_bytes
        if PHOTO_PATHS.fullmatch(path):
            return self._policy.intake.photo_max_bytes
        if FILE_PATHS.fullmatch(path):
            return max(self._policy.file_max_bytes, self._policy.intake.photo_max_bytes) + _FORM_BYTES
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
    """Adds a request id, and what is left of the caller's rate."""

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
                allowance = scope.get("state", {}).get("allowance")
                if isinstance(allowance, Allowance):
                    for name, value in allowance.headers().items():
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _two_ends() -> Problem:
    detail = "send the body with a Content-Length or in chunks, not both"
    return Problem(400, "malformed", detail, headers={"Connection": "close"})


def _too_slow() -> Problem:
    return Problem(408, "too_slow", "the request body came too slowly; send it again", headers={"Connection": "close"})


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"the request body is larger than {limit / 1e6:g} MB; send less")
