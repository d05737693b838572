"""The sender of webhooks, killed again and again in the middle of its work: nothing is lost, what comes twice is known.

Order is not promised (README), so none is asked for.
"""

import asyncio
from collections import Counter, defaultdict
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.broker import Broker, BrokerConfig
from tests.infra.test_worker import process, said
from tests.processors.gateway.world import quote, ticket_view
from tests.processors.webhooks.builders import add
from tests.processors.webhooks.test_agent import happened, until, url, wish
from tests.support.fakes.endpoint import Endpoint, endpoint
from topics.registry import ALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MOMENTS = ("receiver has it and has not answered", "some are answered", "events are being read") * 2
EACH = 6
"""Events of each life: more than are tried at once, so some wait when it ends."""


async def test_every_event_arrives_whenever_the_sender_is_killed(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    cluster = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(cluster, ALL, replicas=1)
    publisher = KafkaPublisher(cluster, client_id="test")
    await publisher.start()
    try:
        with endpoint() as server:
            expected = await _killed_at_every_moment(tmp_path, broker.port, cluster, publisher, server)
            await _lives_on(tmp_path, broker.port, cluster, expected)
            _nothing_is_lost_and_what_came_twice_is_known(server, expected)
    finally:
        await publisher.stop()
        await broker.stop()


def _worker(home: Path, port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return how the sender is started: always in the same place of its group, as a supervisor does."""
    environment = {"NOIZYLAB_HOME": str(home / "home"), "NOIZYLAB_BROKER_PORT": str(port), "NOIZYLAB_METRICS_PORT": "0"}
    arguments = ("infra.cli", "serve", "workers", "webhooks", "--instance", "a")
    return arguments, {**environment, "NOIZYLAB_WEBHOOKS_LOCAL": "yes"}


async def _killed_at_every_moment(
    home: Path, port: int, cluster: Cluster, publisher: KafkaPublisher, server: Endpoint
) -> set[str]:
    arguments, environment = _worker(home, port)
    published = 0
    for number, moment in enumerate(MOMENTS):
        async with process(*arguments, **environment) as worker:
            await said(worker, "ready")
            if number == 0:
                await wish(publisher, add(url=url(server)))
                await until(cluster, lambda view: view.status == "active")
                await publisher.publish([happened(ticket_view(), "T-0001")])
            if moment == "receiver has it and has not answered":
                server.gate.clear()
            came = len(server.got)
            events = [happened(quote(), "T-0001", published + n + 1) for n in range(EACH)]
            await publisher.publish(events)
            published += EACH
            if moment != "events are being read":
                await asyncio.to_thread(server.wait_for, came + 3)
            worker.kill()
            await worker.wait()
        server.gate.set()
    return {str(UUID(int=n + 1)) for n in range(published)}


async def _lives_on(home: Path, port: int, cluster: Cluster, expected: set[str]) -> None:
    arguments, environment = _worker(home, port)
    async with process(*arguments, **environment) as worker:
        await said(worker, "ready")
        view = await until(cluster, lambda view: view.delivered == len(expected))
    assert (view.waiting, view.given_up, view.status) == ((), 0, "active")


def _nothing_is_lost_and_what_came_twice_is_known(server: Endpoint, expected: set[str]) -> None:
    ids, bodies = defaultdict(set), defaultdict(set)
    for _, headers, body in server.got:
        ids[orjson.loads(body)["id"]].add(headers["webhook-id"])
        bodies[headers["webhook-id"]].add(body)
    assert set(ids) == expected
    assert all(len(of_one) == 1 for of_one in ids.values()), "a repetition has the id of the first"
    assert len(bodies) == len(expected), "no two events have the same"
    assert all(len(of_one) == 1 for of_one in bodies.values()), "and it is the same, byte for byte"
    times = Counter(headers["webhook-id"] for _, headers, _ in server.got)
    assert max(times.values()) > 1, "a receiver that had not answered when the sender died has it again"
