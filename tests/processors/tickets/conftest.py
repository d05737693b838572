from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from infra.broker import Broker, BrokerConfig
from topics.registry import ALL


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A real log, with all topics."""
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    cluster = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(cluster, ALL, replicas=1)
    yield cluster
    await broker.stop()
