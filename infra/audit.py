"""Replay: every view rebuilt from the events alone, compared with the view that is live.

An event that was written twice, because its writer was killed in between, counts once, as every reader counts it.
"""

from collections.abc import Iterable, Mapping
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
    """The result for one processor, or for one of the kinds of aggregates that it keeps."""

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

    def order(self) -> tuple[datetime, int, int, int]:
        """Return what facts are sorted by."""
        return self.at, self.rank, self.partition, self.offset


async def replay_all(cluster: Cluster, processors: Iterable[str] = WIRED) -> list[Replayed]:
    """Replay every processor that keeps state."""
    results: list[Replayed] = []
    for processor in processors:
        app = App(processor, cluster, NOWHERE)
        wire_without_ports(processor, app)
        for step in app.steps:
            if step.state is not None:
                events = [topic for topic in step.emits if ".events." in topic.name and topic.owner == processor]
                # The second kind of aggregate of a processor goes by its domain.
                known = any(result.processor == processor for result in results)
                name = step.state.view.name.partition(".")[0] if known else processor
                results.append(await _replay(cluster, name, step.state, events))
    return results


@dataclass(frozen=True, slots=True)
class StateAt:
    """The state of one aggregate as of a moment: ``version`` events had made it, the newest recorded ``since``."""

    processor: str
    key: str
    version: int
    since: datetime
    state: View


async def states_at(cluster: Cluster, at: datetime, aggregate: str | None = None) -> list[StateAt]:
    """Return the states as the events recorded until ``at`` made them; none: it did not exist yet.

    With ``aggregate`` only what is about it is kept in memory: a ticket's states with every processor, the stock of
    a shelf or of one part on it (``front/battery.laptop``).
    """
    found = []
    for processor in WIRED:
        app = App(processor, cluster, NOWHERE)
        wire_without_ports(processor, app)
        for step in app.steps:
            if step.state is not None:
                events = [topic for topic in step.emits if ".events." in topic.name and topic.owner == processor]
                found += await _states_at(cluster, processor, step.state, events, at, aggregate)
    return found


async def _states_at(
    cluster: Cluster, processor: str, declared: StateOf, topics: list[Topic], at: datetime, aggregate: str | None
) -> list[StateAt]:
    facts = []
    rank = {topic.name: number for number, topic in enumerate(topics)}
    async with LogReader(cluster, f"noizylab-audit-{processor}") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in topics])):
            fact = _fact(record, rank)
            if fact is None or fact.at > at:
                continue
            keys = aggregate_keys(declared, fact.event, fact.envelope.subject)
            if aggregate is None or any(_is_about(key, aggregate) for key in keys):
                facts.append(fact)
    facts.sort(key=_Fact.order)
    held = _fold_all(declared, facts, Replayed(processor))
    newest = {key: fact.at for fact in facts for key in aggregate_keys(declared, fact.event, fact.envelope.subject)}
    return [
        StateAt(processor, key, one.version, newest[key], one.state)
        for key, one in sorted(held.items())
        if aggregate is None or _is_about(key, aggregate)
    ]


def _is_about(key: str, aggregate: str) -> bool:
    """Whether a view key is the aggregate, or has it as its first or last part, as keys on a shelf have."""
    return key == aggregate or key.startswith(f"{aggregate}/") or key.endswith(f"/{aggregate}")


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
    facts = [fact for record in records if (fact := _fact(record, rank)) is not None]
    return sorted(facts, key=_Fact.order)


def _fact(record: Fetched, rank: Mapping[str, int]) -> _Fact | None:
    """Return the event of a record; None of a stranger's: no processor wrote it, no view holds it."""
    try:
        envelope = Envelope.from_headers(record.headers)
        event = class_of(envelope.type).model_validate_json(record.value or b"")
    except (EnvelopeError, KeyError, ValidationError):
        return None
    if not isinstance(event, Event):
        return None
    return _Fact(envelope.recorded_time, rank[record.topic], record.partition, record.offset, envelope, event)


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
