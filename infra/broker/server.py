"""The broker as a server: connections, order of answers, life and death."""

import asyncio
import contextlib
import logging
import socket
import sqlite3
import time
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kio.schema.errors import ErrorCode

from infra.broker.config import BrokerConfig, require_loopback
from infra.broker.context import Context, Request
from infra.broker.errors import BrokerError, MalformedRequestError, StorageFailedError
from infra.broker.groups import Coordinator
from infra.broker.handlers import APIS, api_ranges
from infra.broker.handlers.transacting import arm_timer
from infra.broker.log import Log
from infra.broker.offsets import CommittedOffsets
from infra.broker.store import Store, Write
from infra.broker.transactions import Transactions
from infra.broker.wire import (
    API_VERSIONS,
    FrameReader,
    RequestHead,
    encode_response,
    encode_unsupported,
    read_head,
    read_request,
)

_LOG = logging.getLogger(__name__)
_STOP_PATIENCE_S = 2.0


class _Slot:
    """Place of one answer in the order of a connection's requests. `data` None means no answer is sent."""

    __slots__ = ("data", "filled")

    def __init__(self) -> None:
        self.filled = False
        self.data: bytes | None = None


class _Connection(asyncio.Protocol):
    """One client. Requests are worked on as they come; answers leave in the order of the requests."""

    def __init__(self, broker: "Broker", context: Context) -> None:
        self._broker = broker
        self._context = context
        self._frames = FrameReader(context.config.request_max_bytes)
        self._slots: deque[_Slot] = deque()
        self._backlog: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self._write_blocked = False
        self._paused = False
        self._peer = "?"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in, or turn it away when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else "?"
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._broker.admit(self):
            _LOG.warning("connection refused: %d are open", self._context.config.max_connections)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client and what it waits for."""
        self._transport = None
        self._slots.clear()
        self._backlog.clear()
        self._broker.forget(self)

    def data_received(self, data: bytes) -> None:
        """Work on every complete request."""
        try:
            self._backlog.extend(self._frames.feed(data))
        except MalformedRequestError as error:
            self._close(error)
            return
        self._work()

    def pause_writing(self) -> None:
        """The client does not read its answers: take no more requests from it."""
        self._write_blocked = True
        self._regulate()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._write_blocked = False
        self._work()

    def close(self) -> None:
        """End the connection after what is already written."""
        if self._transport is not None:
            self._transport.close()

    def _busy(self) -> bool:
        return self._write_blocked or len(self._slots) >= self._context.config.max_requests_in_flight

    def _work(self) -> None:
        while self._backlog and self._transport is not None and not self._busy():
            frame = self._backlog.popleft()
            try:
                self._handle(frame)
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
        pause = bool(self._backlog) or self._busy()
        if pause and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not pause:
            self._transport.resume_reading()
        self._paused = pause

    def _handle(self, frame: bytes) -> None:
        head = read_head(frame)
        slot = _Slot()
        self._slots.append(slot)
        api = APIS.get(head.api_key)
        if api is None or not api.min_version <= head.api_version <= api.max_version:
            self._fill(slot, _refuse_version(head))
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
            self._fill(slot, data)

        api.handler(self._context, Request(head, client_id, self._peer, body, self, send, answer, self._defect))

    def _fill(self, slot: _Slot, data: bytes | None) -> None:
        slot.data, slot.filled = data, True
        while self._slots and self._slots[0].filled:
            ready = self._slots.popleft().data
            if ready is not None and self._transport is not None:
                self._transport.write(ready)
        if self._paused:
            # Not from inside this call: the answer may come from a handler that _work is running right now.
            self._context.loop.call_soon(self._work)

    def _close(self, error: MalformedRequestError) -> None:
        _LOG.warning("connection from %s closed: %s", self._peer, error)
        self.abort()

    def _defect(self, error: Exception) -> None:
        _LOG.error("connection from %s closed: a request failed", self._peer, exc_info=error)
        self.abort()

    def abort(self) -> None:
        """End the connection without sending what still waits."""
        self._backlog.clear()
        if self._transport is not None:
            self._transport.abort()


def _refuse_version(head: RequestHead) -> bytes:
    """UNSUPPORTED_VERSION; for ApiVersions in version 0 with the table, so that a newer client can step down."""
    if head.api_key == API_VERSIONS:
        lowest = RequestHead(API_VERSIONS, 0, head.correlation_id)
        return encode_response(lowest, {"error_code": ErrorCode.unsupported_version, "api_keys": api_ranges()})
    _LOG.info("API %d version %d is not supported", head.api_key, head.api_version)
    return encode_unsupported(head)


class Broker:
    """An embedded Kafka broker. `start` it in a running event loop, `stop` it there too."""

    def __init__(self, config: BrokerConfig) -> None:
        require_loopback(config.host)
        self._config = config
        self._server: asyncio.Server | None = None
        self._context: Context | None = None
        self._connections: set[_Connection] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] | None = None

    @property
    def host(self) -> str:
        """Address clients are told to connect to."""
        return self._config.host

    @property
    def port(self) -> int:
        """Port the broker listens on; known after `start`."""
        if self._context is None:
            raise BrokerError("the broker has no port before start()")
        return self._context.port

    async def start(self) -> None:
        """Open the file, read its state, listen.

        Raises:
            BrokerFileInUseError: another broker has the file.
            BrokerError: the file or the port cannot be used.
        """
        if self._context is not None:
            raise BrokerError("the broker is already running")
        loop = asyncio.get_running_loop()
        store = Store.open(self._config.path)
        try:
            listening = _listen(self._config)
        except BrokerError:
            store.close()
            raise
        context = self._build(loop, store, listening.getsockname()[1])
        store.start(loop, self._storage_failed)
        self._failed = loop.create_future()
        self._context = context
        arm_timer(context)
        self._server = await loop.create_server(lambda: _Connection(self, context), sock=listening)

    async def stop(self) -> None:
        """Take no more requests, answer the waiting ones, commit what was accepted, close the file."""
        context, self._context = self._context, None
        if context is None or self._server is None:
            return
        self._server.close()
        for waiting in list(context.waiting):
            waiting.cancel()
        committed = asyncio.Event()
        context.store.submit(Write(lambda _: committed.set()))
        await committed.wait()
        for connection in list(self._connections):
            connection.close()
        await self._wait_for_connections()
        for timer in (self._timer, context.transaction_timer):
            if timer is not None:
                timer.cancel()
        await context.loop.run_in_executor(None, self._close_files, context)

    async def serve_forever(self) -> None:
        """Run until cancelled.

        Raises:
            StorageFailedError: the disk refused a commit; the broker has to be started again.
        """
        if self._failed is None:
            raise BrokerError("serve_forever() needs start() first")
        await asyncio.shield(self._failed)

    def admit(self, connection: _Connection) -> bool:
        """Register a new connection unless there are too many."""
        if len(self._connections) >= self._config.max_connections:
            return False
        self._connections.add(connection)
        self._all_closed.clear()
        return True

    def forget(self, connection: _Connection) -> None:
        """A connection is gone: so are its group members."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()
        if self._context is not None:
            for waiting in [entry for entry in self._context.waiting if entry.connection is connection]:
                waiting.cancel()
            self._context.groups.drop_connection(connection)
            self._arm_group_timer()

    def _build(self, loop: asyncio.AbstractEventLoop, store: Store, port: int) -> Context:
        config = self._config
        log = Log(config.tail_cache_bytes, config.message_max_bytes)
        log.load(store.reader)
        offsets = CommittedOffsets()
        offsets.load(store.reader)
        transactions = Transactions()
        transactions.load(store.reader, log)
        groups = Coordinator(
            time.monotonic,
            lambda: str(uuid.uuid4()),
            lambda *row: store.submit(Write(_ignore, change=lambda writer: _save_generation(writer, *row))),
            session_timeout_range_s=(config.session_timeout_min_ms / 1000, config.session_timeout_max_ms / 1000),
            initial_delay_s=config.initial_rebalance_delay_ms / 1000,
        )
        for row in store.reader.execute("SELECT group_id, generation, protocol_type FROM groups"):
            groups.restore(*row)
        reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker-reader")
        return Context(
            config,
            loop,
            store,
            reading,
            log,
            offsets,
            groups,
            transactions,
            config.host,
            port,
            store.cluster_id(),
            self._arm_group_timer,
        )

    def _arm_group_timer(self) -> None:
        """Wake up for the next deadline of the groups. A heartbeat only moves deadlines away and need not call."""
        if self._context is None:
            return
        deadline = self._context.groups.next_deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            delay_s = max(0.0, deadline - time.monotonic()) + 0.001
            self._timer = self._context.loop.call_later(delay_s, self._expire_groups)

    def _expire_groups(self) -> None:
        if self._context is not None:
            self._context.groups.expire()
            self._arm_group_timer()

    def _storage_failed(self, failure: StorageFailedError) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(failure)
            self._failed.exception()  # Marks it as seen: an embedding program may never call serve_forever.

    async def _wait_for_connections(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_closed.wait(), _STOP_PATIENCE_S)
        for connection in list(self._connections):
            connection.abort()

    @staticmethod
    def _close_files(context: Context) -> None:
        context.reading.shutdown(wait=True, cancel_futures=True)
        context.store.close()


def _listen(config: BrokerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        listening.close()
        raise BrokerError(
            f"cannot listen on {config.host}:{config.port}: {error.strerror}. Stop what uses the port or choose "
            "another --port (0 takes any free one)."
        ) from error
    return listening


def _ignore(_: StorageFailedError | None) -> None:
    """A lost generation number is harmless: members of a failed broker have to join again."""


def _save_generation(writer: sqlite3.Connection, group_id: str, generation: int, protocol_type: str) -> None:
    writer.execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", (group_id, generation, protocol_type))
