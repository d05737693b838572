"""The broker as a server: life and death, the parts put together, who is connected."""

import asyncio
import contextlib
import logging
import socket
import sqlite3
import ssl
import struct
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from infra.broker.config import BrokerConfig, check_reach
from infra.broker.connection import Connection
from infra.broker.context import Context, now_ms
from infra.broker.errors import BrokerError, StorageFailedError
from infra.broker.groups import Coordinator
from infra.broker.handlers.transacting import arm_timer
from infra.broker.integrity import damaged
from infra.broker.limits import Budget
from infra.broker.log import Log
from infra.broker.maintenance import Maintenance
from infra.broker.offsets import CommittedOffsets
from infra.broker.store import Store, Write
from infra.broker.transactions import Transactions
from infra.broker.users import Users

_LOG = logging.getLogger(__name__)
_STOP_PATIENCE_S = 2.0
_TLS_HANDSHAKE_S = 10.0


class Broker:
    """An embedded Kafka broker. `start` it in a running event loop, `stop` it there too."""

    def __init__(self, config: BrokerConfig) -> None:
        check_reach(config)
        self._config = config
        self._tls = _tls_context(config)
        self.budget = Budget(config.requests_total_max_bytes)
        self.unread: set[Connection] = set()
        self.beat_s = time.monotonic()
        """When the event loop last looked at its connections, for whoever asks from another thread."""
        self._maintenance: Maintenance | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._listening_port = 0
        self._server: asyncio.Server | None = None
        self._context: Context | None = None
        self._connections: set[Connection] = set()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        self._timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] | None = None

    @property
    def host(self) -> str:
        """Address the broker listens on."""
        return self._config.host

    @property
    def port(self) -> int:
        """Port the broker listens on; known after `start`."""
        if self._context is None:
            raise BrokerError("the broker has no port before start()")
        return self._listening_port

    @property
    def context(self) -> Context:
        """The running broker's parts, for programs that look inside: benchmarks and tests."""
        if self._context is None:
            raise BrokerError("the broker has no parts before start()")
        return self._context

    @property
    def connected(self) -> int:
        """How many clients there are."""
        return len(self._connections)

    async def start(self) -> None:
        """Open the file, read its state, listen.

        Raises:
            BrokerFileInUseError: another broker has the file.
            BrokerError: the file or the port cannot be used.
        """
        if self._context is not None:
            raise BrokerError("the broker is already running")
        loop = asyncio.get_running_loop()
        if self._config.users is not None:
            Users(self._config.users).names()
        store = Store.open(self._config.path, self._config.free_space_floor_bytes)
        try:
            listening = _listen(self._config)
        except BrokerError:
            store.close()
            raise
        self._listening_port = listening.getsockname()[1]
        try:
            context = self._build(loop, store, self._listening_port)
        except (sqlite3.DatabaseError, LookupError, TypeError, ValueError, struct.error) as error:
            listening.close()
            store.close()
            raise damaged(self._config.path, f"its tables contradict each other ({error!r})") from error
        store.start(loop, self._storage_failed, self._take_back)
        self._failed = loop.create_future()
        self._context = context
        arm_timer(context)
        config = self._config
        self._maintenance = Maintenance(
            store, context.log, loop, now_ms, config.cleanup_every_s, config.compaction_max_keys
        )
        self._maintenance.start()
        self._look_at_connections()
        self._server = await loop.create_server(
            lambda: Connection(self, context),
            sock=listening,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else _TLS_HANDSHAKE_S,
        )

    async def stop(self) -> None:
        """Take no more requests, answer the waiting ones, commit what was accepted, close the file."""
        context, self._context = self._context, None
        if context is None or self._server is None:
            return
        self._server.close()
        for waiting in list(context.waiting):
            waiting.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
        if self._maintenance is not None:
            await self._maintenance.stop()
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

    def admit(self, connection: Connection) -> bool:
        """Register a new connection unless there are too many."""
        if len(self._connections) >= self._config.max_connections:
            return False
        self._connections.add(connection)
        self._all_closed.clear()
        return True

    def forget(self, connection: Connection) -> None:
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
            *(config.advertise or (config.host, port)),
            store.cluster_id(),
            self._arm_group_timer,
            users=None if config.users is None else Users(config.users),
            fetch_room=self._fetch_room,
        )

    def _fetch_room(self) -> int:
        """Bytes a Fetch may answer with while others have not taken theirs."""
        unread = sum(connection.unread_bytes() for connection in self.unread)
        return max(0, self._config.answers_total_max_bytes - unread)

    def _take_back(self) -> None:
        """The disk was full: what was not committed is forgotten, so that clients can send it again."""
        if self._context is None:
            return
        try:
            with contextlib.closing(self._context.store.another_reader()) as reader:
                self._context.log.roll_back(reader)
                self._context.transactions.load(reader, self._context.log)
            arm_timer(self._context)
        except sqlite3.DatabaseError as error:
            self._storage_failed(StorageFailedError(f"{self._config.path} cannot be read after a full disk: {error}"))

    def _look_at_connections(self) -> None:
        if self._context is None:
            return
        self.beat_s = time.monotonic()
        now_s = self._context.loop.time()
        for connection in list(self._connections):
            connection.look(now_s)
        self._sweep = self._context.loop.call_later(self._config.sweep_every_s, self._look_at_connections)

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


def _tls_context(config: BrokerConfig) -> ssl.SSLContext | None:
    if config.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"{config.tls_cert} and {config.tls_key} are no PEM certificate and key: {error}") from error
    return context


def _ignore(_: StorageFailedError | None) -> None:
    """A lost generation number is harmless: members of a failed broker have to join again."""


def _save_generation(writer: sqlite3.Connection, group_id: str, generation: int, protocol_type: str) -> None:
    writer.execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", (group_id, generation, protocol_type))
