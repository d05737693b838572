"""The consumer's transport: what the engine needs of aiokafka, and the only file that touches its private names.

Pinned to aiokafka 0.14.0. Private names used: ``_coordinator.generation``, ``_coordinator.fetch_committed_offsets``,
``_subscription.reassignment_in_progress``, ``_subscription.subscription.assignment.state_value``,
``_fetcher._create_fetch_waiter``, ``_fetcher._records``, ``FetchResult._partition_records``,
``PartitionRecords._consumer_record``, ``PartitionRecords._records``; and what the fetcher finds under ``MemoryRecords``
is ours. A contract test holds each of them.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from connectors.bus.cluster import Cluster
from connectors.bus.packs import Item, KeptRecords, Pack
from connectors.bus.records import Fetched

PARTITION_BYTES = 1_048_576
"""What a fetch brings of one partition. A larger record comes alone."""

ANSWER_BYTES = 4_194_304
"""Larger ones come less often and take longer to carry: they fit in no cache."""

fetcher.MemoryRecords = KeptRecords


@dataclass(slots=True)
class Taken:
    """One atomic fetch: the log in ``[lo, hi)`` of ``tp`` holds exactly ``records``."""

    tp: TopicPartition
    lo: int
    hi: int
    records: Sequence[Item]


def fetched(record: ConsumerRecord) -> Fetched:
    """Return aiokafka's record as ours."""
    return Fetched(
        record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )


def _made(tp: TopicPartition, record: Any) -> Fetched:
    """Return a record of a batch as ours, in place of aiokafka's own, which would be made only to be copied."""
    return Fetched(tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


def _whole(tp: TopicPartition, record: Any) -> Item:
    """Return a pack as it is, and a record as ours."""
    if not isinstance(record, Pack):
        return _made(tp, record)
    record.topic, record.partition = tp
    return record


class Transport:
    """A group consumer without commits, resets or bookkeeping of its own. ``packed``: topics that come in packs."""

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        topics: Iterable[str],
        listener: ConsumerRebalanceListener,
        packed: Iterable[str] = (),
    ) -> None:
        self._consumer = AIOKafkaConsumer(
            **cluster.client_options(group),
            group_id=group,
            group_instance_id=None if cluster.instance is None else f"{group}.{cluster.instance}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            # A partition whose records wait to be taken is not fetched again: these bound what waits in memory.
            max_partition_fetch_bytes=PARTITION_BYTES,
            fetch_max_bytes=ANSWER_BYTES,
            session_timeout_ms=cluster.session_timeout_ms,
            heartbeat_interval_ms=cluster.heartbeat_interval_ms,
            rebalance_timeout_ms=cluster.rebalance_timeout_ms,
            max_poll_interval_ms=300_000,
            # Equal counts of partitions and the range assignor give one worker the same numbers of every topic.
            partition_assignment_strategy=[RangePartitionAssignor],
        )
        self._topics, self._packed = list(topics), frozenset(packed)
        self._listener = listener
        self._waiter: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Connect and join the group."""
        self._consumer.subscribe(self._topics, listener=self._listener)
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group; bounded, because aiokafka waits for ever while a broker is down."""
        try:
            await asyncio.wait_for(self._consumer.stop(), 3)
        except (TimeoutError, KafkaError, asyncio.CancelledError):
            return

    @property
    def generation(self) -> int:
        """Return the generation of the group that this member belongs to; -1 for none."""
        generation: int = self._consumer._coordinator.generation
        return generation

    def current(self, generation: int) -> bool:
        """Whether the assignment of ``generation`` still holds."""
        subscription = self._consumer._subscription
        return self.generation == generation and not subscription.reassignment_in_progress

    async def committed(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the group's committed offsets, in one request; partitions without one are absent."""
        offsets = await self._consumer._coordinator.fetch_committed_offsets(list(tps))
        return {tp: found.offset for tp, found in offsets.items() if found.offset >= 0}

    async def bounds(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first and the next offset of each partition's log."""
        listed = list(tps)
        beginnings = await self._consumer.beginning_offsets(listed)
        ends = await self._consumer.end_offsets(listed)
        return {tp: (beginnings[tp], ends[tp]) for tp in listed}

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the next offset of each partition's log."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(list(tps))
        return ends

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Fetch ``tp`` from ``offset`` on."""
        self._consumer.seek(tp, offset)

    async def take(self, tps: Iterable[TopicPartition], generation: int, limit: int) -> list[Taken]:
        """Take what is buffered, without waiting; a pack counts as one of ``limit``. Empty when the generation is over.

        Nothing between the two readings of the positions suspends: ``getmany`` with no time-out does not, unless a
        reassignment is in progress, which is checked in the same turn of the loop.
        """
        if not self.current(generation):
            return []
        states = self._states(tps)
        before = {tp: state.position for tp, state in states.items()}
        if not before:
            return []
        for tp in before:
            records = getattr(self._consumer._fetcher._records.get(tp), "_partition_records", None)
            if records is not None:
                self._shape(tp, records)
        got = await self._consumer.getmany(*before, timeout_ms=0, max_records=limit)
        if not self.current(generation):
            return []
        return [
            Taken(tp, lo, states[tp].position, got.get(tp, []))
            for tp, lo in before.items()
            if tp in got or states[tp].position != lo
        ]

    def _shape(self, tp: TopicPartition, records: Any) -> None:
        """Let what was fetched of a partition come as ours: in packs, or record by record."""
        if tp.topic not in self._packed:
            records._consumer_record = _made
            return
        records._consumer_record = _whole
        records._records.wanted = records.next_fetch_offset

    def _states(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, Any]:
        assignment = self._consumer._subscription.subscription.assignment
        found = {tp: assignment.state_value(tp) for tp in tps if tp in assignment.tps}
        return {tp: state for tp, state in found.items() if state.has_valid_position}

    async def wait(self, seconds: float) -> None:
        """Return when a fetch arrived, :meth:`wake` was called, or ``seconds`` are over.

        Raises:
            KafkaError: the fetcher met an error that does not pass by itself, an authorization for example.
        """
        waiter: asyncio.Future[None] = self._consumer._fetcher._create_fetch_waiter()
        self._waiter = waiter
        timer = asyncio.get_running_loop().call_later(seconds, self.wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def wake(self) -> None:
        """End a :meth:`wait`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def commit(self, offsets: dict[TopicPartition, int]) -> bool:
        """Commit ``offsets``; False when this member may not any more."""
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return False
        return True
