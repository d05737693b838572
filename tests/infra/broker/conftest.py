from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from infra.broker import Broker, BrokerConfig
from tests.infra.broker.support import WireClient


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    running = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(broker: Broker) -> AsyncIterator[WireClient]:
    connected = await WireClient.connect(broker.port)
    yield connected
    await connected.close()


@pytest.fixture
async def connect(broker: Broker) -> AsyncIterator[Callable[[], Coroutine[Any, Any, WireClient]]]:
    opened: list[WireClient] = []

    async def open_one() -> WireClient:
        opened.append(await WireClient.connect(broker.port))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()
