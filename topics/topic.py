"""The declaration of a topic."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.core.message import Message

PARTITIONS = 4
"""One count for all topics: processors co-partition their inputs, outputs and views by it."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Records are removed after ``retention``."""

    retention: timedelta


@dataclass(frozen=True, slots=True)
class Compact:
    """The newest record of each key is kept for ever."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the log.

    ``owner`` is the only reader of a commands topic and the only writer of an events or views topic. ``key`` names
    the field of every carried message that is the record key and the CloudEvents subject. ``personal_data``: a value
    may name a person (a complaint's free text, a signature, a serial number); addresses are never on the log.
    """

    name: str
    owner: str
    summary: str
    carries: tuple[type[Message], ...]
    key: str
    cleanup: Delete | Compact = Delete(timedelta(days=30))
    partitions: int = PARTITIONS
    replicas: int = 3
    max_bytes: int = 1_048_576
    personal_data: bool = False

    def type_named(self, message_type: str) -> type[Message] | None:
        """Return the class of a message type that this topic carries, or None."""
        return next((one for one in self.carries if message_type == one.TYPE), None)

    def config(self) -> dict[str, str]:
        """Return the broker's configuration of this topic, in Kafka's own names."""
        common = {"max.message.bytes": str(self.max_bytes)}
        if isinstance(self.cleanup, Compact):
            # An hour of lag lets a frozen former owner's late write be seen before it is compacted away.
            return common | {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}
        milliseconds = int(self.cleanup.retention.total_seconds() * 1000)
        return common | {"cleanup.policy": "delete", "retention.ms": str(milliseconds)}
