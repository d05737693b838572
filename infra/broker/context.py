"""What a request handler can see: the broker's parts and the request it answers."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.broker.config import BrokerConfig
from infra.broker.counts import BrokerCounts
from infra.broker.groups import Coordinator
from infra.broker.limits import PeerLog
from infra.broker.log import Log
from infra.broker.offsets import CommittedOffsets
from infra.broker.session import Penalties, Session
from infra.broker.store import Store
from infra.broker.transactions import Transactions
from infra.broker.users import Users
from infra.broker.wire import RequestHead

NODE_ID = 0


def now_ms() -> int:
    """Unix time in milliseconds, for all that has to mean the same after a restart."""
    return int(time.time() * 1000)


class Waiting(Protocol):
    """Something that will answer later and has to give up when the broker stops or its client goes."""

    @property
    def connection(self) -> Hashable:
        """The client that waits."""

    def cancel(self) -> None:
        """Answer or forget; called at most once from outside."""


@dataclass(slots=True, eq=False)
class Context:
    """The parts of one running broker. Only the event loop's thread touches them."""

    config: BrokerConfig
    loop: asyncio.AbstractEventLoop
    store: Store
    reading: ThreadPoolExecutor
    log: Log
    offsets: CommittedOffsets
    groups: Coordinator
    transactions: Transactions
    host: str
    port: int
    cluster_id: str
    arm_group_timer: Callable[[], None]
    waiting: set[Waiting] = field(default_factory=set)
    creating: set[str] = field(default_factory=set)
    transaction_timer: asyncio.TimerHandle | None = None
    users: Users | None = None
    penalties: Penalties = field(default_factory=Penalties)
    peer_log: PeerLog = field(default_factory=PeerLog)
    counts: BrokerCounts = field(default_factory=BrokerCounts)
    fetch_room: Callable[[], int] = lambda: 2**31 - 1


@dataclass(slots=True, eq=False)
class Request:
    """One decoded request. Exactly one of the three answers has to be given, at any later time."""

    head: RequestHead
    client_id: str
    client_host: str
    body: Any
    connection: Hashable
    send: Callable[[bytes | None], None]
    answer: Callable[[Mapping[str, Any]], None]
    fail: Callable[[Exception], None]
    session: Session


Handler = Callable[[Context, Request], None]
