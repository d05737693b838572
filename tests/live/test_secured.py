"""The shop on a cluster with passwords, TLS and access rules from the registry: each worker as its own principal."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import EdgeSender, Outgoing
from connectors.bus.restore import LogReader
from connectors.bus.stage import WorkerStop
from connectors.clock.clock import SystemClock
from connectors.errors import Misconfigured
from infra.audit import replay_all
from infra.auditor.agent import wire as wire_auditor
from infra.compose import WIRED, wire
from infra.ports import Ports
from infra.settings import read_settings
from tests.infra.auditor.sealed import KEY, checked
from tests.infra.tickets import TICKET, intake
from tests.live.secured import ADMIN, SecuredCluster, password_of, secured_cluster
from topics.audit import AUDIT_HEADS
from topics.diagnoses import DIAGNOSIS_EVENTS
from topics.registry import EVENTS
from topics.tickets import TICKET_EVENTS
from topics.workflow import WORKFLOW_EVENTS

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
USERS = [f"noizylab-{one}" for one in (*WIRED, "auditor", "operator")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[SecuredCluster]:
    """A secured node with the rules and topics of the registry, made with the command, as an operator would."""
    with secured_cluster(jars, tmp_path_factory.mktemp("secured"), USERS) as made:
        granted = command(made, ADMIN, "topics", "acls", "--apply")
        assert granted.returncode == 0, granted.stderr
        created = command(made, "noizylab-operator", "topics", "apply")
        assert created.returncode == 0, created.stderr
        yield made


def command(cluster: SecuredCluster, user: str, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOIZYLAB_")}
    environment |= {
        "NOIZYLAB_KAFKA": cluster.bootstrap,
        "NOIZYLAB_KAFKA_USERNAME": user,
        "NOIZYLAB_KAFKA_PASSWORD": password_of(user),
        "NOIZYLAB_KAFKA_CA_FILE": str(cluster.ca_file),
        "NOIZYLAB_KAFKA_REPLICAS": "1",
        "NOIZYLAB_HOME": str(cluster.ca_file.parent / "home"),
    }
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        env=environment | settings, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@asynccontextmanager
async def publishing(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster, client_id="test")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


async def running(stack: AsyncExitStack, cluster: Cluster, name: str, ports: Ports) -> App:
    """Start a processor, or the auditor, with its own connection."""
    publisher = await stack.enter_async_context(publishing(cluster))
    app = App(name, cluster, publisher)
    if name == "auditor":
        wire_auditor(app, cluster, KEY, gather_s=0)
    else:
        wire(name, app, ports)
    stack.push_async_callback(app.stop)
    await app.start()
    return app


async def test_every_worker_does_its_work_as_its_own_principal(cluster: SecuredCluster, tmp_path: Path) -> None:
    settings = read_settings({}, home=tmp_path)
    edge, operator = cluster.as_user("noizylab-gateway"), cluster.as_user("noizylab-operator")
    async with Ports.open(settings) as ports, AsyncExitStack() as stack:
        names = [*(one for one in WIRED if one != "analytics"), "auditor"]
        apps = await asyncio.gather(*(running(stack, cluster.as_user(f"noizylab-{one}"), one, ports) for one in names))
        async with asyncio.timeout(60):
            await asyncio.gather(*(app.engine.assigned.wait() for app in apps if app.engine is not None))
        async with publishing(edge) as publisher:
            await EdgeSender("test", publisher, SystemClock()).send(intake(TICKET), correlation_id=TICKET, id=uuid4())
        await until_on_the_log(edge, {one.name for one in (TICKET_EVENTS, WORKFLOW_EVENTS, DIAGNOSIS_EVENTS)})
        await until_on_the_log(operator, {AUDIT_HEADS.name})
        assert [app.failed.result() for app in apps if app.failed is not None and app.failed.done()] == []
    assert all(one.equal for one in await replay_all(operator))
    assert (await checked(operator)).findings == []


async def until_on_the_log(cluster: Cluster, topics: set[str]) -> None:
    """Return when each of the topics holds a record."""
    left = set(topics)
    try:
        async with asyncio.timeout(60), LogReader(cluster, "test") as reader:
            async for batch in reader.follow(await reader.partitions(topics), from_start=True):
                left -= {one.topic for one in batch}
                if not left:
                    return
    except TimeoutError:
        raise AssertionError(f"nothing in {sorted(left)} after a minute") from None


async def test_analytics_reads_as_its_own_principal(cluster: SecuredCluster, tmp_path: Path) -> None:
    analytics = cluster.as_user("noizylab-analytics")
    async with LogReader(analytics, "test") as reader:
        tps = await reader.partitions([one.name for one in EVENTS])
        assert len(tps) == 4 * len(EVENTS)
        assert await reader.bounds(tps)


async def test_a_processor_that_writes_what_it_does_not_own_is_stopped_and_told(cluster: SecuredCluster) -> None:
    async with publishing(cluster.as_user("noizylab-pricing")) as publisher:
        with pytest.raises(WorkerStop, match="user noizylab-pricing may not use topic tickets"):
            await publisher.publish([Outgoing(TICKET_EVENTS.name, b"T-1", b"{}", [])])


async def test_a_processor_that_reads_as_somebody_else_is_stopped_and_told(
    cluster: SecuredCluster, tmp_path: Path
) -> None:
    async with Ports.open(read_settings({}, home=tmp_path)) as ports, AsyncExitStack() as stack:
        with pytest.raises(Misconfigured, match=r"user noizylab-notify may not use topic quotes\.commands\.v1: .*acls"):
            await running(stack, cluster.as_user("noizylab-notify"), "pricing", ports)


def test_a_worker_as_somebody_else_ends_with_one_line(cluster: SecuredCluster) -> None:
    ended = command(cluster, "noizylab-notify", "up", "pricing")
    assert ended.returncode == 1
    assert "user noizylab-notify may not" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"NOIZYLAB_KAFKA_PASSWORD": "wrong"}, "refuses user noizylab-operator; is NOIZYLAB_KAFKA_USERNAME or _PASS"),
        ({"NOIZYLAB_KAFKA_CA_FILE": ""}, "no Kafka broker answers at"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(cluster: SecuredCluster, settings: dict[str, str], said: str) -> None:
    ended = command(cluster, "noizylab-operator", "dlq", "list", **settings)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
