"""The driver: one processor without a broker. Pipe messages in, read what it wrote, restart it, send all twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID, uuid4

from connectors.bus.aggregate import Held
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.restore import fold_view
from connectors.bus.stage import PartitionState, Stage, StageLimits
from connectors.clock.clock import SettableClock
from connectors.traces.port import Spans
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from topics.registry import class_of, dead_letters, topic_of
from topics.topic import Topic

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
M = TypeVar("M", bound=Message)


@dataclass
class MemoryLog:
    """A log in memory: a publisher whose records can be read back."""

    records: list[Outgoing] = field(default_factory=list)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.records.extend(records)

    def of(self, topic: Topic | str) -> list[Fetched]:
        name = topic if isinstance(topic, str) else topic.name
        chosen = [record for record in self.records if record.topic == name]
        return [as_fetched(record, offset) for offset, record in enumerate(chosen)]


def as_fetched(record: Outgoing, offset: int = 0) -> Fetched:
    return Fetched(record.topic, record.partition or 0, offset, 0, record.key, record.value, record.headers)


class Driver:
    """Runs the stages of one processor over records given by hand."""

    def __init__(
        self,
        wire: Callable[[App], object],
        processor: str,
        *,
        clock: SettableClock | None = None,
        limits: StageLimits | None = None,
        redeliver: bool = False,
        spans: Spans | None = None,
    ) -> None:
        self.log = MemoryLog()
        self.clock = clock or SettableClock(START)
        self.redeliver = redeliver
        self.app = App(processor, Cluster("127.0.0.1:1"), self.log, clock=self.clock, stage_limits=limits, spans=spans)
        wire(self.app)
        self.stages: list[Stage] = [self.app.stage_for(step, self.log) for step in self.app.steps]
        self._states: dict[str, PartitionState] = {}
        self._offset = 0

    async def pipe(
        self, message: Message, *, id: UUID | None = None, correlation_id: str | None = None, at: datetime | None = None
    ) -> UUID:
        """Hand one message to the processor, as its topic would; twice when redelivering."""
        topic = topic_of(message.TYPE)
        now = at or self.clock.now()
        envelope = Envelope(
            id=id or uuid4(),
            source="/noizylab/test",
            type=message.TYPE,
            subject=str(getattr(message, topic.key)),
            time=now,
            recorded_time=now,
            correlation_id=correlation_id or str(getattr(message, "ticket_id", "T-none")),
        )
        outgoing = Outgoing(topic.name, envelope.subject.encode(), message.to_json(), envelope.to_headers())
        await self.feed(as_fetched(outgoing))
        if self.redeliver:
            await self.feed(as_fetched(outgoing))
        return envelope.id

    async def feed(self, *records: Fetched) -> None:
        """Hand raw records of one topic to the stages that read it, as one batch."""
        for stage in self.stages:
            if any(topic.name == records[0].topic for topic in stage.step.reads):
                await stage.run(records, self.state(stage))

    def state(self, stage: Stage) -> PartitionState:
        """Return the states of a stage's one partition."""
        return self._states.setdefault(stage.step.name, PartitionState(0))

    def read(self, kind: type[M]) -> list[M]:
        """Return all messages of a type that were written, in order, first deliveries only."""
        return [message for _, message in self.envelopes(kind)]

    def envelopes(self, kind: type[M]) -> list[tuple[Envelope, M]]:
        """Return written messages of a type with their envelopes; a repeated id is left out, as readers do."""
        seen: set[UUID] = set()
        found = []
        for record in self.log.of(topic_of(kind.TYPE)):
            envelope = Envelope.from_headers(record.headers)
            if envelope.type == kind.TYPE and envelope.id not in seen:
                seen.add(envelope.id)
                message = class_of(kind.TYPE).model_validate_json(record.value or b"")
                assert isinstance(message, kind)
                found.append((envelope, message))
        return found

    def dead(self) -> list[dict[str, str]]:
        """Return the headers of all dead letters."""
        records = self.log.of(dead_letters(self.app.processor))
        return [{name: value.decode() for name, value in record.headers} for record in records]

    def restart(self) -> None:
        """Forget everything in memory and restore the views from the log, as an assignment does."""
        self._states.clear()
        for stage in self.stages:
            if stage.step.state is not None:
                held: dict[str, Held] = {}
                for record in self.log.of(stage.step.state.view):
                    fold_view(stage.step.state.view, record, held)
                self._states[stage.step.name] = PartitionState(0, held)

    def views(self) -> dict[str, View]:
        """Return all present states."""
        return {key: held.state for states in self._states.values() for key, held in states.held.items()}
