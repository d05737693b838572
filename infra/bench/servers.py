"""The brokers of a benchmark: the embedded one as a process of its own, a real Kafka beside it, and emptying both."""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.bus.admin import apply_topics, plan_topics
from connectors.bus.cluster import Cluster
from connectors.errors import Misconfigured, Transient
from infra.bench.nodes import Node
from infra.supervise import free_ports
from topics.topic import Topic


def broker_node(home: Path) -> tuple[Node, int]:
    """Return the process of an embedded broker, not started yet, with its data in ``home``, and its port."""
    home.mkdir(parents=True, exist_ok=True)
    [port] = free_ports(1)
    arguments = ["-m", "infra.broker", "--path", str(home / "log.sqlite3"), "--port", str(port), "--lifeline"]
    return Node("broker", home, [sys.executable, *arguments], lifeline=True), port


@contextmanager
def embedded_broker(home: Path) -> Iterator[tuple[Node, str]]:
    """Run the embedded broker with its data in ``home``; yields its process and its address. It may be killed and
    started again: the address stays."""
    node, port = broker_node(home)
    node.start()
    try:
        node.await_ready("embedded broker", lambda: accepts(port))
        yield node, f"127.0.0.1:{port}"
    finally:
        node.stop()


def accepts(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


async def prepare(cluster: Cluster, topics: Sequence[Topic], *, replicas: int = 1) -> None:
    """Create topics that must not be there yet: what a benchmark writes has no place among the events of a shop.

    Raises:
        Misconfigured: one of them exists.
        Transient: no broker answers, or the topics did not come up.
    """
    plan = await plan_topics(cluster, topics)
    present = [topic.name for topic in topics if topic not in plan.missing]
    if present:
        raise Misconfigured(
            f"the cluster at {cluster.bootstrap} has a topic {present[0]} already: a benchmark needs a cluster of its "
            "own, without the topics of a shop; give another --broker, or use --kafka"
        )
    await apply_topics(cluster, topics, replicas=replicas)


async def committed(cluster: Cluster, group: str, topic: str, within_s: float = 30) -> dict[int, int]:
    """Return the committed offset of each partition of a topic in a group; partitions without one are absent.

    Raises:
        Transient: the brokers did not answer in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        admin = AIOKafkaAdminClient(**cluster.client_options("bench-offsets"))
        try:
            await admin.start()
            found = await admin.list_consumer_group_offsets(group)
            return {tp.partition: meta.offset for tp, meta in found.items() if tp.topic == topic and meta.offset >= 0}
        except KafkaError as error:
            if time.monotonic() > deadline:
                raise Transient(f"the offsets of {group} cannot be read at {cluster.bootstrap}: {error!r}") from error
            await asyncio.sleep(0.2)
        finally:
            await admin.close()
