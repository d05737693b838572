"""Opens sealed texts on their way out: the log and the views hold them sealed, a reader of the workspace reads words.

One place for all answers of JSON, so that no route can forget it; sockets, tables and receipts ask :func:`words_of` as
well. None can open what is not its caller's: a text opens only when its owner is a ticket of the caller's workspace.
One that was forgotten reads ``(erased)``, one of another workspace, or for a caller without a key, ``(sealed)``.
"""

import re
from collections.abc import Awaitable, Callable, Iterable

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.vault.port import Vault
from connectors.vault.texts import owner_of
from processors.gateway.present import ticket_of
from processors.gateway.views import ReadModel
from schemas.core.text import SEAL

ERASED, SEALED = "(erased)", "(sealed)"
_SEALED = re.compile(rb'"' + re.escape(SEAL).encode() + rb'([0-9A-Za-z-]+)\.[0-9A-Za-z_-]+"')
"""A sealed text as a whole JSON string; inside of a longer string its quotes are escaped, and it stays as it is."""
_KINDS = ("application/json", "application/x-ndjson", "text/event-stream")


async def words_of(vault: Vault, texts: Iterable[str], views: ReadModel, workspace_id: str | None) -> dict[str, str]:
    """Return what each text says to a reader of a workspace; None is a caller without a key. Plain ones are kept."""
    wanted = dict.fromkeys(texts)
    readable = [text for text in wanted if _is_of(views, owner_of(text), workspace_id)]
    opened = await vault.open_texts(readable) if readable else {}
    return {text: ERASED if (said := opened.get(text, SEALED)) is None else said for text in wanted}


async def open_json(vault: Vault, body: bytes, views: ReadModel, workspace_id: str | None) -> bytes:
    """Return JSON with words where sealed texts were; in an event stream or lines of JSON as well."""
    tokens = {found[0] for found in _SEALED.finditer(body)}
    if not tokens:
        return body
    said = await words_of(vault, (token[1:-1].decode() for token in sorted(tokens)), views, workspace_id)
    return _SEALED.sub(lambda found: orjson.dumps(said[found[0][1:-1].decode()]), body)


def _is_of(views: ReadModel, owner: str | None, workspace_id: str | None) -> bool:
    if owner is None:
        return True
    ticket = ticket_of(views, owner)
    return ticket is not None and workspace_id is not None and ticket.workspace_id == workspace_id


class OpenTexts:
    """Opens sealed texts in JSON answers, lines of JSON and event streams, for the workspace that ``Needs`` found."""

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
                workspace_id = scope.get("state", {}).get("workspace_id")
                body = await open_json(self._vault, message.get("body", b""), self._views, workspace_id)
                message = {**message, "body": body}
                if start is not None:
                    MutableHeaders(scope=start)["content-length"] = str(len(body))
                    first, start = start, None
                    await send(first)
            await send(message)

        return opening
