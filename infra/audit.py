"""Replay: every view rebuilt from the events alone, compared with the view that is live.

An event that was written twice, because its writer was killed in between, counts once, as every reader counts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from connectors.bus.aggregate import Held, StateOf, aggregate_keys, fold
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader, fold_view
from infra.compose import WIRED, wire_without_ports
from infra.gen.wiring import NOWHERE
from schemas.core.envelope import Envelope, EnvelopeError
from schemas.core.message import Event, View
from topics.registry import class_of
from topics.topic import Topic


@dataclass(slots=True)
class Replayed:
    """The result for one processor."""

    processor: str
    events: int = 0
    repeated: int = 0
    aggregates: int = 0
    different: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether the replay gave exactly the live states."""
        return not self.different


@dataclass(frozen=True, slots=True)
class _Fact:
    at: datetime
    rank: int
    partition: int
    offset: int
    envelope: Envelope
    event: Event


async def replay_all(cluster: Cluster, processors: Iterable[str] = WIRED) -> list[Replayed]:
    """Replay every processor that keeps state."""
    results = []
    for processor in processors:
        app = App(processor, cluster, NOWHERE)
        wire_without_ports(processor, app)
        for step in app.steps:
            if step.state is not None:
                events = [topic for topic in step.emits if ".events." in topic.name and topic.owner == processor]
                results.append(await _replay(cluster, processor, step.state, events))
    return results


async def _replay(cluster: Cluster, processor: str, declared: StateOf, topics: list[Topic]) -> Replayed:
    result = Replayed(processor)
    async with LogReader(cluster, f"noizylab-audit-{processor}") as reader:
        records = [r async for r in reader.to_end(await reader.partitions([topic.name for topic in topics]))]
    async with LogReader(cluster, f"noizylab-audit-{processor}") as reader:
        live: dict[str, Held] = {}
        async for record in reader.to_end(await reader.partitions([declared.view.name])):
            fold_view(declared.view, record, live)
    replayed = _fold_all(declared, _facts(records, topics), result)
    result.aggregates = len(live)
    for key in sorted({*live, *replayed}):
        difference = _compare(live.get(key), replayed.get(key))
        if difference:
            result.different.append(f"{key}: {difference}")
    return result


def _facts(records: Iterable[Fetched], topics: list[Topic]) -> list[_Fact]:
    rank = {topic.name: number for number, topic in enumerate(topics)}
    facts = []
    for record in records:
        try:
            envelope = Envelope.from_headers(record.headers)
            event = class_of(envelope.type).model_validate_json(record.value or b"")
        except (EnvelopeError, KeyError, ValidationError):
            continue  # a stranger's record on an events topic: no processor wrote it, no view holds it
        if not isinstance(event, Event):
            continue
        facts.append(
            _Fact(envelope.recorded_time, rank[record.topic], record.partition, record.offset, envelope, event)
        )
    return sorted(facts, key=lambda fact: (fact.at, fact.rank, fact.partition, fact.offset))


def _fold_all(declared: StateOf, facts: list[_Fact], result: Replayed) -> dict[str, Held]:
    held: dict[str, Held] = {}
    seen: set[UUID] = set()
    for fact in facts:
        result.events += 1
        if fact.envelope.id in seen:
            result.repeated += 1
            continue
        seen.add(fact.envelope.id)
        for key in aggregate_keys(declared, fact.event, fact.envelope.subject):
            held[key] = fold(declared, key, held.get(key), fact.event, fact.envelope.causation_id)
    return held


def _compare(live: Held | None, replayed: Held | None) -> str | None:
    if live is None or replayed is None:
        return "only in the replay" if live is None else "only in the live view"
    if live.version != replayed.version:
        return f"version {live.version} live, {replayed.version} replayed"
    if live.state != replayed.state:
        fields = [name for name in type(live.state).model_fields if _of(live.state, name) != _of(replayed.state, name)]
        return f"differs in {', '.join(fields)}"
    return None


def _of(state: View, name: str) -> object:
    return getattr(state, name, None)
