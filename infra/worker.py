"""A worker process: the Faust apps of some processors on one event loop, until SIGTERM or until one of them fails."""

import asyncio
import hashlib
import logging
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace
from threading import Timer
from typing import Any

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from infra.compose import wire
from infra.garbage import collect_seldom
from infra.ports import Ports
from infra.probe import probe
from infra.settings import Settings

log = logging.getLogger(__name__)

LAST_RESORT_S = 8.0
"""Before the supervisor's own patience of ten seconds ends."""


async def run_workers(
    settings: Settings, processors: Sequence[str], ready: asyncio.Event | None = None, *, instance: str | None = None
) -> int:
    """Run ``processors`` until told to stop; returns the exit status, 1 when a processor had to stop.

    ``instance`` names this process among those that the same supervisor starts again in their place: see
    :class:`Cluster`.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop)
    cluster = _member(settings, instance)
    publisher = KafkaPublisher(cluster, client_id=f"noizylab-{os.getpid()}")
    await publisher.start()
    apps: list[App] = []
    async with Ports.open(settings) as ports:
        try:
            for processor in processors:
                app = App(processor, cluster, publisher, snapshots=settings.home / "snapshots", spans=ports.spans)
                wire(processor, app, ports)
                apps.append(app)
            collect_seldom(sink=any(app.sinks for app in apps))
            with probe(apps, settings.metrics_port or None):
                await asyncio.gather(*(app.start() for app in apps))
                if await _assigned(apps, stop):
                    log.info("processing: %s", ", ".join(processors))
                    if ready is not None:
                        ready.set()
                return await _until_stopped(apps, stop)
        finally:
            await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
            await publisher.stop()


def _member(settings: Settings, instance: str | None) -> Cluster:
    """Return the cluster as this process joins its groups: under a name that no other place uses."""
    cluster = settings.cluster()
    if instance is None:
        return cluster
    home = hashlib.sha256(str(settings.home).encode()).hexdigest()[:8]
    return replace(cluster, instance=f"{socket.gethostname()}-{home}-{instance}")


async def _assigned(apps: Sequence[App], stop: asyncio.Event) -> bool:
    """Wait until every app has its partitions; False when one fails before, or when told to stop."""
    engines = [app.engine for app in apps if app.engine is not None]
    assigned = asyncio.gather(*(engine.assigned.wait() for engine in engines))
    ending = asyncio.ensure_future(_until_stopped(apps, stop))
    waiting: list[asyncio.Future[Any]] = [assigned, ending]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    done = assigned.done()
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return done


async def _until_stopped(apps: Sequence[App], stop: asyncio.Event) -> int:
    stopping = asyncio.create_task(stop.wait())
    waiting: list[asyncio.Future[Any]] = [stopping, *(app.failed for app in apps if app.failed is not None)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return 0 if stop.is_set() else 1


def _on_signal(stop: asyncio.Event) -> None:
    stop.set()
    # A client that waits for a broker which is down may never return; leaving by force is safe by construction. A
    # thread does it, because the event loop may be what hangs.
    last_resort = Timer(LAST_RESORT_S, os._exit, (70,))
    last_resort.daemon = True
    last_resort.start()
