"""Verification: the log against its checkpoints, record by record, in one pass and bounded memory.

In memory are the heads of the checkpoints and the records of the one that is being checked. Digest lists are
fetched again, one checkpoint at a time, where the chain does not fit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from aiokafka import TopicPartition
from pydantic import ValidationError

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from infra.auditor.chain import (
    Finding,
    compare,
    digest,
    head_hash,
    listed,
    place_of,
    signature_problem,
    split_place,
    why_forged,
)
from infra.auditor.heads import read_head_records
from infra.auditor.keys import PublicKeys
from infra.auditor.trail import Located, Segment, Trail, Walk, arrange, widened
from schemas.audit import CheckpointHead, CheckpointSealed
from topics.audit import AUDIT_CHECKPOINTS, AUDIT_HEADS
from topics.registry import topic_named
from topics.topic import Delete, Topic

MOST_FINDINGS = 1000
REPORT_EVERY = 20_000
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """What was checked of one partition. ``waiting``: records after the newest checkpoint, to be sealed yet."""

    place: str
    records: int
    checkpoints: int
    covered_to: int
    expired_to: int
    waiting: int


@dataclass(slots=True)
class Report:
    """The result. ``findings`` holds the first thousand, ``more`` counts those beyond."""

    places: list[PlaceReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep findings while there is room, count them after."""
        for one in findings:
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append(one)
            else:
                self.more += 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What to verify. ``anchors``: signed heads as JSON that somebody kept outside; each must be in the log."""

    topics: Sequence[Topic]
    since: datetime | None = None
    until: datetime | None = None
    anchors: Sequence[Mapping[str, Any]] = ()


async def verify(cluster: Cluster, keys: PublicKeys, scope: Scope, now: datetime, say: Progress) -> Report:
    """Recompute every digest from the log and hold it against the checkpoints.

    Raises:
        Transient: no broker answers.
    """
    return await _Verification(cluster, keys, scope, now, say).run()


class _Verification:
    def __init__(self, cluster: Cluster, keys: PublicKeys, scope: Scope, now: datetime, say: Progress) -> None:
        self._cluster, self._keys, self._scope, self._now, self._say = cluster, keys, scope, now, say
        self._report = Report()
        self._wanted = {topic.name for topic in scope.topics}

    async def run(self) -> Report:
        # Heads before checkpoints before the log: each speaks only of what stands in the next already.
        known = self._known(await read_head_records(self._cluster))
        async with LogReader(self._cluster, "noizylab-audit-checkpoints") as reader:
            found = await self._checkpoints(reader)
        async with LogReader(self._cluster, "noizylab-audit-log") as log:
            tps = await log.partitions(sorted(self._wanted))
            bounds = await log.bounds(tps)
            limits = await self._limits(log, tps, bounds)
            # A place that was sealed and is not there any more begins and ends at nothing.
            gone = [TopicPartition(*split_place(place)) for place in sorted({*found, *known})]
            bounds |= {tp: (0, 0) for tp in gone if tp not in bounds}
            for tp in bounds:
                trail = arrange(place_of(*tp), found.get(place_of(*tp), ()), known.get(place_of(*tp), {}))
                self._report.add(trail.missing)
                await self._place(log, tp, trail, bounds[tp], limits.get(tp, bounds[tp]))
        return self._report

    def _known(self, heads: Iterable[tuple[Mapping[str, Any], Any]]) -> dict[str, dict[str, CheckpointHead]]:
        known: dict[str, dict[str, CheckpointHead]] = defaultdict(dict)
        anchors = [(raw, "an anchor that was given") for raw in self._scope.anchors]
        for raw, where in [*((raw, f"a head in {AUDIT_HEADS.name}") for raw, _ in heads), *anchors]:
            head = CheckpointHead.model_validate(raw)
            topic, partition = split_place(head.place)
            if topic not in self._wanted:
                continue
            problem = signature_problem(raw, self._keys)
            if problem:
                detail = f"{where}, number {head.number}: {problem}"
                self._report.add([Finding("checkpoint_forged", topic, partition, None, detail)])
            else:
                known[head.place][head_hash(raw)] = head
        return known

    async def _checkpoints(self, reader: LogReader) -> dict[str, list[Located]]:
        """Read all checkpoints, check each by itself, and keep the heads of those that are good."""
        good: dict[str, list[Located]] = defaultdict(list)
        count = 0
        async for record in reader.to_end(await reader.partitions([AUDIT_CHECKPOINTS.name])):
            count += 1
            if count % REPORT_EVERY == 0:
                self._say(f"{count} checkpoints read")
            try:
                checkpoint = CheckpointSealed.model_validate_json(record.value or b"")
            except ValidationError:
                detail = "not a checkpoint; whoever wrote it is not the auditor"
                forged = Finding("checkpoint_forged", record.topic, record.partition, record.offset, detail)
                self._report.add([forged])
                continue
            self._keep(record, checkpoint, good)
        return good

    def _keep(self, record: Fetched, checkpoint: CheckpointSealed, good: dict[str, list[Located]]) -> None:
        head = checkpoint.head
        if split_place(head.place)[0] not in self._wanted:
            return
        raw = orjson.loads(record.value or b"")["head"]
        problem = why_forged(checkpoint, raw, self._keys)
        if problem is None:
            good[head.place].append(Located(head, head_hash(raw), record.partition, record.offset))
            return
        detail = f"number {head.number} of {head.place}: {problem}"
        self._report.add([Finding("checkpoint_forged", record.topic, record.partition, record.offset, detail)])

    async def _limits(
        self, log: LogReader, tps: list[TopicPartition], bounds: Mapping[TopicPartition, tuple[int, int]]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Return the stretch of each partition that lies between the times asked for."""
        scope = self._scope
        since = await log.offsets_at(tps, scope.since) if scope.since else {}
        until = await log.offsets_at(tps, scope.until) if scope.until else {}
        limits = {}
        for tp in tps:
            low, high = bounds[tp]
            start, stop = since.get(tp, low), until.get(tp)
            limits[tp] = (high if start is None else start, high if stop is None else stop)
        return limits

    async def _place(
        self, log: LogReader, tp: TopicPartition, trail: Trail, bounds: tuple[int, int], limit: tuple[int, int]
    ) -> None:
        beginning, end = bounds
        start, stop = widened(trail.path, *limit)
        start, stop = max(start, beginning), min(stop, end)
        from_the_start, to_the_end = limit[0] <= beginning, limit[1] >= end
        # A checkpoint may speak of more than the log holds now: what was cut off at its end is missing.
        walk = Walk(trail, start, max(end, trail.covered_to) if to_the_end else stop)
        if start < stop:
            async for record in log.to_end([tp], {tp: (start, stop)}):
                walk.take(record.offset, digest(record))
                if walk.suspects:
                    await self._judge(walk)
                if walk.records % REPORT_EVERY == 0:
                    self._say(f"{trail.place}: {walk.records} of {stop - start} records")
        walk.finish()
        await self._judge(walk)
        self._report.add(walk.findings)
        if from_the_start:
            self._report.add(self._removed_early(trail, beginning))
        if walk.records or walk.checkpoints or trail.path:
            place = PlaceReport(trail.place, walk.records, walk.checkpoints, trail.covered_to, beginning, walk.waiting)
            self._report.places.append(place)

    async def _judge(self, walk: Walk) -> None:
        """Compare the segments that do not fit with the lists of their checkpoints, record by record."""
        for segment in walk.suspects:
            checkpoint = await self._fetch(segment.located)
            place, head = checkpoint.place, segment.located.head
            sealed = {offset: one for offset, one in listed(checkpoint).items() if offset >= segment.lowest}
            differing = compare(place, sealed, segment.found)
            if not differing and segment.lowest <= head.from_offset:
                detail = f"checkpoint {head.number} does not fit although all of its listed digests do"
                differing = [Finding("changed", *split_place(place), None, detail)]
            self._report.add(_contradiction(segment, one) if segment.stray else one for one in differing)
        walk.suspects.clear()

    async def _fetch(self, located: Located) -> CheckpointSealed:
        tp = TopicPartition(AUDIT_CHECKPOINTS.name, located.partition)
        async with LogReader(self._cluster, "noizylab-audit-lists") as reader:
            async for record in reader.to_end([tp], {tp: (located.offset, located.offset + 1)}):
                return CheckpointSealed.model_validate_json(record.value or b"")
        raise RuntimeError(f"checkpoint at {located.partition}/{located.offset} went away while it was read")

    def _removed_early(self, trail: Trail, beginning: int) -> Iterable[Finding]:
        """Name checkpoints whose records are gone from the log's start although their time is not over."""
        topic, partition = split_place(trail.place)
        cleanup = topic_named(topic).cleanup
        keeps = cleanup.retention if isinstance(cleanup, Delete) else timedelta.max
        for one in trail.path:
            head = one.head
            if head.from_offset >= beginning:
                return
            gone_to = min(beginning, head.next_offset)
            youngest = head.newest_at if gone_to == head.next_offset else head.oldest_at
            if self._now - youngest < keeps:
                detail = f"all up to {gone_to - 1}: removed although the topic keeps records {keeps.days} days"
                yield Finding("removed", topic, partition, head.from_offset, detail)


def _contradiction(segment: Segment, finding: Finding) -> Finding:
    detail = f"number {segment.located.head.number}, a repeat, says {finding.kind}"
    return Finding("checkpoint_contradicts", finding.topic, finding.partition, finding.offset, detail)
