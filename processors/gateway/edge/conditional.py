"""Entity tags on everything that can be read, and 304 to whoever has it already (RFC 9110 section 13)."""

import hashlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API: Final = "/v1/"
CACHE_CONTROL: Final = "private, no-cache"
"""A browser may keep it, must ask each time whether it is still good, and nobody between may keep it."""
_ON_304: Final = frozenset({"etag", "cache-control", "vary", "content-location", "expires", "date"})


def etag_of(body: bytes) -> str:
    """Return the strong entity tag of a body: 128 bits of its SHA-256."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Compare as RFC 9110 section 13.1.2 says: weakly, any of a list, or ``*``."""
    return if_none_match.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}


class Conditional:
    """Tags JSON answers to reads of the API that come in one piece and have no tag of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        unchanged = False

        async def tagged(message: Message) -> None:
            nonlocal start, unchanged
            if message["type"] == "http.response.start" and _may_tag(message):
                start = message
                return
            if start is not None:
                begin, start = start, None
                unchanged = _tag(begin, message, asked)
                await send(begin)
            if unchanged:
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self._app(scope, receive, tagged)


def _may_tag(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == 200 and headers.get("content-type", "").startswith("application/json")


def _tag(start: Message, body: Message, asked: str) -> bool:
    """Tag the start of an answer; True when it became 304. One that comes in pieces is left as it is."""
    headers = MutableHeaders(scope=start)
    etag = headers.get("etag")
    if etag is None:
        if body.get("more_body", False):
            return False
        etag = headers["ETag"] = etag_of(body.get("body", b""))
    headers.setdefault("Cache-Control", CACHE_CONTROL)
    if not asked or not matches(asked, etag) or body.get("more_body", False):
        return False
    start["status"] = 304
    start["headers"] = [(name, value) for name, value in start["headers"] if name.decode().lower() in _ON_304]
    return True
