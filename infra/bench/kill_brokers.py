"""The brokers of a run with kills: the embedded one, or one or three nodes of Apache Kafka."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from infra.bench.nodes import Node
from infra.bench.servers import accepts, embedded_broker

if TYPE_CHECKING:
    from infra.bench.kafka_nodes import KafkaCluster


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of broker. The session is the shortest that it lets its group members have."""

    nodes: int
    session_ms: int


KINDS = {"embedded": Kind(0, 2000), "kafka1": Kind(1, 6000), "kafka3": Kind(3, 6000)}


class Brokers(Protocol):
    """Brokers of which one may be killed."""

    bootstrap: str
    replicas: int

    async def kill_one(self, chance: random.Random, pause_s: float) -> None:
        """Kill one, start it again after ``pause_s``, and return when all are well."""
        ...


class _Embedded:
    replicas = 1

    def __init__(self, node: Node, bootstrap: str) -> None:
        self._node, self.bootstrap = node, bootstrap

    async def kill_one(self, chance: random.Random, pause_s: float) -> None:
        self._node.kill()
        await asyncio.sleep(pause_s)
        self._node.start()
        port = int(self.bootstrap.rpartition(":")[2])
        await asyncio.to_thread(self._node.await_ready, "embedded broker", lambda: accepts(port))


class _Kafka:
    def __init__(self, cluster: "KafkaCluster") -> None:
        self._cluster = cluster
        self.bootstrap = cluster.bootstrap
        self.replicas = len(cluster.nodes)

    async def kill_one(self, chance: random.Random, pause_s: float) -> None:
        node = chance.choice(self._cluster.nodes)
        node.kill()
        await asyncio.sleep(pause_s)
        node.start()
        # The next kill must not find fewer copies than the topics ask for.
        await asyncio.to_thread(self._cluster.await_brokers)
        await asyncio.to_thread(self._cluster.await_in_sync)


@asynccontextmanager
async def running_brokers(kind: str, home: Path) -> AsyncIterator[Brokers]:
    """Run brokers with their data in ``home``.

    Raises:
        Misconfigured: this machine cannot run them.
        Transient: they did not come up.
    """
    with ExitStack() as running:
        if kind == "embedded":
            yield _Embedded(*running.enter_context(embedded_broker(home / "broker")))
            return
        from infra.bench.fetch import kafka_jars
        from infra.bench.kafka_nodes import kafka_cluster

        jars = await asyncio.to_thread(kafka_jars)
        yield _Kafka(running.enter_context(kafka_cluster(jars, home, KINDS[kind].nodes)))
