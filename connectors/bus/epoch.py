"""What an engine knows of one assignment, and the times it keeps to."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from connectors.bus.ledger import Ledger, Run
from connectors.bus.stage import PartitionState
from connectors.bus.watchdog import Patience


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Times in seconds."""

    batch_records: int = 500
    commit_interval_s: float = 0.5
    proof_interval_s: float = 2.5
    open_within_s: float = 60.0
    revoke_wait_s: float = 4.0
    revoke_commit_s: float = 3.0
    first_retry_s: float = 0.05
    longest_retry_s: float = 5.0
    watch_interval_s: float = 5.0
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class InHand:
    """A batch that is being handled, and when it was handed over."""

    task: asyncio.Task[None]
    since: float


@dataclass(slots=True)
class Epoch:
    """One assignment of this worker.

    ``busy``: the batches in hand; ``in_hand``: their records, by step; ``ages``: (end, oldest record's time in
    milliseconds) of finished batches that are not committed; ``ends``: the next offset of a log when last asked.
    """

    generation: int
    tps: tuple[TopicPartition, ...]
    accepting: bool = True
    alive: bool = True
    ledgers: dict[TopicPartition, Ledger] = field(default_factory=dict)
    states: dict[tuple[str, int], PartitionState] = field(default_factory=dict)
    busy: dict[TopicPartition, dict[Run, InHand]] = field(default_factory=dict)
    in_hand: Counter[str] = field(default_factory=Counter)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    ages: dict[TopicPartition, deque[tuple[int, int]]] = field(default_factory=dict)
    ends: dict[TopicPartition, int] = field(default_factory=dict)

    def batches(self) -> list[asyncio.Task[None]]:
        """Return the batches in hand."""
        return [one.task for batches in self.busy.values() for one in batches.values()]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition stands: the age of its oldest batch, 0 without one, and how many records are unfinished."""

    tp: TopicPartition
    batch_age_s: float
    lag: int | None
