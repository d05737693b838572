"""A transport over a log in memory that jumps, rewinds, loses heads and starts elsewhere, and always says so.

What it claims is true: a claim ``[lo, hi)`` holds exactly these records. It may be
another stretch than the one it was asked for.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from connectors.bus.records import Fetched
from connectors.bus.transport import Taken


@dataclass
class World:
    """One partition's log and its group. ``absent``: offsets that compaction or a transaction marker took."""

    topic: str
    first: int = 0
    end: int = 0
    absent: set[int] = field(default_factory=set)
    committed: int | None = None
    generation: int = 0
    assigned: bool = False
    commits: list[tuple[int, int]] = field(default_factory=list)

    @property
    def tp(self) -> TopicPartition:
        return TopicPartition(self.topic, 0)

    def record(self, offset: int) -> Fetched:
        return Fetched(self.topic, 0, offset, 0, b"k", b"", [])


class FaultyTransport:
    """What :class:`Transport` offers, over a :class:`World`; faults are injected by ``jump`` and ``commit_fails``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.position: int | None = None
        self.jump = 0
        self.seek_error = 0
        self.commit_fails: BaseException | bool = False
        self.refusable = 0
        self.expects: Any = lambda: None
        self._woken = asyncio.Event()

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    @property
    def generation(self) -> int:
        return self.world.generation

    def current(self, generation: int) -> bool:
        return self.world.assigned and generation == self.world.generation

    async def committed(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {} if self.world.committed is None else {self.world.tp: self.world.committed}

    async def bounds(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        return dict.fromkeys(tps, (self.world.first, self.world.end))

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.world.end)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.position = max(0, offset + self.seek_error)
        self.seek_error = 0

    async def take(self, tps: Iterable[TopicPartition], generation: int, limit: int) -> list[Taken]:
        world = self.world
        if self.position is None or not self.current(generation) or world.tp not in set(tps):
            return []
        lo = min(max(world.first, self.position + self.jump), world.end)
        self.jump = 0
        hi = min(lo + limit, world.end)
        if hi == lo == self.position:
            return []
        if lo > self.expects():
            self.refusable += 1
        self.position = hi
        records = [world.record(offset) for offset in range(lo, hi) if offset not in world.absent]
        return [Taken(world.tp, lo, hi, records)]

    async def wait(self, seconds: float) -> None:
        await self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()

    async def commit(self, offsets: dict[TopicPartition, int]) -> bool:
        world = self.world
        if isinstance(self.commit_fails, BaseException):
            raise self.commit_fails
        if self.commit_fails or not world.assigned:
            return False
        world.commits.append((world.generation, offsets[world.tp]))
        world.committed = offsets[world.tp]
        return True
