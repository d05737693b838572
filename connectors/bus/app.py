"""The Faust app of one processor. Faust gives its life, timers and command line; the ledger does the consuming.

``@app.agent`` with one of our topics registers a step of the stage. With a Faust channel it is Faust's own agent,
for what may be lost; Faust's Kafka services start only when such an agent exists.
"""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import faust
from faust.app.base import BootStrategy
from prometheus_client.registry import Collector

from connectors.bus.aggregate import StateOf
from connectors.bus.batch import BatchHandler, BatchStage, OpenHandler
from connectors.bus.cluster import Cluster
from connectors.bus.engine import Engine
from connectors.bus.epoch import EngineLimits
from connectors.bus.records import Outgoing, Publisher, command_record
from connectors.bus.snapshot import Snapshots
from connectors.bus.stage import Counts, Handler, Stage, StageLimits, Step
from connectors.clock.clock import Clock, SystemClock, new_id
from connectors.traces.port import Spans
from schemas.core.message import Message, View
from topics.topic import Topic

log = logging.getLogger(__name__)

H = TypeVar("H", bound=Handler)
Tick = TypeVar("Tick", bound=Callable[[], Awaitable[None]])


class _Boot(BootStrategy):
    """Starts Faust's own Kafka services only for Faust's own agents."""

    enable_web = False

    def _should_enable_kafka_consumer(self) -> bool:
        return bool(self.app.agents)

    def _should_enable_kafka_producer(self) -> bool:
        return bool(self.app.agents)


class _Guarded:
    """A publisher that asks the group first whether this worker may still write."""

    def __init__(self, inner: Publisher, app: "App") -> None:
        self._inner, self._app = inner, app

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await self._app.guard()
        await self._inner.publish(records)


class App(faust.App):
    """One processor as a Faust app with its own consumer group ``noizylab.<processor>``."""

    BootStrategy = _Boot

    def __init__(
        self,
        processor: str,
        cluster: Cluster,
        publisher: Publisher,
        *,
        clock: Clock | None = None,
        stage_limits: StageLimits | None = None,
        engine_limits: EngineLimits | None = None,
        snapshots: Path | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.processor = processor
        self.steps: list[Step] = []
        self.sinks: list[BatchStage] = []
        self.tells: list[Topic] = []
        self.follows: list[Topic] = []
        self.collectors: list[Collector] = []
        self.engine: Engine | None = None
        self.counts = Counts()
        self.wall_clock: Clock = clock or SystemClock()
        self.failed: asyncio.Future[BaseException] | None = None
        self._cluster = cluster
        self._publisher = publisher
        self._stage_limits = stage_limits
        self._engine_limits = engine_limits
        self._snapshots = snapshots
        self._spans = spans
        super().__init__(
            f"noizylab.{processor}",
            broker=f"kafka://{cluster.bootstrap}",
            store="memory://",
            datadir=f"{tempfile.gettempdir()}/noizylab-faust",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            producer_acks=-1,
        )

    def agent(  # type: ignore[override]  # ours takes our topics as well; Faust's own form is passed on
        self,
        channel: Any = None,
        *more: Topic,
        emits: Topic | Iterable[Topic] = (),
        state: StateOf | None = None,
        expects: Iterable[type[Message]] | None = None,
        **options: Any,
    ) -> Callable[[H], H]:
        """Declare a step: what it reads, what it may emit, whose state it keeps.

        A step with state reads exactly one topic, so that the order of its inputs is fixed by the log.
        """
        if not isinstance(channel, Topic):
            return cast(Callable[[H], H], super().agent(channel, **options))
        reads = (channel, *more)
        if state is not None and len(reads) != 1:
            raise ValueError(f"{self.processor}: a step with state reads one topic, not {len(reads)}")

        def register(handler: H) -> H:
            step = Step(
                name=f"{self.processor}.{handler.__name__}",
                reads=reads,
                emits=(emits,) if isinstance(emits, Topic) else tuple(emits),
                handler=handler,
                state=state,
                expects=frozenset(one.TYPE for one in expects) if expects is not None else None,
            )
            self.steps.append(step)
            return handler

        return register

    def sink(
        self,
        *reads: Topic,
        opens: OpenHandler | None = None,
        batch_records: int = 0,
        ahead: int = 0,
        packed: bool = False,
    ) -> Callable[[BatchHandler], BatchHandler]:
        """Declare a step that takes whole batches, of all types, and writes nothing to the bus; see ``BatchStage``."""

        def register(handler: BatchHandler) -> BatchHandler:
            name = f"{self.processor}.{handler.__name__}"
            self.sinks.append(BatchStage(name, reads, handler, opens, batch_records, ahead, packed=packed))
            return handler

        return register

    async def guard(self) -> None:
        """Return while the group still knows this worker.

        Raises:
            WorkerStop: the partitions belong to somebody else, or the group cannot be asked.
        """
        if self.engine is not None:
            await self.engine.guard()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write what a sink made, while the group still knows this worker.

        Raises:
            WorkerStop: the partitions belong to somebody else, or a record can never be written.
        """
        await _Guarded(self._publisher, self).publish(records)

    def every(self, interval_s: float, *, tells: Topic | None = None) -> Callable[[Tick], Tick]:
        """Call a coroutine function again and again while the worker runs (Faust's timer, typed).

        ``tells``: the topic that it writes commands to, when no step of this processor emits to it.
        """
        if tells is not None:
            self.tells.append(tells)
        return cast(Callable[[Tick], Tick], self.timer(interval_s))

    def follow(self, *topics: Topic) -> None:
        """Declare topics that are read whole beside the steps, in no consumer group."""
        self.follows.extend(topics)

    def states(self, declared: StateOf) -> Iterable[View]:
        """Return the present states of an aggregate in this worker's partitions."""
        if self.engine is None:
            return
        for step in self.steps:
            if step.state is declared:
                for partition in self.engine.states(step.name):
                    yield from (held.state for held in list(partition.held.values()))

    async def tell(
        self,
        message: Message,
        *,
        correlation_id: str,
        causation_id: UUID | None = None,
        id: UUID | None = None,  # noqa: A002 - the CloudEvents name of it
    ) -> UUID:
        """Write a command that no record caused, from a timer or an edge; returns its id."""
        message_id = id or new_id()
        record = command_record(
            message,
            source=self.processor,
            now=self.wall_clock.now(),
            correlation_id=correlation_id,
            message_id=message_id,
            causation_id=causation_id,
        )
        await self._publisher.publish([record])
        return message_id

    def stage_for(self, step: Step, publisher: Publisher | None = None) -> Stage:
        """Return the stage of a step; tests bring their own publisher."""
        return Stage(
            self.processor,
            step,
            publisher or _Guarded(self._publisher, self),
            self.wall_clock,
            counts=self.counts,
            limits=self._stage_limits,
            spans=self._spans,
        )

    def _create_directories(self) -> None:
        """Faust's data directory serves tables, of which there are none by default."""

    async def _wait_for_table_recovery_completed(self) -> bool:
        return bool(self.agents) and await super()._wait_for_table_recovery_completed()

    async def on_started(self) -> None:
        """Start consuming, then what Faust starts: timers and services."""
        self.failed = asyncio.get_running_loop().create_future()
        stages: list[Stage | BatchStage] = [*(self.stage_for(step) for step in self.steps), *self.sinks]
        if stages:
            self.engine = Engine(
                self.conf.id,
                self._cluster,
                stages,
                self._on_crash,
                self._engine_limits,
                clock=self.wall_clock,
                snapshots=Snapshots(self._snapshots, self.conf.id) if self._snapshots is not None else None,
            )
            await self.engine.start()
        await super().on_started()

    async def on_stop(self) -> None:
        """Stop consuming first, so that nothing new begins."""
        if self.engine is not None:
            await self.engine.stop()
        await super().on_stop()

    async def _on_crash(self, error: BaseException) -> None:
        log.error("%s stops: %s", self.processor, error, exc_info=error)
        if self.failed is not None and not self.failed.done():
            self.failed.set_result(error)
