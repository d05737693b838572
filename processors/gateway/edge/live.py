"""What a live reader is sent, whether by socket or as server-sent events.

``hello`` first, with a cursor to resume from; then what it missed, or ``gap`` when memory no longer has all of that;
then each event as it comes, and ``ping`` while nothing does. ``error`` is the last word before the end. An event may
come twice after a reader changed from one replica to another: its CloudEvents id tells.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from processors.gateway.config import Policy
from processors.gateway.edge.auth import Principal, principal_named
from processors.gateway.edge.deps import Edge
from processors.gateway.feed import Feed, Item, News, Wanted
from processors.gateway.present import event_json
from processors.gateway.timeline import Cursor, Position, Subscription, write_cursor

TRY_AGAIN_LATER: Final = 1013
POLICY_VIOLATION: Final = 1008
"""Close codes of RFC 6455 section 7.4 and its registry."""


class Encode(Protocol):
    """Makes a frame's text. ``data`` is a JSON object as text; ``message_type`` is set for events."""

    def __call__(self, kind: str, cursor: str, data: str, message_type: str = "") -> str:
        """Return the text."""
        ...


def for_socket(kind: str, cursor: str, data: str, message_type: str = "") -> str:
    """Return a frame as one JSON object: ``kind`` and ``id`` before the members of ``data``."""
    return f'{{"kind":"{kind}","id":"{cursor}"{"}" if data == "{}" else "," + data[1:]}'


def for_stream(kind: str, cursor: str, data: str, message_type: str = "") -> str:
    """Return a frame as a server-sent event. A ping has no data: it moves the reader's last id and wakes nobody."""
    name = "" if kind == "ping" else f"event: {message_type or kind}\ndata: {data}\n"
    return f"id: {cursor}\n{name}\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """One text to send. ``close``: the code to close a socket with after it."""

    text: str
    close: int | None = None


class Rights:
    """Whether a reader may still read, looked up every few seconds and not for each event."""

    def __init__(self, edge: Edge, principal: Principal) -> None:
        self._edge = edge
        self._principal = principal
        self._every_s = edge.deps.policy.recheck_s
        self._next = _now() + self._every_s

    @property
    def wait_s(self) -> float:
        """Return the seconds to the next look-up."""
        return max(0.0, self._next - _now())

    def ended(self) -> bool:
        """Whether the reader's rights are gone, or other ones than when it began."""
        if self.wait_s > 0:
            return False
        self._next = _now() + self._every_s
        now = principal_named(self._edge, self._principal.caller, self._principal.session_id)
        return (
            now is None
            or now.scopes != self._principal.scopes
            or now.workspace_id != self._principal.workspace_id
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads what, and how it is written for it."""

    wanted: Wanted
    scopes: frozenset[str]
    rights: Rights
    encode: Encode

    def item(self, item: Item, cursor: str) -> str:
        """Return the text of an event, without what the reader's scopes do not open."""
        data = orjson.dumps(event_json(item.entry, self.scopes)).decode()
        return self.encode("event", cursor, data, item.entry.envelope.type)

    def news(self, news: News) -> str:
        """Return the text of an event that just came, which all readers of the same scopes share."""
        return news.text((self.encode, self.scopes), lambda one: self.item(one.item, one.cursor))

    def error(self, cursor: str, code: str, detail: str, close: int) -> Frame:
        """Return the last frame."""
        return Frame(self.encode("error", cursor, orjson.dumps({"code": code, "detail": detail}).decode()), close)


async def frames(feed: Feed, reader: Reader, cursor: Cursor | None, policy: Policy) -> AsyncIterator[Frame]:
    """Yield what a reader is sent; ``cursor`` is what it has, None when it begins."""
    subscription = feed.listen(reader.wanted, policy.stream_queue_max)
    # No await between the two, so each event is either among those missed or will be handed over.
    missed = feed.after(cursor) if cursor is not None else []
    seen: dict[Position, int] = dict(cursor or {})
    last = feed.cursor if cursor is None or missed is None else write_cursor(seen)
    try:
        yield Frame(reader.encode("hello", last, "{}"))
        if missed is None:
            detail = "events since your cursor are no longer in memory; read anew what you show, then go on from here"
            yield Frame(reader.encode("gap", last, orjson.dumps({"code": "gap", "detail": detail}).decode()))
        for item in missed or ():
            seen[item.entry.topic, item.entry.partition] = item.entry.offset
            if reader.wanted.takes(item):
                last = write_cursor(seen)
                yield Frame(reader.item(item, last))
        async for frame in _as_it_comes(feed, subscription, reader, seen, last, policy.ping_s):
            yield frame
    finally:
        feed.leave(subscription)


async def _as_it_comes(
    feed: Feed, subscription: Subscription[News], reader: Reader, seen: Cursor, last: str, ping_s: float
) -> AsyncIterator[Frame]:
    ping_at = _now() + ping_s
    while True:
        if reader.rights.ended():
            yield reader.error(last, "unauthorized", "your right to listen has ended", POLICY_VIOLATION)
            return
        if subscription.lost:
            detail = "you read more slowly than events came; connect again with the last id you have"
            yield reader.error(last, "too_slow", detail, TRY_AGAIN_LATER)
            return
        news = subscription.take()
        if news is not None:
            entry = news.item.entry
            if entry.offset > seen.get((entry.topic, entry.partition), -1):
                last = news.cursor
                yield Frame(reader.news(news))
        elif _now() >= ping_at:
            ping_at, last = _now() + ping_s, feed.cursor
            yield Frame(reader.encode("ping", last, "{}"))
        else:
            await subscription.wait(max(0.0, min(reader.rights.wait_s, ping_at - _now())))


def _now() -> float:
    return asyncio.get_running_loop().time()
