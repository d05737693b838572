"""Who is put through the kills: the chain on our stage, one process a stage, and stock Faust as the control."""

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson

from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.restore import LogReader, fold_view
from infra.bench.chain import CHAIN, HOPS, TOPICS, VIEWS, first_id, first_record, next_id
from infra.bench.kill_judge import Evidence, Seen
from infra.bench.servers import committed
from infra.bench.stock_faust import APP_ID, CHANGELOG
from schemas.notifications import OutboxView
from topics.topic import Compact, Topic

Effects = dict[str, frozenset[UUID]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A system under test. ``command(worker, bootstrap, serial)`` is its program; ``groups`` those of the stages."""

    name: str
    workers: tuple[str, ...]
    topics: tuple[Topic, ...]
    groups: tuple[str, ...]
    views: str
    command: Callable[[str, str, int], list[str]]
    record: Callable[[int, int, str, datetime], Outgoing]
    id_of: Callable[[Fetched], UUID]
    caused: Callable[[int, UUID], UUID]
    effects: Callable[[list[Fetched]], Effects]


def our_stage(session_ms: int, seed: int, hold: Path) -> Subject:
    """Return the chain on our stage. Its workers have trouble with publishing; ``hold`` names the ticket to hold up."""

    def command(worker: str, bootstrap: str, serial: int) -> list[str]:
        words = ["-m", "infra.bench.worker", "stage", "--bootstrap", bootstrap, "--links", worker]
        words += ["--session-ms", str(session_ms), "--trouble", str(seed * 1000 + serial), "--hold", str(hold)]
        return [sys.executable, *words]

    return Subject(
        name="stage",
        workers=("a", "b", "c"),
        topics=TOPICS,
        groups=tuple(link.group for link in CHAIN),
        views=VIEWS.name,
        command=command,
        record=first_record,
        id_of=lambda record: UUID(dict(record.headers)["ce_id"].decode()),
        caused=next_id,
        effects=_outboxes,
    )


def stock_faust(session_ms: int, home: Path) -> Subject:
    """Return the control: one app with three agents that await every acknowledgement, and a table at B."""

    def command(worker: str, bootstrap: str, serial: int) -> list[str]:
        words = ["-m", "infra.bench.stock_faust", bootstrap, "--datadir", str(home / f"{worker}-{serial}")]
        return [sys.executable, *words, "--session-s", str(session_ms / 1000), "--await-acks"]

    changelog = Topic(name=CHANGELOG, owner="bench", summary="Faust's table.", carries=(), key="", cleanup=Compact())
    return Subject(
        name="stock Faust",
        workers=("abc",),
        topics=(*HOPS, changelog),
        groups=(APP_ID,) * 3,
        views=CHANGELOG,
        command=command,
        record=_record_with_id,
        id_of=lambda record: UUID(orjson.loads(record.value or b"")["id"]),
        caused=lambda _, cause: cause,
        effects=_tables,
    )


def _record_with_id(seed: int, number: int, ticket_id: str, now: datetime) -> Outgoing:
    record = first_record(seed, number, ticket_id, now)
    return replace(record, value=orjson.dumps(orjson.loads(record.value or b"") | {"id": str(first_id(seed, number))}))


def _outboxes(records: list[Fetched]) -> Effects:
    held: dict[str, Held] = {}
    for record in records:
        fold_view(VIEWS, record, held)
    found: Effects = {}
    for key, one in held.items():
        assert isinstance(one.state, OutboxView)
        found[key] = frozenset(UUID(entry.notification_id) for entry in one.state.entries)
    return found


def _tables(records: list[Fetched]) -> Effects:
    newest = {orjson.loads(record.key or b""): record.value for record in records}
    return {key: frozenset(map(UUID, orjson.loads(value or b"[]"))) for key, value in newest.items()}


async def gather_evidence(subject: Subject, cluster: Cluster, acknowledged: list[UUID]) -> Evidence:
    """Read all topics to their ends, and the committed offsets.

    Raises:
        Transient: the brokers do not answer.
    """
    offsets = [await committed(cluster, group, HOPS[stage].name) for stage, group in enumerate(subject.groups)]
    hops = [[seen async for seen in seen_in(subject, cluster, hop.name)] for hop in HOPS]
    views = [record async for record in _records(cluster, subject.views)]
    return Evidence(acknowledged, hops, offsets, subject.effects(views), subject.caused)


async def seen_in(subject: Subject, cluster: Cluster, topic: str) -> AsyncIterator[Seen]:
    """Yield the records of a topic, in the order of each partition."""
    async for record in _records(cluster, topic):
        yield Seen(record.partition, record.offset, subject.id_of(record), (record.key or b"").decode())


async def _records(cluster: Cluster, topic: str) -> AsyncIterator[Fetched]:
    async with LogReader(cluster, "bench-judge") as reader:
        async for record in reader.to_end(await reader.partitions([topic])):
            yield record
