"""Questions to the log beside the stage: one record by its place, and what compacted topics say at this moment."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from connectors.errors import ConnectorError, Transient
from topics.topic import Topic

log = logging.getLogger(__name__)

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Asking:
    """A reader that is opened when it is first needed, and anew after a failure. One question at a time."""

    def __init__(self, cluster: Cluster, client_id: str) -> None:
        self._cluster, self._client_id = cluster, client_id
        self._reader: LogReader | None = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Disconnect."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.__aexit__(None, None, None)

    async def _opened(self) -> LogReader:
        if self._reader is None:
            self._reader = await LogReader(self._cluster, self._client_id).__aenter__()
        return self._reader

    async def _failed(self, error: Exception) -> Transient:
        await self.close()
        return Transient(f"the log does not answer {self._client_id}: {error!r}; it is asked again")


class LogLookup(Asking):
    """Reads single records. The newest that were noted are answered from memory, which holds ``keep_bytes``."""

    def __init__(self, cluster: Cluster, client_id: str, *, keep_bytes: int = 33_554_432) -> None:
        super().__init__(cluster, client_id)
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[Place, Fetched] = OrderedDict()
        self._size = 0

    def note(self, record: Fetched) -> None:
        """Remember a record that will be asked for soon."""
        place = (record.topic, record.partition, record.offset)
        if place in self._kept:
            return
        self._kept[place] = record
        self._size += len(record.value or b"")
        while self._size > self._keep_bytes:
            _, gone = self._kept.popitem(last=False)
            self._size -= len(gone.value or b"")

    async def read(self, topic: str, partition: int, offset: int) -> Fetched | None:
        """Return one record; None when it is not in the log any more.

        Raises:
            Transient: the log does not answer.
        """
        known = self._kept.get((topic, partition, offset))
        if known is not None:
            return known
        tp = TopicPartition(topic, partition)
        async with self._lock:
            try:
                reader = await self._opened()
                first, end = (await reader.bounds([tp]))[tp]
                if not first <= offset < end:
                    return None
                async for record in reader.to_end([tp], {tp: (offset, offset + 1)}):
                    return record
            except (KafkaError, ConnectorError, KeyError) as error:
                raise await self._failed(error) from error
        return None


class LogFollower(Asking):
    """Folds compacted topics when asked, each record once, into whatever ``take`` makes of it."""

    def __init__(
        self, cluster: Cluster, client_id: str, topics: Sequence[Topic], take: Callable[[Fetched], None]
    ) -> None:
        super().__init__(cluster, client_id)
        self._topics = [topic.name for topic in topics]
        self._take = take
        self._partitions = sum(topic.partitions for topic in topics)
        self._next: dict[TopicPartition, int] = {}
        self._begun = self._done = 0
        self._looked_at = -math.inf

    async def catch_up(self, *, within_s: float = 0.0) -> None:
        """Return when every record that was acknowledged ``within_s`` seconds before the call has been taken.

        Many may ask at once: a look at the log serves all who asked before it began or ask within the time.

        Raises:
            Transient: the log does not answer; what was taken stays taken.
        """
        wanted, asked_at = self._begun + 1, time.monotonic()
        async with self._lock:
            if self._done >= wanted or self._looked_at > asked_at - within_s:
                return
            self._begun += 1
            looked_at = time.monotonic()
            try:
                await self._take_what_is_new(await self._opened())
            except (KafkaError, ConnectorError) as error:
                raise await self._failed(error) from error
            self._done, self._looked_at = self._begun, looked_at

    async def _take_what_is_new(self, reader: LogReader) -> None:
        if len(self._next) < self._partitions:
            firsts = await reader.bounds(await reader.partitions(self._topics))
            self._next = {tp: first for tp, (first, _) in firsts.items()} | self._next
        ends = await reader.end_offsets(list(self._next)) if self._next else {}
        left = {tp: (self._next[tp], end) for tp, end in ends.items() if self._next[tp] < end}
        async for record in reader.to_end(list(left), left):
            self._take(record)
            self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
        # A compacted log may end with offsets that hold nothing.
        self._next |= {tp: end for tp, (_, end) in left.items()}
