"""A shop round the edge, in memory: a log that answers commands as the owners would, real stores in a directory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cv2
import httpx
import numpy as np
from fastapi import FastAPI

from connectors.blobs.keys import BlobKeys
from connectors.blobs.local import LocalBlobs
from connectors.blobs.presign import BlobUrls
from connectors.blobs.sealed import SealedBlobs
from connectors.bus.aggregate import Held
from connectors.bus.records import Fetched, Outgoing
from connectors.clock.clock import SettableClock
from connectors.links.signer import LinkSigner
from connectors.vault.master_key import load_or_create_master_key
from connectors.vault.passcodes import SealedPasscodes
from connectors.vault.people import Person
from connectors.vault.sealed import SealedVault
from connectors.vault.sealed_people import SealedPeople
from processors.brain.reliability import calibration
from processors.gateway.access.roles import Role
from processors.gateway.access.seals import Seals
from processors.gateway.commands import Caller
from processors.gateway.config import Policy
from processors.gateway.edge.app import create_app
from processors.gateway.edge.credentials import Credentials
from processors.gateway.edge.deps import GatewayDeps
from processors.gateway.edge.keyring import Keyring, Scope
from processors.gateway.edge.passwords import Passwords
from processors.gateway.edge.tokens import AccessTokens, SessionKeys
from processors.gateway.views import ReadModel
from processors.orchestrator.deployment import check
from processors.qc.outcomes import bounce_rates
from processors.schematics.book import Book
from processors.tickets.conditions.checklists import checklist_of
from processors.tickets.sla.policy import SHIPPED, SlaPolicy
from processors.tickets.sla.report import report
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.devices import Device
from schemas.diagnoses import DiagnosisView, Evidence, FaultDiagnosed, RankedFault, RepairPlan
from schemas.inventory import ReceiveStock, StockReceived
from schemas.quotes import (
    AcceptQuote,
    DeclineQuote,
    QuoteAccepted,
    QuoteDeclined,
    QuoteLine,
    QuotePrepared,
    QuoteTier,
    QuoteView,
)
from schemas.tickets import SubmitIntake, TicketOpened, TicketView
from schemas.workflow import CompleteTask, TaskCompleted
from tests.processors.gateway.access_owner import AccessOwner
from topics.edge import EDGE_ANSWERS
from topics.registry import class_of, topic_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICKET = "T-0001"
HASH = "ab" * 32
SECRET = "a-secret-for-tests-only"
PASSWORD = "four words do nicely"

Answer = Callable[[Message, Envelope], Sequence[tuple[Event, View | None]]]


def picture(*, seed: int = 0, width: int = 400, height: int = 330, suffix: str = ".jpg") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 10, width // 10, 3), np.uint8)
    done, data = cv2.imencode(suffix, cv2.resize(pixels, (width, height)))
    assert done
    return data.tobytes()


def ticket_view(ticket_id: str = TICKET, **changes: Any) -> TicketView:
    base = TicketView(
        ticket_id=ticket_id,
        customer_id="C-0001",
        state="received",
        device=Device(category="laptop", brand="Lenovo", model="T480"),
        complaint="Does not charge any more.",
        channel="kiosk",
        version=1,
        opened_at=NOW,
        moved_at=NOW,
    )
    return base.model_copy(update=changes)


def quote(ticket_id: str = TICKET, **changes: Any) -> QuotePrepared:
    def tier(name: Any, part: int, warranty: int, days: int) -> QuoteTier:
        lines = (
            QuoteLine(label="Charging port", sku="dc_jack.laptop", amount_cents=part),
            QuoteLine(label="Labour, 45 minutes", amount_cents=6500),
        )
        return QuoteTier(name=name, total_cents=part + 6500, lines=lines, warranty_days=warranty, delivery_days=days)

    base = QuotePrepared(
        ticket_id=ticket_id,
        quote_hash=HASH,
        version=1,
        currency="EUR",
        total_cents=8900,
        recommended="aftermarket",
        tiers=(tier("refurbished", 1500, 90, 2), tier("aftermarket", 2400, 180, 3), tier("original", 5900, 365, 8)),
        diagnostic_fee_cents=2500,
        expected_profit_cents=4242,
        base_price_cents=8800,
        jitter=1.01,
        propensity=0.5,
        pricing_model="cost-plus/1",
        valid_until=NOW + timedelta(days=30),
        prepared_at=NOW,
    )
    return base.model_copy(update=changes)


def diagnosis(ticket_id: str = TICKET) -> DiagnosisView:
    plan = RepairPlan(
        fault_family="charging_port",
        steps=("Open the case.", "Replace the charging port.", "Test charging under load for 30 minutes."),
        labour_minutes=45,
        risk="low",
        success_probability=0.94,
    )
    return DiagnosisView(
        ticket_id=ticket_id,
        diagnosed=FaultDiagnosed(
            ticket_id=ticket_id,
            summary="The charging port is worn out: the plug has no firm contact. The battery and the board are fine.",
            faults=(RankedFault(family="charging_port", title="Charging port broken", probability=0.86,
                                evidence=(Evidence(source="complaint", text="does not charge", weight_nats=1.4),)),),
            confidence=0.8,
            raise_confidence="Measure the voltage behind the port.",
            plan=plan,
            engine="offline/1",
            diagnosed_at=NOW,
        ),
    )  # fmt: skip


def opens(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
    """Answer every command with a yes, as its owner would on a good day."""
    at = envelope.time
    if isinstance(command, SubmitIntake):
        shared = command.model_dump(
            include={"ticket_id", "workspace_id", "customer_id", "complaint", "language", "channel"}
        )
        taken = {"device": command.device, "photos": command.photos, "state": "received", "opened_at": at, **shared}
        opened = TicketOpened(consent_version=command.consent_version, **taken)
        return [(opened, TicketView(version=1, moved_at=at, **taken))]
    if isinstance(command, AcceptQuote):
        shown = quote(command.ticket_id)
        tier = next(tier for tier in shown.tiers if tier.name == command.tier)
        shared = command.model_dump()
        said = QuoteAccepted(total_cents=tier.total_cents, currency=shown.currency, accepted_at=at, **shared)
        return [(said, QuoteView(ticket_id=said.ticket_id, status="accepted", quote=shown, accepted=said))]
    if isinstance(command, DeclineQuote):
        no = QuoteDeclined(declined_at=at, **command.model_dump())
        return [(no, QuoteView(ticket_id=no.ticket_id, status="declined", quote=quote(no.ticket_id), declined=no))]
    if isinstance(command, CompleteTask):
        done = TaskCompleted(ticket_id=command.ticket_id, task_id=command.task_id, by=command.by, completed_at=at)
        return [(done, None)]
    if isinstance(command, ReceiveStock):
        return [(StockReceived(received_at=at, **command.model_dump()), None)]
    return []


@dataclass
class World:
    """The edge with everything behind it."""

    path: Path
    policy: Policy = field(default_factory=lambda: Policy(outcome_wait_s=0.05, publish_wait_s=0.05))
    answer: Answer = opens
    figures: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, Any] = field(default_factory=dict)
    warehouse: Any = None
    sent: list[tuple[Envelope, Message]] = field(default_factory=list)
    down: Exception | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """Further dependencies of the edge, by name."""

    def __post_init__(self) -> None:
        self.clock = SettableClock(NOW)
        self.views = ReadModel(self.policy)
        self.blob_urls = BlobUrls(SECRET, "http://edge", self.clock)
        self.stored = LocalBlobs(self.path / "blobs")
        self.blobs = SealedBlobs(self.stored, BlobKeys(self.path / "blob-keys"), urls=self.blob_urls)
        self.vault = SealedVault(self.stored, load_or_create_master_key(self.path / "master.key"))
        self.passcodes = SealedPasscodes(self.stored, load_or_create_master_key(self.path / "master.key"))
        self.signer = LinkSigner(SECRET, "http://shop.example")
        self.keyring = Keyring(self.path / "keys.json", b"p" * 32, environment="test")
        self.credentials = self._credentials()
        self.access = AccessOwner()
        self.records: list[Fetched] = []
        self.models = [self.views]
        self._offsets: dict[str, int] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._seen: set[UUID] = set()
        self.app: FastAPI = self.gateway(self.views)

    def replica(self) -> FastAPI:
        """Return one more gateway beside the same log and stores, with a read model of its own."""
        views = ReadModel(self.policy)
        self.models.append(views)
        return self.gateway(views)

    def gateway(self, views: ReadModel) -> FastAPI:
        """Return one more gateway of the same shop, over a read model of its own."""
        return create_app(
            GatewayDeps(
                publisher=self,
                views=views,
                blobs=self.blobs,
                blob_urls=self.blob_urls,
                vault=self.vault,
                signer=self.signer,
                keyring=self.keyring,
                credentials=self.credentials,
                clock=self.clock,
                warehouse=self.warehouse,
                figures=self.figures,
                reports=self.reports,
                check_flow=check,
                checklist_of=checklist_of,
                bounce_rates=bounce_rates,
                brain_calibration=calibration,
                passcodes=self.passcodes,
                clock_report=partial(report, policy=SlaPolicy.load(SHIPPED)),
                policy=self.policy,
                secret=b"s" * 32,
                **{"designs": Book(self.blobs), **self.more},
            )
        )

    def _credentials(self) -> Credentials:
        keys = SessionKeys(self.path / "session-keys.json")
        return Credentials(
            people=SealedPeople(self.stored, load_or_create_master_key(self.path / "master.key")),
            seals=Seals(SECRET.encode()),
            keys=keys,
            tokens=AccessTokens(keys, "http://edge"),
            passwords=Passwords(memory_kib=64, passes=1),
        )

    async def user(
        self, *roles: Role, mail: str = "ada@example.org", workspace_id: str = "main", password: str = PASSWORD
    ) -> str:
        """Make a member who can log in; return the id."""
        person = Person(name="Ada", mail=mail)
        made = await self.app.state.edge.desk.create_user(
            workspace_id, person, roles or ("owner",), Caller("operator", "test"), password
        )
        return str(made.user_id)

    async def logged_in(self, *roles: Role, app: FastAPI | None = None, **who: Any) -> httpx.AsyncClient:
        """Return a client that bears the access token of a new member's session."""
        await self.user(*roles, **who)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app or self.app), base_url="http://edge")
        body = {"mail": who.get("mail", "ada@example.org"), "workspace_id": who.get("workspace_id", "main")}
        answer = await client.post("/v1/auth/login", json={**body, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        client.headers["X-Test-Refresh"] = answer.json()["refresh_token"]
        return client

    def key(self, *scopes: Scope, workspace_id: str = "main") -> str:
        return self.keyring.create("test", frozenset(scopes), now=NOW, workspace_id=workspace_id).key

    def client(self, *scopes: Scope, key: str = "", app: FastAPI | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key or self.key(*scopes)}"} if scopes or key else {}
        transport = httpx.ASGITransport(app or self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://edge", headers=headers)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.down is not None:
            raise self.down
        for record in records:
            envelope = Envelope.from_headers(record.headers)
            if record.topic == EDGE_ANSWERS.name:
                self._fold(record.topic, envelope, record.value)
                continue
            command = class_of(envelope.type).model_validate_json(record.value or b"")
            self.sent.append((envelope, command))
            if envelope.id in self._seen:
                continue
            self._seen.add(envelope.id)
            answers = self.access.answer(command, envelope) or self.answer(command, envelope)
            for event, view in answers:
                self.feed(event, cause=envelope)
                if view is not None:
                    self.feed(view, cause=envelope)

    def feed(
        self,
        message: Event | View,
        *,
        cause: Envelope | None = None,
        at: datetime | None = None,
        key: str | None = None,
    ) -> Fetched:
        topic = topic_of(message.TYPE)
        subject = key or str(getattr(message, topic.key))
        moment = at or self.clock.now()
        envelope = Envelope(
            id=uuid4(),
            source="/noizylab/test",
            type=message.TYPE,
            subject=subject,
            time=moment,
            recorded_time=moment,
            correlation_id=getattr(message, "ticket_id", "T-none"),
            causation_id=cause.id if cause else None,
        )
        value = message.to_json()
        if isinstance(message, View):
            version = self._versions[topic.name, subject] = self._versions.get((topic.name, subject), 0) + 1
            value = Held(message, version, (cause.id,) if cause else ()).to_value()
        return self._fold(topic.name, envelope, value)

    def _fold(self, topic: str, envelope: Envelope, value: bytes | None) -> Fetched:
        offset = self._offsets[topic] = self._offsets.get(topic, -1) + 1
        record = Fetched(topic, 0, offset, 0, envelope.subject.encode(), value, envelope.to_headers())
        self.records.append(record)
        for model in self.models:
            model.apply(record)
        return record

    def with_quote(self, **changes: Any) -> str:
        """Open a ticket with a diagnosis and a quote; return the path of its page."""
        offered = quote(**changes)
        self.feed(ticket_view(state="quoted"))
        self.feed(diagnosis())
        self.feed(offered)
        self.feed(QuoteView(ticket_id=TICKET, status="prepared", quote=offered))
        url = self.signer.approve_url(TICKET, offered.quote_hash, expires_at=offered.valid_until)
        return url.removeprefix("http://shop.example")

    def silent(self) -> None:
        """From now on nobody answers commands."""
        self.answer = lambda command, envelope: []


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["type"] == f"urn:noizylab:problem:{code}"
    assert body["status"] == status
    assert body["detail"]
    return body
