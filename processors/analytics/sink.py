"""The sink: rows of many partitions gathered for a moment, written by one insert, acknowledged together.

Small inserts are what a column store bears worst, so batches of all partitions share one. What a batch covers is logged
before it is inserted (``batch``), so a crash at any point neither loses a row nor stores one twice.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from time import monotonic

from connectors.clickhouse.port import Warehouse
from connectors.clock.clock import Clock, SystemClock
from processors.analytics.batch import Range, batch_id, joined, range_of
from processors.analytics.intents import Intents, Log, check_end
from processors.analytics.metrics import SinkCounts
from processors.analytics.parts import PartsWatch
from processors.analytics.patience import stubbornly
from processors.analytics.rows import EVENTS
from processors.analytics.store import Store
from processors.analytics.strips import Item, Stretch, records_of, stretch_of

log = logging.getLogger(__name__)

MAX_ROWS = 50_000
MAX_BYTES = 48 * 1024 * 1024
"""Of lines. One insert stays one block, so that a refused row's number is its true one (seen up to 55 MB)."""
ENOUGH_ROWS = 30_000
"""From here on a batch waits for nothing but its turn: while others are written, it grows. Smaller ones leave more to
merge: 5 to 10 us of the engine a row at ten thousand, 3 to 4 at thirty thousand (three materialised views)."""
AHEAD = 120_000
"""Records in hand: so many that the next batches fill up while others are written."""
LINGER_S = 0.5
AT_ONCE = 2
"""Inserts under way. One is parsed while the other's parts are written; more would only make smaller parts."""


@dataclass(slots=True)
class _Gathering:
    """Records that will be written together, and who waits for them."""

    ranges: list[Range] = field(default_factory=list)  # one for each write
    stretch: Stretch = field(default_factory=Stretch)
    rows: int = 0
    size: int = 0
    oldest_ms: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Task[None] | None = None

    def takes(self, rows: int, size: int) -> bool:
        """Whether so many more rows and bytes fit; the first always do."""
        return self.written is None or (self.rows + rows <= MAX_ROWS and self.size + size <= MAX_BYTES)


async def _no_fence() -> None:
    """Let everything pass."""


class Sink:
    """Writes records to the warehouse, each once. Bounded by rows, bytes and time.

    ``fence`` raises when this worker's partitions belong to somebody else: nothing new is begun then. ``logged`` False
    leaves the intent log out, and with it the tokens: for comparison only.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        source: Log,
        *,
        fence: Callable[[], Awaitable[None]] = _no_fence,
        linger_s: float = LINGER_S,
        logged: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.counts = SinkCounts()
        self._source, self._fence = source, fence
        self._clock = clock or SystemClock()
        self._intents = Intents(warehouse)
        self._store = Store(warehouse, self.counts, with_tokens=logged)
        self._parts = PartsWatch(warehouse, self.counts)
        self._linger_s, self._logged = linger_s, logged
        self._gathering = _Gathering()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._recovering = asyncio.Lock()
        self._stored: dict[tuple[str, int], list[Range]] = {}
        self._next: dict[tuple[str, int], int] = {}

    async def opened(self, topic: str, partition: int, offset: int) -> None:
        """Take a partition over, from an offset: finish what a crash left, and learn what is stored beyond the offset.

        Raises:
            Misconfigured: the topic was made anew, so its offsets mean something else than in the intent log.
            Transient: the log does not answer.
        """
        self._next.pop((topic, partition), None)
        if not self._logged:
            return
        async with self._recovering:
            if (topic, partition) in self._stored:
                await self._settle()
            known = await stubbornly(lambda: self._intents.known(topic, partition, offset), self.counts)
            if known:
                check_end(known, await self._source.end(topic, partition))
            for one in known:
                if not one.done:
                    await self._replay(one.batch_id)
            self._stored[topic, partition] = [one.range for one in known]

    async def write(self, items: Sequence[Item]) -> None:
        """Return when every record of one partition, in the order of the log, is stored: as a row or as a dead letter.

        Batches of a partition come in order too, and need not wait for each other. While the warehouse is away it
        waits: the caller brings no more.

        Raises:
            Misconfigured: the warehouse cannot take rows until somebody changes something.
            WorkerStop: the fence fell before the rows were begun.
        """
        if not items:
            return
        for written in self._join_all(items):
            # Shielded: one partition that is taken away must not cancel the insert that others wait for.
            await asyncio.shield(written)

    def _join_all(self, items: Sequence[Item]) -> "list[asyncio.Task[None]]":
        """Add records to what is gathered, or gathered next; returns what ends when they are stored.

        Nothing in here waits, so batches join in the order in which they come. What is stored already parts the
        others: a range must not reach over it.
        """
        covered = range_of(items)
        place = covered.topic, covered.partition
        if covered.first < self._next.get(place, 0):
            raise RuntimeError(
                f"a batch of {place[0]}/{place[1]} came after those behind it, and its range would reach over theirs; "
                "start the worker again: it goes on behind what is stored"
            )
        self._next[place] = covered.last + 1
        stored = self._stored.get(place)
        if not stored:
            return [one for one in [self._join(items)] if one is not None]
        found: list[asyncio.Task[None]] = []
        records = records_of(items)
        for known, run in groupby(records, key=lambda one: any(r.first <= one.offset <= r.last for r in stored)):
            part = list(run)
            if known:
                self.counts.known += len(part)
                self._rotate()
            elif (written := self._join(part)) is not None:
                found.append(written)
        if covered.last >= max(one.last for one in stored):
            stored.clear()
        return found

    def _join(self, items: Sequence[Item]) -> "asyncio.Task[None] | None":
        """Add records to what is gathered; returns what ends when they are stored, None when there is nothing to."""
        stretch = stretch_of(items)
        rows, size = stretch.rows, stretch.size
        if not size:
            return None
        if not self._gathering.takes(rows, size):
            self._rotate()
        gathering = self._gathering
        gathering.ranges.append(range_of(items))
        gathering.stretch.strips += stretch.strips
        gathering.stretch.refused += stretch.refused
        gathering.rows += rows
        gathering.size += size
        gathering.oldest_ms = min(filter(None, (gathering.oldest_ms, *(one.timestamp_ms for one in items))), default=0)
        if gathering.written is None:
            gathering.written = asyncio.create_task(self._after_a_moment(gathering))
            self._under_way.add(gathering.written)
            gathering.written.add_done_callback(self._under_way.discard)
        if gathering.rows >= ENOUGH_ROWS or gathering.size >= MAX_BYTES:
            gathering.enough.set()
        return gathering.written

    def _rotate(self) -> None:
        self._gathering.enough.set()
        self._gathering = _Gathering()

    async def _settle(self) -> None:
        """End what an earlier assignment began: it must not carry what this one brings, nor be replayed beside itself.

        What it fails with, its own writers are told.
        """
        self._rotate()
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _after_a_moment(self, gathering: _Gathering) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gathering.enough.wait(), self._linger_s)
        async with self._slots:
            if self._gathering is gathering:
                self._gathering = _Gathering()
            await self._parts.pace()
            started = monotonic()
            await self._begin(gathering)
            self.counts.batch_s.observe(monotonic() - started)
            if gathering.oldest_ms:
                self.counts.freshness_s.observe(self._clock.now().timestamp() - gathering.oldest_ms / 1000)

    async def _begin(self, gathering: _Gathering) -> None:
        """Log the intent, then store. Until the intent is logged, nothing of the batch exists."""
        strips, refused = gathering.stretch.strips, gathering.stretch.refused
        if not self._logged:
            await self._store.store("", strips, refused)
            return
        ranges = joined(gathering.ranges)
        batch = batch_id(ranges)

        async def intend() -> None:
            await self._fence()
            await self._intents.intend(ranges, batch)

        await stubbornly(intend, self.counts)
        await self._store.store(batch, strips, refused)
        await stubbornly(lambda: self._intents.finish(ranges, batch), self.counts)

    async def _replay(self, batch: str) -> None:
        """Store a batch that was begun before a crash, over exactly its ranges, and look whether that is true now."""
        ranges = await stubbornly(lambda: self._intents.ranges(batch), self.counts)
        stretch = stretch_of(await self._source.read(ranges))
        log.warning("replaying batch %s: %d rows of %d partitions", batch, stretch.rows, len(ranges))
        poison = {one.record.place for one in await self._store.store(batch, stretch.strips, stretch.refused)}
        self.counts.replayed += 1
        events = [one.without(poison) for one in stretch.strips if one.table == EVENTS]
        expected = sum(len(one.lines) for one in events)
        verdict = await stubbornly(lambda: self._intents.verdict(ranges, expected), self.counts)
        if verdict == "lost":
            # A token was taken down and its rows were not: seen of inserts that span partitions, which ours do not.
            stored = await stubbornly(lambda: self._intents.stored(ranges), self.counts)
            await self._store.store(f"{batch}/again", [one.without(stored) for one in events], [])
        self.counts.verdicts[verdict] += 1
        if verdict != "exact":
            log.error("batch %s was found %s after its replay; count the ranges %s in events", batch, verdict, ranges)
        await stubbornly(lambda: self._intents.finish(ranges, batch), self.counts)
