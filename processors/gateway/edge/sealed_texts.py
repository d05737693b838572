"""Opens sealed texts on their way out: the log and the views hold them sealed, a reader of the workspace reads words.

One place for all answers, so that no route can forget it, and none can open what is not its caller's: a text opens
only when its owner is a ticket of the caller's workspace. One that was forgotten reads ``(erased)``, one of another
workspace, or for a caller without a key, ``(sealed)``.
"""

import re
from collections.abc import Awaitable, Callable

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.vault.port import Vault
from processors.gateway.present import ticket_of
from processors.gateway.views import ReadModel
from schemas.core.text import SEAL

ERASED, SEALED = "(erased)", "(sealed)"
_SEALED = re.compile(rb'"' + re.escape(SEAL).encode() + rb'([0-9A-Za-z-]+)\.[0-9A-Za-z_-]+"')
"""A sealed text as a whole JSON string; inside of a longer string its quotes are escaped, and it stays as it is."""
_KINDS = ("application/json", "text/event-stream")


async def open_texts(vault: Vault, body: bytes, may_open: Callable[[str], bool]) -> bytes:
    """Return JSON with the words of those sealed texts in it whose owner ``may_open`` names."""
    words: dict[bytes, bytes] = {}
    for found in _SEALED.finditer(body):
        token = found[0]
        if token not in words:
            said = await vault.open_text(token[1:-1].decode()) if may_open(found[1].decode()) else SEALED
            words[token] = orjson.dumps(ERASED if said is None else said)
    return _SEALED.sub(lambda found: words[found[0]], body) if words else body


class OpenTexts:
    """Opens the sealed texts of every JSON answer and event stream, for the workspace that ``Needs`` found."""

    def __init__(self, app: ASGIApp, vault: Vault, views: ReadModel) -> None:
        self._app = app
        self._vault = vault
        self._views = views

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, self._opening(scope, send))

    def _opening(self, scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
        start: Message | None = None
        concerned = False

        async def opening(message: Message) -> None:
            nonlocal start, concerned
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                concerned = headers.get("content-type", "").startswith(_KINDS)
                if concerned and "content-length" in headers:  # a stream's headers must not wait for its first event
                    start = message
                    return
            elif message["type"] == "http.response.body" and concerned:
                body = await open_texts(self._vault, message.get("body", b""), self._may_open(scope))
                message = {**message, "body": body}
                if start is not None:
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    first, start = start, None
                    await send(first)
            await send(message)

        return opening

    def _may_open(self, scope: Scope) -> Callable[[str], bool]:
        workspace_id = scope.get("state", {}).get("workspace_id")

        def may_open(owner: str) -> bool:
            ticket = ticket_of(self._views, owner)
            return ticket is not None and workspace_id is not None and ticket.workspace_id == workspace_id

        return may_open
