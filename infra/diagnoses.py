"""Diagnoses on the log: made again from their evidence, and held against what technicians found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader, fold_view
from connectors.vault.port import Vault
from processors.brain.diagnostician import Diagnostician
from processors.brain.reliability import calibration
from processors.brain.replay import differences
from schemas.core.envelope import Envelope, EnvelopeError
from schemas.diagnoses import DiagnoseFault, DiagnosisAbstained, DiagnosisView, FaultDiagnosed
from schemas.tickets import TicketView
from topics.diagnoses import DIAGNOSIS_COMMANDS, DIAGNOSIS_EVENTS, DIAGNOSIS_VIEWS
from topics.tickets import TICKET_VIEWS

_SAID = {kind.TYPE: kind for kind in (FaultDiagnosed, DiagnosisAbstained)}


@dataclass(frozen=True, slots=True)
class Replayed:
    """One diagnosis made again. ``differences`` empty: the same answer."""

    event_id: UUID
    ticket_id: str
    engine: str
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the same evidence gave the same answer."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "event_id": str(self.event_id), "equal": self.equal}


async def replay_diagnoses(
    cluster: Cluster, vault: Vault, which: str, engine: Diagnostician | None = None
) -> list[Replayed]:
    """Return the diagnoses of a ticket, or the one of an event's id, each made again from the command that asked."""
    said: dict[UUID, tuple[Envelope, FaultDiagnosed | DiagnosisAbstained]] = {}
    async with LogReader(cluster, "noizylab-brain-replay") as reader:
        async for record in reader.to_end(await reader.partitions([DIAGNOSIS_EVENTS.name])):
            envelope = _envelope(record)
            if envelope is not None and envelope.type in _SAID and which in (envelope.subject, str(envelope.id)):
                said.setdefault(envelope.id, (envelope, _SAID[envelope.type].model_validate_json(record.value or b"")))
    wanted = {envelope.causation_id for envelope, _ in said.values()}
    asked: dict[UUID, DiagnoseFault] = {}
    if wanted:
        async with LogReader(cluster, "noizylab-brain-replay") as reader:
            async for record in reader.to_end(await reader.partitions([DIAGNOSIS_COMMANDS.name])):
                envelope = _envelope(record)
                if envelope is not None and envelope.id in wanted and envelope.type == DiagnoseFault.TYPE:
                    asked[envelope.id] = DiagnoseFault.model_validate_json(record.value or b"")
    engine = engine or Diagnostician.shipped()
    return [await _again(envelope, event, asked, vault, engine) for envelope, event in said.values()]


async def _again(
    envelope: Envelope,
    event: FaultDiagnosed | DiagnosisAbstained,
    asked: dict[UUID, DiagnoseFault],
    vault: Vault,
    engine: Diagnostician,
) -> Replayed:
    question = None if envelope.causation_id is None else asked.get(envelope.causation_id)
    found: tuple[str, ...]
    if question is None:
        found = ("evidence: the command that asked is no longer on the log; its retention is over",)
    elif (complaint := await vault.open_text(question.complaint)) is None:
        found = ("evidence: the complaint was erased; it cannot be read again",)
    else:
        found = differences(question.model_copy(update={"complaint": complaint}), event, engine)
    return Replayed(envelope.id, event.ticket_id, event.engine, found)


async def read_calibration(cluster: Cluster) -> dict[str, Any]:
    """Return how far the brain's probabilities could be believed, from the newest views on the log."""
    topics = {topic.name: topic for topic in (TICKET_VIEWS, DIAGNOSIS_VIEWS)}
    held: dict[str, dict[str, Held]] = {name: {} for name in topics}
    async with LogReader(cluster, "noizylab-brain-calibration") as reader:
        async for record in reader.to_end(await reader.partitions(held)):
            fold_view(topics[record.topic], record, held[record.topic])
    return calibration(_pairs(held[TICKET_VIEWS.name], held[DIAGNOSIS_VIEWS.name]))


def _pairs(tickets: dict[str, Held], diagnoses: dict[str, Held]) -> Iterable[tuple[TicketView, DiagnosisView]]:
    for key, one in diagnoses.items():
        ticket = tickets.get(key)
        if ticket is not None and isinstance(ticket.state, TicketView) and isinstance(one.state, DiagnosisView):
            yield ticket.state, one.state


def _envelope(record: Fetched) -> Envelope | None:
    try:
        return Envelope.from_headers(record.headers)
    except EnvelopeError:
        return None
