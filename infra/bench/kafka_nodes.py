"""Apache Kafka nodes as processes on this machine, for the benchmarks and the live tests."""

import base64
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from connectors.clock.clock import new_id
from connectors.errors import Misconfigured
from infra.bench.nodes import Node
from infra.supervise import free_ports

try:
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
except ImportError as error:
    raise Misconfigured("nodes of Apache Kafka need the development packages: run `make setup`") from error


@dataclass(slots=True)
class KafkaCluster:
    """Apache Kafka nodes in KRaft mode on this machine, each broker and controller at once."""

    nodes: list[Node]
    addresses: list[str]

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, for a client's settings."""
        return ",".join(self.addresses)

    def await_brokers(self) -> None:
        """Return when every broker is in the cluster."""
        self.nodes[0].await_ready("Apache Kafka", lambda: _brokers(self.bootstrap) == len(self.nodes))

    def await_in_sync(self) -> None:
        """Return when every replica of every partition has caught up."""
        self.nodes[0].await_ready("Apache Kafka replicas", lambda: _all_in_sync(self.bootstrap))


def cluster_id_of(made: UUID) -> str:
    """Return the id of a cluster as Kafka writes one: 16 bytes in URL-safe base 64, 22 characters.

    The first bit is cleared: an id that begins with ``-`` reads as an option on Kafka's command line.
    """
    first, *rest = made.bytes
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest]))[:22].decode()


@contextmanager
def kafka_cluster(jars: Path, home: Path, nodes: int = 1) -> Iterator[KafkaCluster]:
    """Run a cluster of its own, with its data in ``home``. Three nodes replicate thrice and need two in sync."""
    ports = free_ports(2 * nodes)
    voters = ",".join(f"{n + 1}@127.0.0.1:{ports[2 * n + 1]}" for n in range(nodes))
    cluster_id = cluster_id_of(new_id())
    made: list[Node] = []
    formatting: list[Node] = []
    for n in range(nodes):
        folder = home / f"kafka-{n + 1}"
        folder.mkdir(parents=True)
        settings = folder / "server.properties"
        settings.write_text(_properties(n + 1, ports[2 * n], ports[2 * n + 1], voters, folder / "data", nodes))
        formatting.append(_format(jars, settings, cluster_id))
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        heap = ["-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=128m", "-Djava.net.preferIPv4Stack=true"]
        made.append(Node(folder.name, folder, ["java", *heap, quiet, "-cp", f"{jars}/*", "kafka.Kafka", str(settings)]))
    for one in formatting:
        one.await_end()
    cluster = KafkaCluster(made, [f"127.0.0.1:{port}" for port in ports[::2]])
    with ExitStack() as ending:
        for node in made:
            node.start()
            # Nobody reads the data again, and nodes that leave one after the other wait for their quorum.
            ending.callback(node.kill)
        cluster.await_brokers()
        yield cluster


def _properties(number: int, port: int, controller_port: int, voters: str, data: Path, nodes: int) -> str:
    in_sync = 2 if nodes > 1 else 1
    return "\n".join(
        f"{name}={value}"
        for name, value in {
            "process.roles": "broker,controller",
            "node.id": number,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": data,
            # Topics come from the registry, never by accident; a typo in a name must not make one.
            "auto.create.topics.enable": "false",
            "default.replication.factor": nodes,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": nodes,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": nodes,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 8,
            "share.coordinator.state.topic.replication.factor": nodes,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": 0,
            # A killed broker is noticed in 4 s instead of 9; all that needs it waits for that long.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 1000,
            # Two cores and a small heap are shared with everything else.
            "log.cleaner.dedupe.buffer.size": 16_777_216,
            # Compaction is looked at while a test waits for it.
            "log.cleaner.backoff.ms": 500,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }.items()
    )


def _format(jars: Path, settings: Path, cluster_id: str) -> Node:
    tool = ["java", "-Xmx256m", "-cp", f"{jars}/*", "kafka.tools.StorageTool"]
    node = Node("format", settings.parent, [*tool, "format", "-t", cluster_id, "-c", str(settings)])
    node.start()
    return node


def known_topics(bootstrap: str) -> set[str]:
    """Return the names of the topics that the brokers know."""
    return set(_admin(bootstrap).list_topics(timeout=10).topics)


def _brokers(bootstrap: str) -> int:
    try:
        return len(_admin(bootstrap).list_topics(timeout=2).brokers)
    except KafkaException:
        return 0


def _all_in_sync(bootstrap: str) -> bool:
    try:
        topics = _admin(bootstrap).list_topics(timeout=5).topics.values()
    except KafkaException:
        return False
    partitions = [partition for topic in topics for partition in topic.partitions.values()]
    return all(len(partition.isrs) == len(partition.replicas) for partition in partitions)


def _admin(bootstrap: str) -> AdminClient:
    # The client reports refused connections on standard error by itself: here they are what is waited for.
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}, logger=None)


def forget(bootstrap: str, topics: Sequence[str], groups: Sequence[str], within_s: float = 40.0) -> None:
    """Delete topics and groups and wait until the brokers know: what stands in them is lost.

    A group of which a member died can be deleted once its session is over, so it is asked for again until then.
    """
    admin = _admin(bootstrap)
    deadline = time.monotonic() + within_s
    while doomed := [one.group_id for one in admin.list_consumer_groups().result().valid if one.group_id in groups]:
        for future in admin.delete_consumer_groups(doomed).values():
            _done_or_busy(future, deadline)
        time.sleep(0.05)
    while present := sorted(set(topics) & known_topics(bootstrap)):
        for future in admin.delete_topics(present, operation_timeout=10).values():
            _done_or_busy(future, deadline)
        time.sleep(0.05)


def _done_or_busy(future: "Future[None]", deadline: float) -> None:
    """Return when it is done, or may be asked for again."""
    again = {KafkaError.NON_EMPTY_GROUP, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND}
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() not in again or time.monotonic() > deadline:
            raise


def empty(bootstrap: str, *, prefixes: tuple[str, ...], topics: Sequence[str]) -> None:
    """Delete ``topics``, and the topics and groups that begin with one of ``prefixes``."""
    admin = _admin(bootstrap)
    groups = [one.group_id for one in admin.list_consumer_groups().result().valid]
    forget(
        bootstrap,
        [*topics, *(name for name in known_topics(bootstrap) if name.startswith(prefixes))],
        [group for group in groups if group.startswith(prefixes)],
    )
