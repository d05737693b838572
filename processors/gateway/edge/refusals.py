"""Every refusal becomes a fact, without slowing the answer and without letting an attack flood the log."""

import asyncio
import hashlib
import hmac
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.bus.records import Publisher, command_record
from connectors.bus.stage import WorkerStop
from connectors.clock.clock import Clock, new_id
from connectors.errors import ConnectorError
from processors.gateway.commands import SOURCE, Caller
from processors.gateway.edge.problems import MEDIA_TYPE
from schemas.core.trace import is_traceparent, parts_of
from schemas.refusals import RequestRefused

log = logging.getLogger(__name__)

STATUSES = frozenset({401, 403, 409, 413, 422, 429})
"""A 404 is one only where :func:`hidden` said that something is there and not shown."""
WINDOW_S = 60.0
KINDS_EACH = 20
"""Different refusals that one caller is told apart by in a window; further ones are counted together."""
KINDS_IN_ALL = 2_000
MANY = "many"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What refusals have in common that are counted together."""

    who: str
    method: str
    route: str
    status: int
    code: str


@dataclass(slots=True)
class _Counted:
    first_at: datetime
    last_at: datetime
    count: int = 0


class RefusalCounter:
    """One window: the first of each kind is told, those that follow are counted. Pure."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, _Counted] = {}
        self._each: Counter[str] = Counter()

    def add(self, kind: Kind, now: datetime) -> Kind | None:
        """Count a refusal; return its kind when it is the first, None when it will be told at the end."""
        kind = self._bounded(kind)
        counted = self._kinds.get(kind)
        if counted is None:
            self._kinds[kind] = _Counted(now, now)
            self._each[kind.who] += 1
            return kind
        counted.first_at = counted.first_at if counted.count else now
        counted.count, counted.last_at = counted.count + 1, now
        return None

    def _bounded(self, kind: Kind) -> Kind:
        if kind in self._kinds:
            return kind
        if len(self._kinds) >= KINDS_IN_ALL:
            return Kind("address:many", MANY, MANY, kind.status, MANY)
        return replace(kind, method=MANY, route=MANY, code=MANY) if self._each[kind.who] >= KINDS_EACH else kind

    def end(self) -> Iterator[RequestRefused]:
        """Yield what was counted beyond the first of each kind, and begin anew."""
        counted, self._kinds, self._each = self._kinds, {}, Counter()
        for kind, one in counted.items():
            if one.count:
                yield refusal(kind, one.count, one.first_at, one.last_at)


def refusal(
    kind: Kind,
    count: int,
    first_at: datetime,
    last_at: datetime,
    request_id: str | None = None,
    trace: str | None = None,
) -> RequestRefused:
    """Return the fact."""
    return RequestRefused(
        who=kind.who,
        method=kind.method,
        route=kind.route,
        status=kind.status,
        code=kind.code,
        count=count,
        first_at=first_at,
        last_at=last_at,
        request_id=request_id,
        trace_id=trace,
    )


class RefusalLog:
    """Writes refusals to the log in a task of its own, which ends when there is nothing more to tell.

    What a process has not written when it dies is lost, and what the log does not take is left out and logged: a
    refusal must never keep anybody waiting.
    """

    def __init__(self, publisher: Publisher, clock: Clock, address_key: bytes, *, window_s: float = WINDOW_S) -> None:
        self._publisher, self._clock, self._address_key, self._window_s = publisher, clock, address_key, window_s
        self._counter = RefusalCounter()
        self._waiting: list[RequestRefused] = []
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, kind: Kind, request_id: str | None, trace: str | None) -> None:
        """Take one refusal; returns at once."""
        now = self._clock.now()
        first = self._counter.add(kind, now)
        if first is not None:
            self._waiting.append(refusal(first, 1, now, now, request_id, trace))
            self._more.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="gateway-refusals")

    def address(self, host: str) -> str:
        """Return an address as the log may hold it: under a key, since all addresses could be tried."""
        return hmac.digest(self._address_key, host.encode(), hashlib.sha256).hex()[:32]

    async def close(self) -> None:
        """Write what there is, and end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._waiting.extend(self._counter.end())
        await self._write()

    async def _run(self) -> None:
        """One window: write what comes at once, and at its end what was counted."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._window_s
        while (left := end - loop.time()) > 0:
            self._more.clear()
            await self._write()
            try:
                await asyncio.wait_for(self._more.wait(), left)
            except TimeoutError:
                break
        self._waiting.extend(self._counter.end())
        await self._write()

    async def _write(self) -> None:
        told, self._waiting = self._waiting, []
        if not told:
            return
        now = self._clock.now()
        records = [
            command_record(one, source=SOURCE, now=now, correlation_id=one.who, message_id=new_id()) for one in told
        ]
        try:
            await self._publisher.publish(records)
        except (ConnectorError, WorkerStop) as error:
            log.warning("%d refusals are not in the log: %s", len(told), error)


def hidden(request: Request, code: str) -> None:
    """Say that the 404 which follows hides something that is there: another workspace's, above all."""
    request.state.hidden = code


class Refusals:
    """Looks at every answer, and notes the refusals."""

    def __init__(self, app: ASGIApp, refusals: RefusalLog) -> None:
        self._app, self._log = app, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message = {}

        async def looking(message: Message) -> None:
            nonlocal start
            await send(message)
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body" and start:
                began, start = start, {}
                self._look(scope, began, message.get("body", b""))

        await self._app(scope, receive, looking)

    def _look(self, scope: Scope, start: Message, body: bytes) -> None:
        status = start["status"]
        state = scope.get("state", {})
        code = state.get("hidden") if status == 404 else None
        if status not in STATUSES and code is None:
            return
        headers = Headers(raw=start["headers"])
        kind = Kind(
            who=self._who(scope),
            method=scope["method"][:20],
            route=_route(scope),
            status=status,
            code=code or _code(headers, body),
        )
        self._log.note(kind, headers.get("x-request-id"), _trace(scope))

    def _who(self, scope: Scope) -> str:
        caller = scope.get("state", {}).get("caller")
        if isinstance(caller, Caller):
            return caller.actor
        client = scope.get("client")
        return f"address:{self._log.address(client[0] if client else '')}"


def _route(scope: Scope) -> str:
    """Return the template of the route. A path itself may hold a key, so what came to no route is not told."""
    return str(getattr(scope.get("route"), "path", "none"))[:200]


def _code(headers: Headers, body: bytes) -> str:
    if headers.get("content-type") == MEDIA_TYPE:
        try:
            found = orjson.loads(body).get("code")
        except (orjson.JSONDecodeError, AttributeError):
            found = None
        if isinstance(found, str) and _CODE.fullmatch(found):
            return found
    return "other"


def _trace(scope: Scope) -> str | None:
    parent = Headers(scope=scope).get("traceparent", "")
    return f"{parts_of(parent)[0]:032x}" if is_traceparent(parent) else None
