"""The quality check over a log in memory: its inbox fed back to it, vision and tickets played by the test."""

from typing import Any
from uuid import UUID, uuid4

import orjson

from connectors.bus.app import App
from connectors.bus.records import Outgoing
from processors.qc.agent import wire
from processors.qc.config import Policy
from processors.qc.decide import Desk
from processors.qc.directory import Directory
from processors.qc.sheets import SHIPPED, Sheets
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import Envelope
from schemas.core.message import Command, Event, View
from schemas.devices import Device
from schemas.diagnoses import DiagnosisView
from schemas.images import ImageProblem
from schemas.inspections import BoardInspected, BoardInspectionRefused, Box, Finding, InspectBoard, InspectionView
from schemas.qc import (
    BeginCheck,
    CheckRefused,
    CheckRound,
    ConcludeCheck,
    QcView,
    RecordCheckpoint,
    SignCheck,
)
from schemas.tickets import MoveEvidence, MoveTicket, TicketMoved, TicketState, TicketView
from tests.schemas.examples import examples_of
from tests.support.driver import START, Driver, as_fetched
from topics.qc import QC_COMMANDS
from topics.registry import topic_of

T = "T-0001"
KEY = b"a key that the test knows"
BOARD = "vega-01"
LAPTOP = Device(category="laptop", brand="Lumen", board_model=BOARD)
PHOTO = BlobRef(bucket="images", key="sha256/aa", sha256="a" * 64, size_bytes=9, media_type="image/jpeg")
SIXTY_EUROS, FOUR_HUNDRED_EUROS, TWO_THOUSAND_EUROS = 6_000, 40_000, 200_000
BLURRED = ImageProblem(code="blurred", advice="Hold still.", measured=10, limit=100)


def ticket(ticket_id: str = T, **changes: Any) -> TicketView:
    fields = {
        "ticket_id": ticket_id, "customer_id": "C-0001", "state": "repairing", "device": LAPTOP, "complaint": "x",
        "channel": "counter", "quote_total_cents": SIXTY_EUROS, "technician": "ben", "version": 4, "opened_at": START,
        "moved_at": START,
    }  # fmt: skip
    return TicketView.model_validate(fields | changes)


def diagnosis(fault: str, ticket_id: str = T) -> DiagnosisView:
    full = examples_of(DiagnosisView)["full"]
    assert isinstance(full, DiagnosisView)
    assert full.diagnosed is not None
    plan = full.diagnosed.plan.model_copy(update={"fault_family": fault})
    return DiagnosisView(ticket_id=ticket_id, diagnosed=full.diagnosed.model_copy(update={"plan": plan}))


def finding(kind: Any = "bridge", severity: Any = "high", confidence: float = 0.9) -> Finding:
    box = Box(x_px=1, y_px=1, width_px=5, height_px=5)
    return Finding(kind=kind, confidence=confidence, severity=severity, photo=0, box=box, area_px=25)


def seen(*findings: Finding, compared: bool = True) -> BoardInspected:
    return BoardInspected(
        ticket_id=T, compared=compared, findings=findings, annotated=(PHOTO,), photos_usable=1, photos_refused=0,
        engine="test", inspected_at=START,
    )  # fmt: skip


def at_hand_in(*findings: Finding) -> InspectionView:
    return InspectionView(ticket_id=T, status="inspected", inspected=seen(*findings))


def blurred() -> BoardInspectionRefused:
    return BoardInspectionRefused(
        ticket_id=T, reason="no_usable_photo", detail="blurred", problems=(BLURRED,), refused_at=START
    )


def moved(to: TicketState, source: TicketState = "repairing", actor: str = "ben", **evidence: Any) -> TicketMoved:
    return TicketMoved(
        ticket_id=T, from_state=source, to_state=to, reason="test", actor=actor, evidence=MoveEvidence(**evidence),
        version=5, moved_at=START,
    )  # fmt: skip


class Shop:
    """One worker of the quality check. ``times``: how often everything is delivered; ``restart`` after each record."""

    def __init__(self, *, times: int = 1, restart: bool = False, policy: Policy | None = None) -> None:
        self.directory = Directory()
        self.desk = Desk(Sheets.load(SHIPPED), policy or Policy(), KEY)
        self.driver = Driver(self._wire, "qc")
        self.times, self.restart, self.fed = times, restart, 0

    def _wire(self, app: App) -> None:
        wire(app, self._caught_up, self.directory, self.desk)

    async def _caught_up(self) -> None:
        """The test writes the views before it moves a ticket."""

    def know(self, *views: View) -> None:
        """Let the views topics hold these."""
        for view in views:
            value = orjson.dumps({"version": 1, "causes": [], "state": orjson.loads(view.to_json())})
            self.directory.take(topic_of(view.TYPE).name, str(view.ticket_id).encode(), value)  # type: ignore[attr-defined]  # every view here has one

    async def hear(self, event: Event, cause: UUID | None = None) -> None:
        """Let another processor's event be on the log, and all that it leads to."""
        topic, now = topic_of(event.TYPE), self.driver.clock.now()
        envelope = Envelope(uuid4(), "/noizylab/test", event.TYPE, T, now, now, T, causation_id=cause)
        record = as_fetched(Outgoing(topic.name, T.encode(), event.to_json(), envelope.to_headers()))
        for _ in range(self.times):
            await self.driver.feed(record)
        await self._work()

    async def ask(self, command: Command) -> None:
        """Let a person ask for something."""
        command_id = uuid4()
        for _ in range(self.times):
            await self.driver.pipe(command, id=command_id)
        await self._work()

    async def _work(self) -> None:
        inbox = self.driver.log.of(QC_COMMANDS)
        while self.fed < len(inbox):
            for _ in range(self.times):
                await self.driver.feed(inbox[self.fed])
                if self.restart:
                    self.driver.restart()
            self.fed += 1

    async def arrive(self, **evidence: Any) -> None:
        """Move the ticket to its check."""
        await self.hear(moved("qc", **evidence))

    async def begin(self, inspector: str = "ada", **more: Any) -> None:
        await self.ask(BeginCheck(ticket_id=T, inspector=inspector, **more))

    async def record(self, checkpoint: str, inspector: str = "ada", **answer: Any) -> None:
        await self.ask(RecordCheckpoint(ticket_id=T, checkpoint_id=checkpoint, inspector=inspector, **answer))

    async def photograph(self, checkpoint: str, answer: BoardInspected | BoardInspectionRefused) -> None:
        """Take a photo, and let vision answer it."""
        await self.record(checkpoint, photo=PHOTO)
        envelope, _ = self.driver.envelopes(InspectBoard)[-1]
        await self.hear(answer, envelope.id)

    async def all_good(self, *but: str) -> None:
        """Answer every checkpoint with a good answer, but for those named."""
        for point in self.round.plan.checkpoints:
            if point.checkpoint_id in but:
                continue
            if point.kind == "measurement":
                value = point.high if point.low is None else point.low
                await self.record(point.checkpoint_id, measured=value, unit=point.unit, instrument="meter 1")
            elif point.kind == "checklist":
                await self.record(point.checkpoint_id, verdict="pass")
            else:
                await self.photograph(point.checkpoint_id, seen())

    async def conclude(self, verdict: Any, inspector: str = "ada", **more: Any) -> None:
        await self.ask(ConcludeCheck(ticket_id=T, inspector=inspector, verdict=verdict, **more))

    async def sign(self, signer: str) -> None:
        await self.ask(SignCheck(ticket_id=T, signer=signer))

    @property
    def view(self) -> QcView:
        view = self.driver.views()[T]
        assert isinstance(view, QcView)
        return view

    @property
    def round(self) -> CheckRound:
        return self.view.rounds[-1]

    @property
    def moves(self) -> list[tuple[str, str]]:
        """Where the ticket was told to go, and why."""
        return [(move.to, move.reason) for move in self.driver.read(MoveTicket)]

    @property
    def refusals(self) -> list[str]:
        return [refused.reason for refused in self.driver.read(CheckRefused)]
