"""The program of a measured worker: stages of the chain as our Apps, or the bare loop that is the bound.

``python -m infra.bench.worker stage --bootstrap HOST:PORT --links abc`` prints ``ready`` when its partitions are
assigned, and runs until SIGTERM or until its standard input closes. Exit status 1: a stage had to stop.
"""

import argparse
import asyncio
import logging
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, Publisher
from connectors.errors import Transient
from infra.bench.chain import HOPS, LINKS, after_a, after_b, after_c
from infra.garbage import collect_seldom
from infra.lifeline import stop_with_parent
from infra.supervise import READY
from schemas.inspections import BoardInspectionRefused
from schemas.notifications import NotificationFailed
from schemas.tickets import IntakeRefused

DELAY_S = 0.3
TROUBLED = 0.02
"""The share of publishes that are delayed, cut in two or refused when trouble is asked for."""
HELD_POLL_S = 0.05
COMMIT_INTERVAL_S = 0.5
"""As often as our engine does."""


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.worker", description=__doc__)
    parser.add_argument("engine", choices=["stage", "bare"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--links", default="abc", help="which stages of the chain")
    parser.add_argument("--session-ms", type=int, default=10_000)
    parser.add_argument("--trouble", type=int, help="seed of delayed and failed publishes; without it there are none")
    parser.add_argument("--hold", type=Path, help="while this file exists, work on the ticket it names does not end")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    stop_with_parent()
    uvloop.install()
    cluster = Cluster(
        options.bootstrap, session_timeout_ms=options.session_ms, heartbeat_interval_ms=options.session_ms // 4
    )
    if options.engine == "bare":
        return asyncio.run(_bare(cluster))
    return asyncio.run(_stage(cluster, options.links, options.trouble, options.hold))


class Troubled:
    """A publisher on a bad line: seeded delays, refusals, and batches of which only the first half arrives."""

    def __init__(self, inner: Publisher, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)  # noqa: S311 - seeded on purpose, so that a run can be repeated

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish, perhaps late, perhaps not all.

        Raises:
            Transient: not all of it was published.
        """
        if self._random.random() >= TROUBLED:
            return await self._inner.publish(records)
        match self._random.choice(["late", "refused", "half"]):
            case "late":
                await asyncio.sleep(DELAY_S)
                return await self._inner.publish(records)
            case "half":
                await self._inner.publish(records[: len(records) // 2])
        raise Transient("trouble that the benchmark makes")


class Holding:
    """A publisher that keeps the events of one ticket back while a file that names the ticket exists."""

    def __init__(self, inner: Publisher, file: Path) -> None:
        self._inner, self._file = inner, file

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish when nothing among ``records`` is held."""
        keys = {record.key for record in records}
        while self._held() in keys:  # noqa: ASYNC110 - another process removes the file; there is no event for it
            await asyncio.sleep(HELD_POLL_S)
        await self._inner.publish(records)

    def _held(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None


async def _stage(cluster: Cluster, links: str, trouble: int | None, hold: Path | None) -> int:
    stop = _on_signals()
    kafka = KafkaPublisher(cluster, client_id=f"bench-{links}")
    await kafka.start()
    publisher: Publisher = kafka if trouble is None else Troubled(kafka, trouble)
    apps = []
    for name in links:
        link = LINKS[name]
        app = App(link.processor, cluster, publisher if hold is None or name != "b" else Holding(publisher, hold))
        link.wire(app)
        apps.append(app)
    try:
        await asyncio.gather(*(app.start() for app in apps))
        for app in apps:
            assert app.engine is not None
            await app.engine.assigned.wait()
        _say_ready()
        stopping = asyncio.create_task(stop.wait())
        waiting: list[asyncio.Future[Any]] = [stopping, *(app.failed for app in apps if app.failed is not None)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return 0 if stop.is_set() else 1
    finally:
        await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
        await kafka.stop()


async def _bare(cluster: Cluster) -> int:
    """The bound: fetch, decode, build, publish and await a whole batch, commit now and then. Nothing is checked."""
    stop = _on_signals()
    producer = AIOKafkaProducer(
        **cluster.client_options("bench-bare"),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=131_072,
    )
    await producer.start()
    bodies: tuple[Any, ...] = (
        lambda value: after_a(IntakeRefused.model_validate_json(value)),
        lambda value: after_b(BoardInspectionRefused.model_validate_json(value), "n"),
        lambda value: after_c(NotificationFailed.model_validate_json(value)),
    )
    loops = [asyncio.create_task(_bare_stage(cluster, producer, stage, body)) for stage, body in enumerate(bodies)]
    _say_ready()
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *loops], return_when=asyncio.FIRST_COMPLETED)
    for loop in loops:
        loop.cancel()
    await producer.stop()
    for one in done:
        one.result()
    return 0


async def _bare_stage(cluster: Cluster, producer: AIOKafkaProducer, stage: int, body: Any) -> None:
    consumer = AIOKafkaConsumer(
        HOPS[stage].name,
        **cluster.client_options(f"bench-bare-{stage}"),
        group_id=f"bench-bare-{stage}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4_194_304,
        partition_assignment_strategy=[RangePartitionAssignor],
    )
    await consumer.start()
    output = HOPS[stage + 1].name
    committed_at_s = time.monotonic()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=500)
            sent = [
                await producer.send(output, body(record.value).to_json(), record.key)
                for records in batches.values()
                for record in records
            ]
            await asyncio.gather(*sent)
            if sent and time.monotonic() - committed_at_s > COMMIT_INTERVAL_S:
                await consumer.commit()
                committed_at_s = time.monotonic()
    finally:
        await consumer.stop()


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _say_ready() -> None:
    collect_seldom()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
