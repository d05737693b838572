"""Stretches of the log, read again beside the consumer group, whoever the partitions belong to now."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.lookup import Asking
from connectors.bus.records import Fetched
from connectors.errors import ConnectorError

Stretch = tuple[str, int, int, int]
"""Topic, partition, first offset, last offset; both ends included."""


class LogRanges(Asking):
    """Reads stretches of partitions."""

    async def read(self, stretches: Sequence[Stretch]) -> list[Fetched]:
        """Return every record of some stretches, at most one of a partition, that is still in the log.

        Raises:
            Transient: the log does not answer.
        """
        asked = {TopicPartition(topic, partition): (first, last + 1) for topic, partition, first, last in stretches}
        async with self._lock:
            try:
                reader = await self._opened()
                bounds = await reader.bounds(list(asked))
                within = {tp: (max(first, bounds[tp][0]), end) for tp, (first, end) in asked.items()}
                return [record async for record in reader.to_end(list(within), within)]
            except (KafkaError, ConnectorError, KeyError) as error:
                raise await self._failed(error) from error

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record of a partition will get.

        Raises:
            Transient: the log does not answer.
        """
        tp = TopicPartition(topic, partition)
        async with self._lock:
            try:
                return (await (await self._opened()).end_offsets([tp]))[tp]
            except (KafkaError, ConnectorError, KeyError) as error:
                raise await self._failed(error) from error
