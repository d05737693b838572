from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.broker import Broker, BrokerConfig
from topics.registry import ALL


@pytest.fixture
async def shop_log(tmp_path: Path) -> AsyncIterator[Cluster]:
    """An embedded broker with every topic of the shop, empty."""
    broker = Broker(BrokerConfig(path=tmp_path / "log.sqlite3", port=0))
    await broker.start()
    cluster = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(cluster, ALL, replicas=1)
    yield cluster
    await broker.stop()


@pytest.fixture
async def publisher(shop_log: Cluster) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(shop_log, client_id="test")
    await publisher.start()
    yield publisher
    await publisher.stop()
