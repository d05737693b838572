"""One client's connection: requests in, answers out in their order, and what it may cost the others.

Bounds: a large request is read only once its bytes are granted from a budget all connections share; a connection
with enough in work is read no further; one Fetch at a time is worked on, whose answer is bounded; whoever neither
sends nor reads for too long, or sends a request too slowly, is closed (`look`).
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from kio.schema.errors import ErrorCode

from infra.broker.context import Context, Request
from infra.broker.counts import FETCH, PRODUCE, UNKNOWN_API, error_codes
from infra.broker.errors import MalformedRequestError
from infra.broker.handlers import APIS, api_ranges
from infra.broker.limits import Budget
from infra.broker.session import Session
from infra.broker.wire import (
    API_VERSIONS,
    FrameReader,
    RequestHead,
    encode_response,
    encode_unsupported,
    read_head,
    read_request,
)

SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36
_BEFORE_LOGIN = {API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE}
_BEFORE_LOGIN_BYTES = 64 * 1024
_SMALL_BYTES = 64 * 1024
_REQUEST_PATIENCE_S = 30.0
_SLOWEST_BYTES_PER_S = 1024 * 1024


class Host(Protocol):
    """What a connection needs of its broker."""

    @property
    def budget(self) -> Budget:
        """Bytes of large requests, over all connections."""

    @property
    def unread(self) -> "set[Connection]":
        """Connections whose clients do not take their answers now."""

    def admit(self, connection: "Connection") -> bool:
        """Register a new connection unless there are too many."""

    def forget(self, connection: "Connection") -> None:
        """A connection is gone."""


class _Slot:
    """Place of one answer in the order of a connection's requests. `data` None means no answer is sent."""

    __slots__ = ("api_key", "data", "filled", "granted", "size")

    def __init__(self, size: int, granted: int, api_key: int) -> None:
        self.size = size
        self.granted = granted
        self.api_key = api_key
        self.filled = False
        self.data: bytes | None = None


class Connection(asyncio.Protocol):
    """One client. Requests are worked on as they come; answers leave in the order of the requests."""

    def __init__(self, host: Host, context: Context) -> None:
        self._host = host
        self._context = context
        self._counts = context.counts
        self._frames = FrameReader(self._limit_of)
        self._slots: deque[_Slot] = deque()
        self._backlog: deque[tuple[bytes, int]] = deque()
        self._transport: asyncio.Transport | None = None
        self._session = Session("?", self.close)
        self._write_blocked = False
        self._paused = False
        self._in_work_bytes = 0
        self._fetching = False
        self._granted = 0
        self._waits_for_grant = False
        self._since_s = 0.0
        self._last_sign_s = 0.0
        self._frame_since_s = 0.0
        self._drained_s = 0.0
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, or turn it away when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._since_s = self._last_sign_s = self._context.loop.time()
        peer = transport.get_extra_info("peername")
        self._session.peer = peer[0] if peer else "?"
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._host.admit(self):
            self._counts.closed["too_many"] += 1
            self._say(logging.WARNING, f"refused: {self._context.config.max_connections} are open")
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client and what it waits for."""
        self._transport = None
        self._host.unread.discard(self)
        given = self._granted + sum(slot.granted for slot in self._slots) + sum(size for _, size in self._backlog)
        self._granted = 0
        self._slots.clear()
        self._backlog.clear()
        if given:
            self._host.budget.give(given)
        self._host.forget(self)

    def data_received(self, data: bytes) -> None:
        """Work on every complete request."""
        now_s = self._last_sign_s = self._context.loop.time()
        self._counts.bytes_in += len(data)
        began = self._frames.awaited > 0
        try:
            frames = self._frames.feed(data)
        except MalformedRequestError as error:
            self._close(error)
            return
        for frame in frames:
            self._backlog.append((frame, self._granted))
            self._granted = 0
        if frames or not began:
            self._frame_since_s = now_s
        self._ask_for_room()
        self._work()

    def pause_writing(self) -> None:
        """The client does not read its answers: take no more requests from it."""
        self._write_blocked = True
        self._host.unread.add(self)
        self._drained_s = self._context.loop.time()
        self._unread_bytes = self.unread_bytes()
        self._regulate()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._write_blocked = False
        self._host.unread.discard(self)
        self._work()

    def unread_bytes(self) -> int:
        """Bytes of answers that the client has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def look(self, now_s: float) -> None:
        """Close the connection when its client is idle, does not read, or does not finish a request."""
        config = self._context.config
        if not self._may_ask(None) and now_s - self._since_s > config.login_within_s:
            self._end("no_login", f"closed: no login within {config.login_within_s:g} s")
        elif self._write_blocked:
            unread = self.unread_bytes()
            if unread < self._unread_bytes:
                self._drained_s, self._unread_bytes = now_s, unread
            elif now_s - self._drained_s > config.slow_reader_s:
                unread_for = f"{unread} bytes of answers unread for {config.slow_reader_s:g} s"
                self._end("unread_answers", f"closed: it left {unread_for}")
        elif self._frames.awaited and not self._paused:
            patience_s = _REQUEST_PATIENCE_S + self._frames.awaited / _SLOWEST_BYTES_PER_S
            if now_s - self._frame_since_s > min(patience_s, config.connections_max_idle_s):
                self._end("slow_request", f"closed: a request of {self._frames.awaited} bytes did not come to its end")
        elif not self._slots and now_s - self._last_sign_s > config.connections_max_idle_s:
            self._counts.closed["idle"] += 1
            self.close()

    def close(self) -> None:
        """End the connection after what is already written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection without sending what still waits."""
        if self._transport is not None:
            self._transport.abort()

    def _limit_of(self, api_key: int | None) -> int:
        config = self._context.config
        if not self._may_ask(None):
            return _BEFORE_LOGIN_BYTES
        return config.request_max_bytes if api_key in (PRODUCE, None) else config.control_request_max_bytes

    def _may_ask(self, api_key: int | None) -> bool:
        return self._context.users is None or self._session.user is not None or api_key in _BEFORE_LOGIN

    def _ask_for_room(self) -> None:
        """Read a large request only when its bytes are granted; small ones are bounded by the number of clients."""
        wanted = self._frames.awaited
        if wanted <= _SMALL_BYTES or self._granted or self._waits_for_grant:
            return

        def granted() -> bool:
            self._waits_for_grant = False
            if self._transport is None:
                return False
            self._granted = wanted
            self._frame_since_s = self._context.loop.time()
            self._context.loop.call_soon(self._work)
            return True

        if self._host.budget.take(wanted, granted):
            self._granted = wanted
        else:
            self._waits_for_grant = True

    def _busy(self) -> bool:
        config = self._context.config
        return (
            self._write_blocked
            or len(self._slots) >= config.max_requests_in_flight
            or self._in_work_bytes >= config.connection_max_bytes
            or (self._fetching and bool(self._backlog) and _api_key(self._backlog[0][0]) == FETCH)
        )

    def _work(self) -> None:
        while self._backlog and self._transport is not None and not self._busy():
            frame, granted = self._backlog.popleft()
            slot = _Slot(len(frame), granted, _api_key(frame))
            self._slots.append(slot)
            self._in_work_bytes += slot.size
            self._fetching = self._fetching or slot.api_key == FETCH
            try:
                self._handle(frame, slot)
            except MalformedRequestError as error:
                self._close(error)
                return
            except Exception as error:  # noqa: BLE001 - a defect in one handler must not reach other connections
                self._defect(error)
                return
        self._regulate()

    def _regulate(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        pause = bool(self._backlog) or self._busy() or self._waits_for_grant
        if pause and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not pause:
            self._transport.resume_reading()
        self._paused = pause

    def _handle(self, frame: bytes, slot: _Slot) -> None:
        head = read_head(frame)
        if not self._may_ask(head.api_key):
            raise MalformedRequestError(f"API {head.api_key} was asked before the login")
        api = APIS.get(head.api_key)
        self._counts.requests[head.api_key if api is not None else UNKNOWN_API] += 1
        if api is None or not api.min_version <= head.api_version <= api.max_version:
            self._fill(slot, self._refuse_version(head))
            return
        client_id, body = read_request(frame, head)

        def send(data: bytes | None) -> None:
            self._fill(slot, data)

        def answer(values: Mapping[str, Any]) -> None:
            try:
                data = encode_response(head, values)
            except Exception as error:  # noqa: BLE001 - a defect in one answer must not reach other connections
                self._defect(error)
                return
            self._counts.failed(head.api_key, error_codes(values))
            self._fill(slot, data)

        peer, session = self._session.peer, self._session
        request = Request(head, client_id, peer, body, self, send, answer, self._defect, session)
        api.handler(self._context, request)

    def _fill(self, slot: _Slot, data: bytes | None) -> None:
        slot.data, slot.filled = data, True
        if self._transport is None:
            return
        while self._slots and self._slots[0].filled:
            ready = self._slots.popleft()
            self._in_work_bytes -= ready.size
            if ready.api_key == FETCH:
                self._fetching = False
            if ready.data is not None and self._transport is not None:
                self._transport.write(ready.data)
                self._counts.bytes_out += len(ready.data)
            if ready.granted:
                self._host.budget.give(ready.granted)
        self._last_sign_s = self._context.loop.time()
        if self._paused:
            # Not from inside this call: the answer may come from a handler that _work is running right now.
            self._context.loop.call_soon(self._work)

    def _refuse_version(self, head: RequestHead) -> bytes:
        """UNSUPPORTED_VERSION; for ApiVersions in version 0 with the table, so that a newer client can step down."""
        key = head.api_key if head.api_key in APIS else UNKNOWN_API
        self._counts.failed(key, [ErrorCode.unsupported_version])
        if head.api_key == API_VERSIONS:
            lowest = RequestHead(API_VERSIONS, 0, head.correlation_id)
            return encode_response(lowest, {"error_code": ErrorCode.unsupported_version, "api_keys": api_ranges()})
        self._say(logging.INFO, f"API {head.api_key} version {head.api_version} is not supported")
        return encode_unsupported(head)

    def _close(self, error: MalformedRequestError) -> None:
        self._end("malformed", f"closed: {error}")

    def _defect(self, error: Exception) -> None:
        self._end("defect", "closed: a request failed", error)

    def _end(self, reason: str, text: str, error: Exception | None = None) -> None:
        if self._transport is not None:
            self._counts.closed[reason] += 1
            self._say(logging.WARNING if error is None else logging.ERROR, text, error)
            self.abort()

    def _say(self, level: int, text: str, error: Exception | None = None) -> None:
        self._context.peer_log.say(level, self._session.peer, f"connection {text}", error)


def _api_key(frame: bytes) -> int:
    return int.from_bytes(frame[:2], "big", signed=True)
