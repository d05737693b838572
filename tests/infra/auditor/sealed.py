"""A log that the auditor has sealed, made once and copied for every test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.bus.admin import apply_topics
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from infra.auditor.agent import AUDITOR, wire
from infra.auditor.keys import PublicKeys, SigningKey
from infra.auditor.verify import Report, Scope, verify
from infra.broker import Broker, BrokerConfig
from schemas.audit import CheckpointView
from topics.audit import AUDIT_HEADS
from topics.registry import ALL, AUDITED
from topics.tickets import TICKET_EVENTS

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER_KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
PUBLIC = PublicKeys([KEY.public_pem])
PLACE = f"{TICKET_EVENTS.name}/0"


def record(n: int, topic: str = TICKET_EVENTS.name) -> Outgoing:
    return Outgoing(topic, b"T-%d" % n, b'{"n": %d}' % n, [("ce_id", b"id-%d" % n)], 0)


@asynccontextmanager
async def broker(path: Path) -> AsyncIterator[Cluster]:
    running = Broker(BrokerConfig(path=path, port=0))
    await running.start()
    try:
        yield Cluster(f"127.0.0.1:{running.port}")
    finally:
        await running.stop()


@asynccontextmanager
async def publishing(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster, client_id="test")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def auditing(cluster: Cluster, publisher: KafkaPublisher, key: SigningKey = KEY) -> AsyncIterator[App]:
    """Run an auditor that seals without waiting for more."""
    app = App(AUDITOR, cluster, publisher)
    wire(app, cluster, key, gather_s=0)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until_sealed(cluster: Cluster, wanted: Mapping[str, int]) -> None:
    """Return when every place is sealed up to an offset."""
    left = dict(wanted)
    async with asyncio.timeout(30), LogReader(cluster, "test-heads") as reader:
        async for batch in reader.follow(await reader.partitions([AUDIT_HEADS.name]), from_start=True):
            for one in batch:
                view = CheckpointView.model_validate_json(one.value or b"")
                if view.head.next_offset >= left.get(view.place, 1 << 63):
                    del left[view.place]
            if not left:
                return


async def checked(cluster: Cluster, keys: PublicKeys = PUBLIC, now: datetime | None = None, **scope: Any) -> Report:
    """Verify everything that is sealed, or what ``scope`` says."""
    wanted = Scope(**({"topics": AUDITED} | scope))
    return await verify(cluster, keys, wanted, now or SystemClock().now(), lambda _: None)


async def make(path: Path) -> None:
    """Write 4 batches of 3 records to the place and 2 records elsewhere, each sealed before the next is written."""
    async with broker(path) as cluster:
        await apply_topics(cluster, ALL, replicas=1)
        async with publishing(cluster) as publisher, auditing(cluster, publisher):
            for first in range(0, 12, 3):
                await publisher.publish([record(n) for n in range(first, first + 3)])
                await until_sealed(cluster, {PLACE: first + 3})
            await publisher.publish([record(1, "quotes.commands.v1"), record(2, "dlq.tickets.v1")])
            await until_sealed(cluster, {"quotes.commands.v1/0": 1, "dlq.tickets.v1/0": 1})
