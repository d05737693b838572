"""A worker process: the Faust apps of some processors on one event loop, until SIGTERM or until one of them fails."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from typing import Any

from connectors.bus.app import App
from connectors.bus.publisher import KafkaPublisher
from infra.compose import Ports, wire
from infra.settings import Settings

log = logging.getLogger(__name__)

LAST_RESORT_S = 10.0


async def run_workers(settings: Settings, processors: Sequence[str], ready: asyncio.Event | None = None) -> int:
    """Run ``processors`` until told to stop; returns the exit status, 1 when a processor had to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop)
    cluster = settings.cluster()
    publisher = KafkaPublisher(cluster, client_id=f"noizylab-{os.getpid()}")
    await publisher.start()
    apps: list[App] = []
    async with Ports.open(settings) as ports:
        try:
            for processor in processors:
                app = App(processor, cluster, publisher)
                wire(processor, app, ports)
                apps.append(app)
            await asyncio.gather(*(app.start() for app in apps))
            for app in apps:
                if app.engine is not None:
                    await app.engine.assigned.wait()
            log.info("processing: %s", ", ".join(processors))
            if ready is not None:
                ready.set()
            return await _until_stopped(apps, stop)
        finally:
            await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
            await publisher.stop()


async def _until_stopped(apps: Sequence[App], stop: asyncio.Event) -> int:
    stopping = asyncio.create_task(stop.wait())
    waiting: list[asyncio.Future[Any]] = [stopping, *(app.failed for app in apps if app.failed is not None)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return 0 if stop.is_set() else 1


def _on_signal(stop: asyncio.Event) -> None:
    stop.set()
    # A client that waits for a broker which is down may never return; leaving by force is safe by construction.
    asyncio.get_running_loop().call_later(LAST_RESORT_S, os._exit, 70)
