"""A step that takes whole batches: for sinks that write many records at once and keep no state on the bus."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from connectors.bus.packs import Item, count_of, first_offset
from connectors.bus.stage import PartitionState, Step
from topics.topic import Topic

BatchHandler = Callable[[Sequence[Any]], Awaitable[None]]
"""Takes records (``Fetched``), and packs where the step is ``packed``."""


OpenHandler = Callable[[str, int, int], Awaitable[None]]
"""Topic, partition, offset: from there on this worker reads it now."""


class BatchStage:
    """Hands a fetched batch over as it is. The handler returns when all of it is safe; raising repeats the batch.

    ``opens`` is called before the first batch of a partition in each assignment. ``batch_records``: what a batch may
    hold, when that is more than the engine's own limit. ``ahead``: as long as fewer records than that are in hand, of
    all partitions together, a partition's next batch is handed over before the last one is safe: the handler gets
    them in order, and may finish them in any. ``packed``: it gets packs where the log has them (``packs``);
    what a fetch brings then bounds a batch, and not ``batch_records``.
    """

    def __init__(
        self,
        name: str,
        reads: tuple[Topic, ...],
        handler: BatchHandler,
        opens: OpenHandler | None = None,
        batch_records: int = 0,
        ahead: int = 0,
        *,
        packed: bool = False,
    ) -> None:
        self._handler, self._opens = handler, opens
        self._opened: dict[tuple[str, int], PartitionState] = {}
        self.batch_records, self.ahead, self.packed = batch_records, ahead, packed
        self.step = Step(name=name, reads=reads, emits=(), handler=handler)

    def is_open(self, topic: str, partition: int, states: PartitionState) -> bool:
        """Whether a partition's first batch in this assignment has been through ``opens``: until then it is alone."""
        return self._opens is None or self._opened.get((topic, partition)) is states

    async def run(self, records: Sequence[Item], states: PartitionState) -> None:
        """Hand the batch over."""
        first = records[0]
        place = first.topic, first.partition
        # Every assignment has its own state of a partition.
        if self._opens is not None and not self.is_open(*place, states):
            await self._opens(*place, first_offset(first))
            self._opened[place] = states
        await self._handler(records)
        states.finished += count_of(records)
