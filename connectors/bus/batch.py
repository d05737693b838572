"""A step that takes whole batches: for sinks that write many records at once and keep no state on the bus."""

from collections.abc import Awaitable, Callable, Sequence

from connectors.bus.records import Fetched
from connectors.bus.stage import PartitionState, Step
from topics.topic import Topic

BatchHandler = Callable[[Sequence[Fetched]], Awaitable[None]]


class BatchStage:
    """Hands a fetched batch over as it is. The handler returns when all of it is safe; raising repeats the batch."""

    def __init__(self, name: str, reads: tuple[Topic, ...], handler: BatchHandler) -> None:
        self._handler = handler
        self.step = Step(name=name, reads=reads, emits=(), handler=handler)

    async def run(self, records: Sequence[Fetched], states: PartitionState) -> None:
        """Hand the batch over."""
        await self._handler(records)
        states.finished += len(records)
