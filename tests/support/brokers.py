"""The embedded broker beside a test, in a thread of its own: clients that block do not block it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.broker import Broker, BrokerConfig


@contextmanager
def embedded_broker(home: Path, **settings: Any) -> Iterator[str]:
    """Run a broker with its file in ``home``; yields its address as ``host:port``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="embedded-broker")
    thread.start()
    broker = Broker(BrokerConfig(path=home / "bus.db", port=0, **settings))
    try:
        asyncio.run_coroutine_threadsafe(broker.start(), loop).result(10)
        yield f"{broker.host}:{broker.port}"
    finally:
        asyncio.run_coroutine_threadsafe(broker.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
