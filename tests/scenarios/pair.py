"""Two gateways of one shop, as processes that can be killed, and what their callers do."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

from connectors.bus.restore import LogReader
from connectors.vault.people import Person
from infra.access import OPERATOR, access_desk
from infra.bench.nodes import READY_WITHIN_S, Node
from infra.children import gateway_spec
from infra.seed import seed_shop
from infra.settings import to_environment
from infra.supervise import free_ports
from schemas.core.ids import DEFAULT_WORKSPACE
from tests.scenarios.live import LiveShop, eventually, live_shop
from topics.topic import Topic

MAIL, PASSWORD = "ada@example.org", "four words do nicely"


@dataclass(slots=True)
class Replica:
    """One gateway process, and a client of it with the shop's first key."""

    node: Node
    port: int
    client: httpx.AsyncClient

    async def start(self) -> None:
        """Start the process; returns when it has read the log."""
        self.node.start()

        async def ready() -> bool:
            assert self.node.running, self.node.said()
            try:
                return (await self.client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(f"ready {self.node.name}", ready, READY_WITHIN_S)

    def listen(self, query: str = "", *, key: bool = True) -> Any:
        """Return a socket to be opened; without ``key`` the query has a ticket."""
        headers = {"Authorization": self.client.headers["Authorization"]} if key else {}
        return connect(f"ws://127.0.0.1:{self.port}/v1/live?{query}", additional_headers=headers)


@dataclass(slots=True)
class Pair:
    """A shop with two gateways behind one public address, which stands for that of a balancer."""

    shop: LiveShop
    one: Replica
    other: Replica

    @property
    def both(self) -> tuple[Replica, Replica]:
        return self.one, self.other

    async def shown(self, path: str) -> tuple[httpx.Response, httpx.Response]:
        """Return both answers to a read once both have what it asks for."""

        async def look() -> tuple[httpx.Response, httpx.Response] | None:
            first, second = [await replica.client.get(path) for replica in self.both]
            return (first, second) if (first.status_code, second.status_code) == (200, 200) else None

        return await eventually(f"{path} at both", look)

    async def opened(self, complaint: str = "No picture.") -> str:
        """Return a new ticket that both show."""
        ticket_id = await self.shop.call_in(complaint)
        await self.shown(f"/v1/tickets/{ticket_id}")
        return ticket_id

    async def records(self, topic: Topic) -> int:
        """Return how many records of a topic the log holds."""
        async with LogReader(self.shop.settings.cluster(), "noizylab-count") as reader:
            bounds = await reader.bounds(await reader.partitions([topic.name]))
        return sum(end - beginning for beginning, end in bounds.values())


@asynccontextmanager
async def two_gateways(home: Path) -> AsyncIterator[Pair]:
    """Run a shop with the owners of tickets and of access and two gateways, for the length of a block."""
    async with live_shop(home, ("gateway", "tickets"), gateway=False) as shop:
        key = await seed_shop(shop.settings)
        ports = [shop.settings.gateway_port, *free_ports(1)]
        one, other = [_replica(shop, name, port, str(key)) for name, port in zip(("one", "other"), ports, strict=True)]
        try:
            # All at once, as on several machines: whoever is first makes the secrets that they share.
            await asyncio.gather(one.start(), other.start(), _first_member(shop))
            yield Pair(shop, one, other)
        finally:
            for replica in (one, other):
                await replica.client.aclose()
                await asyncio.to_thread(replica.node.stop)


async def _first_member(shop: LiveShop) -> None:
    async with access_desk(shop.settings) as desk:
        await desk.create_user(DEFAULT_WORKSPACE, Person(name="Ada", mail=MAIL), ("owner",), OPERATOR, PASSWORD)


def _replica(shop: LiveShop, name: str, port: int, key: str) -> Replica:
    environment = to_environment(replace(shop.settings, gateway_port=port))
    command = [sys.executable, *gateway_spec(shop.settings).arguments]
    node = Node(name, shop.settings.home, command, environment, lifeline=True)
    headers = {"Authorization": f"Bearer {key}"}
    return Replica(node, port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30))


async def when_free(ask: Callable[[], Awaitable[httpx.Response]], within_s: float = 30.0) -> httpx.Response:
    """Return the final answer of a keyed write: while another has the key in hand, ask again, less and less often."""
    pause_s = 0.05
    async with asyncio.timeout(within_s):
        while (answer := await ask()).status_code == 409 and answer.json()["code"] == "idempotency_key_in_use":
            await asyncio.sleep(pause_s)
            pause_s = min(1.0, 2 * pause_s)
    return answer


async def heard(reader: ClientConnection, count: int) -> Sequence[dict[str, Any]]:
    """Return the next events of a socket."""
    frames: list[dict[str, Any]] = []
    while len(frames) < count:
        frame = orjson.loads(await asyncio.wait_for(reader.recv(), 10))
        assert frame["kind"] in ("hello", "event", "ping"), frame
        if frame["kind"] == "event":
            frames.append(frame)
    return frames
