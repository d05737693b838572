"""What became of a record that was put back: the group's committed offset says when, the dead letters say how.

The stage writes a dead letter before it commits. So once the group has committed past the record, a letter about it
is there or will never be.
"""

import asyncio

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.bus.cluster import Cluster
from connectors.bus.records import Outgoing
from connectors.bus.restore import LogReader
from connectors.errors import Transient
from topics.registry import dead_letters

LOOK_EVERY_S = 0.1


class Outcomes:
    """Begun before the record is put back: letters that were there by then are not about it."""

    def __init__(
        self, cluster: Cluster, processor: str, within_s: float, letters: dict[TopicPartition, tuple[int, int]]
    ) -> None:
        self._cluster, self._processor, self._within_s, self._letters = cluster, processor, within_s, letters

    @classmethod
    async def watch(cls, cluster: Cluster, processor: str, within_s: float) -> "Outcomes":
        """Begin to look at the dead letters of a processor."""
        async with LogReader(cluster, "noizylab-dlq-outcome") as reader:
            tps = await reader.partitions([dead_letters(processor).name])
            return cls(cluster, processor, within_s, await reader.bounds(tps))

    async def of(self, record: Outgoing) -> bool:
        """Wait until the processor is past ``record``; True when it died again.

        Raises:
            Transient: the processor did not get there in time.
        """
        tp = TopicPartition(record.topic, record.partition or 0)
        async with LogReader(self._cluster, "noizylab-dlq-outcome") as reader:
            [(_, end)] = (await reader.bounds([tp])).values()
        await self._until_committed(tp, end)
        name = dict(record.headers)["dlq_letter"]
        async with LogReader(self._cluster, "noizylab-dlq-outcome") as reader:
            now = await reader.bounds(list(self._letters))
            fresh = {one: (before, now[one][1]) for one, (_, before) in self._letters.items()}
            async for letter in reader.to_end(list(fresh), fresh):
                if ("dlq_letter", name) in letter.headers:
                    return True
        return False

    async def _until_committed(self, tp: TopicPartition, offset: int) -> None:
        group = f"noizylab.{self._processor}"
        admin = AIOKafkaAdminClient(**self._cluster.client_options("noizylab-dlq-outcome"))
        try:
            await admin.start()
            async with asyncio.timeout(self._within_s):
                while True:
                    committed = await admin.list_consumer_group_offsets(group, partitions=[tp])
                    if committed[tp].offset >= offset:
                        return
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise Transient(
                f"{self._processor} did not come to offset {offset - 1} of {tp.topic}/{tp.partition} in "
                f"{self._within_s:.0f} s; is it running? The letter is back in its topic and will be handled"
            ) from None
        except KafkaError as error:
            raise Transient(f"the group {group} cannot be asked at {self._cluster.bootstrap}: {error}") from error
        finally:
            await admin.close()
