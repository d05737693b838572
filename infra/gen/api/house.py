"""A shop in memory for one run through the API: the real edge, the real owners' decisions, a log that is a list.

Everything that a run makes up (ids, keys, tokens) differs each time; ``tidy`` makes what is written down alike.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid5

from fastapi import FastAPI

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.presign import BlobUrls
from connectors.blobs.sealed import SealedBlobs
from connectors.bus.aggregate import Held
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.stage import PartitionState, Stage
from connectors.clock.clock import SettableClock
from connectors.links.signer import LinkSigner
from connectors.vault.master_key import load_or_create_master_key
from connectors.vault.passcodes import SealedPasscodes
from connectors.vault.sealed import SealedVault
from connectors.vault.sealed_people import SealedPeople
from connectors.webhooks.generic import Generic
from infra.compose import WIRED
from infra.ports import Ports
from infra.settings import Settings, read_settings
from processors.analytics.figures import FIGURES
from processors.analytics.reports import REPORTS
from processors.brain.reliability import calibration
from processors.gateway.access.roles import ROLES
from processors.gateway.access.seals import Seals
from processors.gateway.config import Policy
from processors.gateway.edge.app import create_app
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.deps import GatewayDeps
from processors.gateway.edge.keyring import Keyring
from processors.gateway.edge.passwords import Passwords
from processors.gateway.edge.tokens import AccessTokens, SessionKeys
from processors.gateway.views import ReadModel
from processors.orchestrator.deployment import check
from processors.qc.outcomes import bounce_rates
from processors.schematics.book import Book
from processors.tickets.conditions.checklists import checklist_of
from processors.tickets.sla.policy import SHIPPED, SlaPolicy
from processors.tickets.sla.report import report
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.message import Event, View
from topics.registry import topic_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "https://shop.example"
HOOK_SECRET = "shared-with-acme"  # noqa: S105 - of a shop that is thrown away
OWNERS = ("tickets", "inventory", "gateway", "webhooks")
"""Who decides here. What the others would find out is told with the examples of their messages."""


@dataclass
class _OwnersPorts:
    """What the owners' wiring asks for."""

    settings: Settings
    vault: SealedVault
    passcodes: SealedPasscodes
    sla_policy: SlaPolicy
    webhook_master: str = "master"

    def on_close(self, close: Any) -> None:
        """Nothing was opened."""

    async def hours_of(self, workspace: str) -> None:
        """No workspace has set its hours."""


@dataclass
class House:
    """The edge, the owners behind it, and the log between them, in a directory that is thrown away."""

    path: Path
    views: ReadModel = field(default_factory=lambda: ReadModel(Policy()))
    ticket: str = ""
    """The ticket that the day is about."""

    def __post_init__(self) -> None:
        self.clock = SettableClock(NOW)
        stored = LocalBlobs(self.path / "blobs")
        master = load_or_create_master_key(self.path / "master.key")
        self.blob_urls = BlobUrls("of a shop that is thrown away", URL, self.clock)
        self.vault = SealedVault(stored, master)
        self.passcodes = SealedPasscodes(stored, master)
        self.people = SealedPeople(stored, master)
        self.blobs = SealedBlobs(stored, BlobKeys(self.path / "blob-keys"), urls=self.blob_urls)
        self.keyring = Keyring(self.path / "keys.json", b"p" * 32, environment="test")
        self._waiting: deque[Outgoing] = deque()
        self._came = asyncio.Event()
        self._offsets: dict[str, int] = {}
        self._stages: list[tuple[Stage, PartitionState]] = []
        self.app = self._edge()

    def key(self) -> str:
        """Return a key that opens everything."""
        return self.keyring.create("front desk", frozenset(ROLES["owner"]), now=NOW).key

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Put records on the log; the edge sees them at once, the owners when it is their turn."""
        for record in records:
            offset = self._offsets[record.topic] = self._offsets.get(record.topic, -1) + 1
            fetched = Fetched(record.topic, 0, offset, 0, record.key, record.value, record.headers)
            self.views.apply(fetched)
            self._waiting.append(record)
        self._came.set()

    async def tell(self, message: Event | View) -> None:
        """Write what an owner that is not here would write."""
        topic = topic_of(message.TYPE)
        subject, now = str(getattr(message, topic.key)), self.clock.now()
        envelope = Envelope(
            id=uuid5(NAMESPACE, f"{message.TYPE}/{subject}/{now}"),
            source=f"/noizylab/{topic.owner}",
            type=message.TYPE,
            subject=subject,
            time=now,
            recorded_time=now,
            correlation_id=subject,
        )
        value = message.to_json()
        if isinstance(message, View):
            held = Held(message, 1, ())
            value = held.to_value()
            for stage, state in self._stages:
                if stage.step.state is not None and stage.step.state.view is topic:
                    state.held[subject] = held
        await self.publish([Outgoing(topic.name, subject.encode(), value, envelope.to_headers())])

    async def owners(self) -> None:
        """Let the owners decide about what comes, one record after the other, until cancelled."""
        ports = _OwnersPorts(read_settings({}, home=self.path), self.vault, self.passcodes, SlaPolicy.load(SHIPPED))
        for name in OWNERS:
            app = App(name, Cluster("127.0.0.1:1"), self, clock=self.clock)
            WIRED[name](app, cast(Ports, ports))
            self._stages += [(app.stage_for(step, self), PartitionState(0)) for step in app.steps]
        while True:
            while self._waiting:
                record = self._waiting.popleft()
                fetched = Fetched(record.topic, 0, 0, 0, record.key, record.value, record.headers)
                for stage, state in self._stages:
                    if any(topic.name == record.topic for topic in stage.step.reads):
                        await stage.run([fetched], state)
            self._came.clear()
            await self._came.wait()

    def _edge(self) -> FastAPI:
        keys = SessionKeys(self.path / "session-keys.json")
        return create_app(
            GatewayDeps(
                publisher=self,
                views=self.views,
                blobs=self.blobs,
                vault=self.vault,
                signer=LinkSigner("of a shop that is thrown away", URL),
                keyring=self.keyring,
                credentials=Credentials(
                    people=self.people,
                    seals=Seals(b"of a shop that is thrown away"),
                    keys=keys,
                    tokens=AccessTokens(keys, URL),
                    passwords=Passwords(memory_kib=64, passes=1),
                ),
                clock=self.clock,
                blob_urls=self.blob_urls,
                figures={figure.name: figure for figure in FIGURES},
                check_flow=check,
                checklist_of=checklist_of,
                passcodes=self.passcodes,
                clock_report=partial(report, policy=SlaPolicy.load(SHIPPED)),
                hooks={"acme": Generic((HOOK_SECRET,))},
                public_url=URL,
                webhook_master="master",
                bounce_rates=bounce_rates,
                designs=Book(self.blobs),
                brain_calibration=calibration,
                reports={report.name: report for report in REPORTS},
            )
        )

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))


@asynccontextmanager
async def open_house(path: Path) -> AsyncIterator[House]:
    """Yield a house whose owners are at work."""
    house = House(path)
    working = asyncio.create_task(house.owners())
    try:
        yield house
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await house.app.state.edge.close()
