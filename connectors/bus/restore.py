"""Reading a topic from its start: restoring views at assignment, folding read models, replaying the log."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster, unreachable
from connectors.bus.records import Fetched
from connectors.bus.snapshot import MARKS, Snapshot, Snapshots, digest_of
from connectors.bus.transport import fetched
from connectors.errors import Transient
from schemas.core.message import Message
from topics.topic import Topic

log = logging.getLogger(__name__)
STALLED_AFTER_S = 60.0
"""Without one record while the log says that there are more: a batch is damaged, or replicas are away."""


class LogReader:
    """Reads partitions without a group: from the start, from an offset, or for ever."""

    def __init__(self, cluster: Cluster, client_id: str) -> None:
        self._cluster = cluster
        self._consumer = AIOKafkaConsumer(
            **cluster.client_options(client_id),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            max_partition_fetch_bytes=4_194_304,
        )

    async def __aenter__(self) -> "LogReader":
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise await unreachable(self._cluster, error) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Return the existing partitions of ``topics``; a topic that does not exist has none."""
        await self._consumer._client.force_metadata_update()
        metadata = self._consumer._client.cluster
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(metadata.partitions_for_topic(topic) or ())
        ]

    async def to_end(
        self, tps: list[TopicPartition], within: Mapping[TopicPartition, tuple[int, int]] | None = None
    ) -> AsyncIterator[Fetched]:
        """Yield every record that is in ``tps`` at the time of the call, in order within a partition.

        ``within``: first and next offset of what to read of each partition, as :meth:`bounds` gives them.

        Raises:
            Transient: nothing came for a minute although there is more.
        """
        if not tps:
            return
        self._consumer.assign(tps)
        bounds = within or await self.bounds(tps)
        beginnings = {tp: bounds[tp][0] for tp in tps}
        ends = {tp: bounds[tp][1] for tp in tps}
        for tp in tps:
            self._consumer.seek(tp, beginnings[tp])
        open_tps = {tp for tp in tps if beginnings[tp] < ends[tp]}
        self._consumer.pause(*(set(tps) - open_tps))
        progress = monotonic()
        while open_tps:
            got = await self._consumer.getmany(*open_tps, timeout_ms=500)
            if not got and monotonic() - progress > STALLED_AFTER_S:
                raise Transient(await self._stalled(open_tps))
            for tp, records in got.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield fetched(record)
            for tp in list(open_tps):
                if await self._consumer.position(tp) >= ends[tp]:
                    open_tps.discard(tp)
                    self._consumer.pause(tp)
            if got:
                progress = monotonic()

    async def _stalled(self, open_tps: Iterable[TopicPartition]) -> str:
        places = [f"{tp.topic}/{tp.partition} at {await self._consumer.position(tp)}" for tp in sorted(open_tps)]
        return (
            f"the log cannot be read on: {', '.join(places[:3])}; what the broker says stands in its log, and for the "
            "embedded one `noizylab broker check` names what is damaged"
        )

    async def follow(
        self, tps: list[TopicPartition], *, from_start: bool, after: Mapping[TopicPartition, int] | None = None
    ) -> AsyncIterator[list[Fetched]]:
        """Yield batches for ever, from the start or from what comes next; of partitions in ``after`` from there."""
        self._consumer.assign(tps)
        if from_start:
            await self._consumer.seek_to_beginning(*tps)
        else:
            await self._consumer.seek_to_end(*tps)
        for tp, offset in (after or {}).items():
            self._consumer.seek(tp, offset)
        while True:
            got = await self._consumer.getmany(timeout_ms=1000)
            batch = [fetched(record) for records in got.values() for record in records]
            if batch:
                yield batch

    async def bounds(self, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first and the next offset of each partition's log."""
        if not tps:
            return {}
        beginnings = await self._consumer.beginning_offsets(tps)
        ends = await self._consumer.end_offsets(tps)
        return {tp: (beginnings[tp], ends[tp]) for tp in tps}

    async def offsets_at(self, tps: list[TopicPartition], at: datetime) -> dict[TopicPartition, int | None]:
        """Return the offset of the first record of each partition that is not older than ``at``, None for none."""
        if not tps:
            return {}
        found = await self._consumer.offsets_for_times({tp: int(at.timestamp() * 1000) for tp in tps})
        return {tp: found[tp].offset if found.get(tp) is not None else None for tp in tps}

    def known_ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offsets that the last fetches told of; a partition not fetched yet is left out."""
        ends = {tp: self._consumer.highwater(tp) for tp in tps}
        return {tp: end for tp, end in ends.items() if end is not None}

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offset of each partition."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(tps)
        return ends


def view_class(topic: Topic, record: Fetched) -> type[Message] | None:
    """Return the class of a view record, by its type header; None when the topic does not carry it."""
    wanted = next((value for name, value in record.headers if name == "ce_type"), b"")
    return topic.type_named(wanted.decode("utf-8", "replace"))


def fold_view(
    topic: Topic,
    record: Fetched,
    held: dict[str, Held],
    read: Callable[[bytes, type[Message]], Held] = Held.from_value,
) -> None:
    """Take one view record into ``held``. The highest version wins, because a frozen former owner writes late."""
    if record.key is None:
        return
    key = record.key.decode()
    state_class = view_class(topic, record)
    if record.value is None:
        held.pop(key, None)
    elif state_class is not None:
        found = read(record.value, state_class)
        known = held.get(key)
        if known is None or found.version >= known.version:
            held[key] = found


@dataclass(slots=True)
class Restored:
    """The aggregates of one view partition. ``read``: records from the log; ``kept``: aggregates from a snapshot.

    ``proven``: no snapshot was used, or the log is the one that it was made from.
    """

    held: dict[str, Held] = field(default_factory=dict)
    read: int = 0
    kept: int = 0
    marks: dict[int, str] = field(default_factory=dict)
    proven: bool = True


async def restore_views(
    cluster: Cluster,
    topic: Topic,
    partitions: Iterable[int],
    snapshots: Snapshots | None = None,
    *,
    reader: Callable[[Cluster, str], LogReader] = LogReader,
) -> dict[int, Restored]:
    """Return the aggregates of some partitions of a view topic, as they are at its present end.

    With ``snapshots``, what one holds is not read again, and a new one is written after much reading.
    """
    restored = {partition: Restored() for partition in sorted(partitions)}
    if snapshots is not None:
        for partition, one in restored.items():
            found = await asyncio.to_thread(snapshots.load, topic, partition)
            if found is not None:
                one.held, one.kept, one.marks, one.proven = found.held, len(found.held), found.marks, False
    await _read_on(reader(cluster, f"restore-{topic.name}"), topic, restored)
    foreign = {partition: Restored() for partition, one in restored.items() if not one.proven}
    if foreign:
        log.warning("snapshots of %s %s are of another log, reading from its start", topic.name, sorted(foreign))
        await _read_on(reader(cluster, f"restore-{topic.name}"), topic, foreign)
        restored |= foreign
    if snapshots is not None:
        for partition, one in restored.items():
            if one.read >= snapshots.at_least:
                # A copy, because the stage goes on to change its own.
                snapshot = Snapshot(one.marks, dict(one.held))
                await asyncio.to_thread(snapshots.save, topic, partition, snapshot)
    return restored


async def _read_on(log_reader: LogReader, topic: Topic, restored: dict[int, Restored]) -> None:
    """Read partitions from what they hold already to their ends."""
    began = monotonic()
    tps = {TopicPartition(topic.name, partition): one for partition, one in restored.items()}
    last: dict[int, deque[Fetched]] = {partition: deque(maxlen=MARKS) for partition in restored}
    async with log_reader as reader:
        bounds = await reader.bounds(list(tps))
        for tp, one in tps.items():
            # Where records were removed from the front or cut off at the end, a snapshot holds what the log does not.
            first, end = bounds[tp]
            if one.marks and not first <= min(one.marks) <= max(one.marks) < end:
                one.marks = {}
        known = {tp.partition: max(one.marks, default=-1) for tp, one in tps.items()}
        refuted: set[int] = set()
        within = {tp: (max(bounds[tp][0], min(one.marks, default=0)), bounds[tp][1]) for tp, one in tps.items()}
        async for record in reader.to_end(list(tps), within):
            one = restored[record.partition]
            if record.offset > known[record.partition]:
                one.read += 1
                fold_view(topic, record, one.held, Held.unread)
                last[record.partition].append(record)
            elif record.offset in one.marks:
                one.proven = True
                if one.marks[record.offset] != digest_of(record):
                    refuted.add(record.partition)
    for partition, one in restored.items():
        one.proven = one.proven and partition not in refuted
        one.marks |= {record.offset: digest_of(record) for record in last[partition]}
        one.marks = dict(list(one.marks.items())[-MARKS:])
    read, kept = sum(one.read for one in restored.values()), sum(one.kept for one in restored.values())
    seconds = monotonic() - began
    log.info(
        "%s %s: %d records read in %.2f s (%.0f/s), %d aggregates from snapshots",
        topic.name, sorted(restored), read, seconds, read / max(seconds, 1e-6), kept,
    )  # fmt: skip
