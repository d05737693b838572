"""Reading and replaying dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from connectors.bus.restore import LogReader
from topics.registry import DEAD_LETTERS, dead_letters


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: the record as it was, and why it could not be handled."""

    name: str
    headers: Sequence[tuple[str, bytes]]
    raw_key: bytes
    value: bytes | None

    @property
    def key(self) -> str:
        """Return the record's key as text."""
        return self.raw_key.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Return a header's text, empty when it is absent."""
        return next((value.decode("utf-8", "replace") for found, value in self.headers if found == name), "")

    @property
    def reason(self) -> str:
        """Return the machine-readable reason."""
        return self.header("dlq_reason")

    @property
    def error(self) -> str:
        """Return what was wrong, in words."""
        return self.header("dlq_error")

    @property
    def type(self) -> str:
        """Return the message type, as far as the record says."""
        return self.header("ce_type")


async def read_letters(cluster: Cluster, processor: str | None = None) -> list[Letter]:
    """Return the dead letters of one processor, or of all, oldest first within a partition."""
    topics = [dead_letters(processor)] if processor else list(DEAD_LETTERS)
    letters = []
    async with LogReader(cluster, "noizylab-dlq") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in topics])):
            owner = record.topic.removeprefix("dlq.").removesuffix(".v1")
            letters.append(
                Letter(
                    name=f"{owner}/{record.partition}/{record.offset}",
                    headers=record.headers,
                    raw_key=record.key or b"",
                    value=record.value,
                )
            )
    return letters


async def replay_letters(cluster: Cluster, processor: str, reason: str | None, *, reinsert: bool) -> int:
    """Write matching letters back to where they came from, ids unchanged; returns how many matched."""
    letters = [one for one in await read_letters(cluster, processor) if reason is None or one.reason == reason]
    if reinsert and letters:
        publisher = KafkaPublisher(cluster, client_id="noizylab-dlq")
        await publisher.start()
        try:
            await publisher.publish([_back(letter) for letter in letters])
        finally:
            await publisher.stop()
    return len(letters)


def _back(letter: Letter) -> Outgoing:
    headers = [(name, value) for name, value in letter.headers if not name.startswith("dlq_")]
    return Outgoing(
        letter.header("dlq_topic"), letter.raw_key, letter.value, headers, int(letter.header("dlq_partition"))
    )
