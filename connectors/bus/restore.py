"""Reading a topic from its start: restoring views at assignment, folding read models, replaying the log."""

from collections.abc import AsyncIterator, Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.transport import fetched
from connectors.errors import Transient
from schemas.core.message import Message
from topics.topic import Topic


class LogReader:
    """Reads partitions without a group: from the start, from an offset, or for ever."""

    def __init__(self, cluster: Cluster, client_id: str) -> None:
        self._bootstrap = cluster.bootstrap
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
            raise Transient(
                f"no Kafka broker answers at {self._bootstrap} ({error}); start the shop, or set NOIZYLAB_KAFKA"
            ) from error
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

    async def to_end(self, tps: list[TopicPartition]) -> AsyncIterator[Fetched]:
        """Yield every record that is in ``tps`` at the time of the call, in order within a partition."""
        if not tps:
            return
        self._consumer.assign(tps)
        ends = await self._consumer.end_offsets(tps)
        beginnings = await self._consumer.beginning_offsets(tps)
        for tp in tps:
            self._consumer.seek(tp, beginnings[tp])
        open_tps = {tp for tp in tps if beginnings[tp] < ends[tp]}
        while open_tps:
            got = await self._consumer.getmany(*open_tps, timeout_ms=500)
            for tp, records in got.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield fetched(record)
            for tp in list(open_tps):
                if await self._consumer.position(tp) >= ends[tp]:
                    open_tps.discard(tp)
                    self._consumer.pause(tp)

    async def follow(self, tps: list[TopicPartition], *, from_start: bool) -> AsyncIterator[list[Fetched]]:
        """Yield batches for ever, from the start or from what comes next."""
        self._consumer.assign(tps)
        if from_start:
            await self._consumer.seek_to_beginning(*tps)
        else:
            await self._consumer.seek_to_end(*tps)
        while True:
            got = await self._consumer.getmany(timeout_ms=1000)
            batch = [fetched(record) for records in got.values() for record in records]
            if batch:
                yield batch

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


async def restore_views(cluster: Cluster, topic: Topic, partitions: Iterable[int]) -> dict[int, dict[str, Held]]:
    """Return the aggregates of some partitions of a view topic, read from its start to its present end."""
    wanted = sorted(partitions)
    restored: dict[int, dict[str, Held]] = {partition: {} for partition in wanted}
    async with LogReader(cluster, f"restore-{topic.name}") as reader:
        async for record in reader.to_end([TopicPartition(topic.name, partition) for partition in wanted]):
            fold_view(topic, record, restored[record.partition], Held.unread)
    return restored
