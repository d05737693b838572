"""The engine of one worker: assignment, restore, hand-over, commit. What it commits was handled, by construction.

One epoch is one assignment. It starts at the group's committed offsets, read by us before anything is delivered;
after a revocation nothing of it can move a watermark, so a late commit can at worst be too low: repeated work.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from time import monotonic
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from connectors.bus.batch import BatchStage
from connectors.bus.cluster import Cluster, refused
from connectors.bus.counts import EngineCounts
from connectors.bus.epoch import EngineLimits, Epoch, InHand, Standing
from connectors.bus.ledger import Handover, Hole, Ledger, Run
from connectors.bus.packs import count_of, offsets_of, unpacked
from connectors.bus.restore import restore_views
from connectors.bus.snapshot import Snapshots
from connectors.bus.stage import PartitionState, Stage, WorkerStop
from connectors.bus.transport import Taken, Transport
from connectors.bus.watchdog import Sight, Watchdog
from connectors.clock.clock import Clock, SystemClock
from connectors.errors import Transient
from topics.topic import Topic

log = logging.getLogger(__name__)


_EPOCH: ContextVar[Epoch] = ContextVar("epoch")
"""The assignment that the running batch belongs to: a late batch must not hide behind a newer assignment."""


class Engine(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Feeds stages from one group consumer. ``crash`` is called once, with the reason, when the worker must stop."""

    def __init__(
        self,
        group: str,
        cluster: Cluster,
        stages: Sequence[Stage | BatchStage],
        crash: Callable[[BaseException], Awaitable[None]],
        limits: EngineLimits | None = None,
        *,
        clock: Clock | None = None,
        snapshots: Snapshots | None = None,
        transport: Callable[..., Transport] = Transport,
    ) -> None:
        self.counts = EngineCounts()
        self.crashed: BaseException | None = None
        self.beat_s = 0.0
        self._group = group
        self._cluster = cluster
        self._on_crash = crash
        self._limits = limits or EngineLimits()
        self._clock = clock or SystemClock()
        self._snapshots = snapshots
        self._watchdog = Watchdog(self._limits.patience)
        self._watching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._stage_of = {topic.name: stage for stage in stages for topic in stage.step.reads}
        wanted = (stage.batch_records for stage in stages if isinstance(stage, BatchStage))
        self._batch_records = max(self._limits.batch_records, *wanted, 0)
        self._runs_ahead = any(stage.ahead for stage in stages if isinstance(stage, BatchStage))
        packed = {topic for topic, stage in self._stage_of.items() if isinstance(stage, BatchStage) and stage.packed}
        self._transport = transport(cluster, group, self._stage_of, self, packed)
        self._epoch: Epoch | None = None
        self._commit_lock = asyncio.Lock()
        self._last_proof_s = self._last_commit_s = 0.0
        self.assigned = asyncio.Event()

    async def start(self) -> None:
        """Join the group; work begins when partitions are assigned and their views restored."""
        try:
            await self._transport.start()
        except KafkaError as error:
            await self._transport.stop()
            wrong = refused(self._cluster, error)
            raise wrong or Transient(
                f"{self._group}: cannot join its group at {self._cluster.bootstrap}: {error}"
            ) from error
        self.beat_s = self._last_commit_s = self._now()
        self._watching = asyncio.create_task(self._watch(), name=f"{self._group}-watchdog")

    async def stop(self) -> None:
        """Finish what is in hand, commit it, leave the group. Takes at most about ten seconds."""
        for task in (self._watching, self._refreshing):
            if task is not None:
                task.cancel()
        await self._end_epoch()
        await self._transport.stop()

    def states(self, step_name: str) -> Iterable[PartitionState]:
        """Return the states of the assigned partitions of a step."""
        epoch = self._epoch
        if epoch is None:
            return []
        return [state for (name, _), state in epoch.states.items() if name == step_name]

    def ledgers(self) -> dict[TopicPartition, Ledger]:
        """Return the ledgers of the present assignment."""
        return dict(self._epoch.ledgers) if self._epoch else {}

    def standing(self) -> list[Standing]:
        """Return how each assigned partition stands."""
        epoch, now = self._epoch, self._now()
        if epoch is None:
            return []
        return [
            Standing(
                tp,
                now - min((one.since for one in epoch.busy.get(tp, {}).values()), default=now),
                None if (end := epoch.ends.get(tp)) is None else end - one.watermark,
            )
            for tp, one in list(epoch.ledgers.items())
        ]

    @property
    def last_commit_age_s(self) -> float:
        """Return the seconds since the last commit, or since the start."""
        return self._now() - self._last_commit_s

    async def guard(self) -> None:
        """Let a worker publish only while its group still knows it: a frozen former owner must not write.

        Raises:
            WorkerStop: the group gave the partitions to somebody else, or cannot be asked.
        """
        epoch = _EPOCH.get()
        if not epoch.alive:
            raise WorkerStop(f"{self._group}: partitions were taken away")
        silent_s = self._now() - self._last_proof_s
        if silent_s * 1000 > self._cluster.session_timeout_ms / 2 and not await self._prove(epoch):
            raise WorkerStop(
                f"{self._group}: not heard from the group for {silent_s:.1f} s; its partitions may be gone"
            )

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """End the epoch: wait for what is in hand, commit it, forget the rest."""
        await self._end_epoch()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin an epoch, outside of the callback, which must not block the rebalance."""
        epoch = Epoch(self._transport.generation, tuple(sorted(assigned)))
        self._epoch = epoch
        self._watchdog.forget()
        self.counts.assignments += 1
        epoch.tasks.append(asyncio.create_task(self._live(epoch), name=f"{self._group}-epoch-{epoch.generation}"))

    async def _live(self, epoch: Epoch) -> None:
        try:
            if await self._open(epoch):
                self.assigned.set()
                epoch.tasks.append(asyncio.create_task(self._commit_regularly(epoch)))
                await self._pump(epoch)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker stops with its offsets uncommitted
            await self._crash(refused(self._cluster, error) or error)

    async def _crash(self, error: BaseException) -> None:
        if self.crashed is None:
            self.crashed = error
            await self._on_crash(error)

    async def _open(self, epoch: Epoch) -> bool:
        """Find where to start and restore the views, within a time; False when the assignment is over already."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.open_within_s
        pause = self._limits.first_retry_s
        while epoch.accepting:
            try:
                starts = await asyncio.wait_for(self._starts(epoch), 15)
                await asyncio.wait_for(self._restore(epoch), self._limits.open_within_s)
                break
            except (KafkaError, Transient, TimeoutError) as error:
                if wrong := refused(self._cluster, error):
                    raise wrong from error
                if loop.time() > deadline:
                    raise WorkerStop(f"{self._group}: cannot open its partitions: {error!r}") from error
                log.warning("%s: opening partitions failed, trying again: %r", self._group, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._limits.longest_retry_s)
        if not (epoch.accepting and self._transport.current(epoch.generation)):
            return False
        for tp, start in starts.items():
            self._transport.seek(tp, start)
            epoch.ledgers[tp] = Ledger(start)
        self._last_proof_s = self._now()
        return True

    async def _starts(self, epoch: Epoch) -> dict[TopicPartition, int]:
        committed = await self._transport.committed(epoch.tps)
        bounds = await self._transport.bounds(epoch.tps)
        starts = {}
        for tp in epoch.tps:
            beginning, end = bounds[tp]
            start = committed.get(tp, beginning)
            if start > end:
                raise WorkerStop(
                    f"{self._group}: committed offset {start} of {tp.topic}/{tp.partition} is past its end {end}: "
                    "the topic was truncated or recreated; check it, then reset the group's offsets"
                )
            if start < beginning:
                self._lose(tp, start, beginning)
            starts[tp] = max(start, beginning)
        return starts

    def _lose(self, tp: TopicPartition, first: int, beginning: int) -> None:
        log.error("%s: retention removed %s/%s [%d, %d) unread", self._group, *tp, first, beginning)
        self.counts.retention_holes[tp.topic] += 1
        self.counts.retention_records[tp.topic] += beginning - first

    async def _restore(self, epoch: Epoch) -> None:
        loop = asyncio.get_running_loop()
        for stage in set(self._stage_of.values()):
            name, declared = stage.step.name, stage.step.state
            partitions = {tp.partition for tp in epoch.tps if self._stage_of[tp.topic] is stage}
            epoch.states |= {(name, partition): PartitionState(partition) for partition in partitions}
            if declared is None or not partitions:
                continue
            began = loop.time()
            for partition, restored in (
                await restore_views(self._cluster, declared.view, partitions, self._snapshots)
            ).items():
                epoch.states[name, partition].held = restored.held
                self.counts.restored_records += restored.read
                self.counts.restored_from_snapshot += restored.kept
            self.counts.restore_s += loop.time() - began

    async def _pump(self, epoch: Epoch) -> None:
        """Hand over whatever is fetched, in the order of each partition, until the epoch ends."""
        while epoch.accepting:
            ready = [tp for tp in epoch.tps if self._takes(epoch, tp)]
            got = await self._transport.take(ready, epoch.generation, self._batch_records)
            for taken in got:
                await self._admit(epoch, taken)
            if got and self._runs_ahead:
                await asyncio.sleep(0)  # there may be more of the same partitions already
            elif epoch.accepting:
                await self._transport.wait(0.5)

    def _takes(self, epoch: Epoch, tp: TopicPartition) -> bool:
        """Whether a partition may have another batch: one at a time, and more where its step lets it run ahead."""
        if tp not in epoch.busy:
            return True
        stage = self._stage_of[tp.topic]
        if not isinstance(stage, BatchStage) or epoch.in_hand[stage.step.name] >= stage.ahead:
            return False
        return stage.is_open(tp.topic, tp.partition, epoch.states[stage.step.name, tp.partition])

    async def _admit(self, epoch: Epoch, taken: Taken) -> None:
        ledger = epoch.ledgers[taken.tp]
        admission = ledger.admit(taken.lo, taken.hi, offsets_of(taken.records))
        if isinstance(admission, Hole):
            await self._seek_back(taken.tp, ledger)
        elif isinstance(admission, Handover):
            batch = unpacked(taken.records)[admission.first :] if admission.first else taken.records
            task = asyncio.create_task(self._handle(epoch, taken.tp, admission.run, batch))
            epoch.busy.setdefault(taken.tp, {})[admission.run] = InHand(task, self._now())
            epoch.in_hand[self._stage_of[taken.tp.topic].step.name] += count_of(batch)

    async def _seek_back(self, tp: TopicPartition, ledger: Ledger) -> None:
        beginning = (await self._transport.bounds([tp]))[tp][0]
        log.warning("%s: hole before %s/%s at %d, seeking back", self._group, *tp, ledger.expected)
        self.counts.log_holes[tp.topic] += 1
        if beginning > ledger.expected:
            self._lose(tp, ledger.expected, beginning)
            ledger.log_start_moved(beginning)
        self._transport.seek(tp, ledger.expected)

    async def _handle(self, epoch: Epoch, tp: TopicPartition, run: Run, batch: Sequence[Any]) -> None:
        stage = self._stage_of[tp.topic]
        states = epoch.states[stage.step.name, tp.partition]
        pause, began = self._limits.first_retry_s, self._now()
        _EPOCH.set(epoch)
        try:
            while True:
                try:
                    await stage.run(batch, states)
                    break
                except (Transient, KafkaError) as error:
                    if not epoch.accepting:
                        return
                    log.warning("%s: batch of %s/%s failed, repeating: %r", self._group, *tp, error)
                    self.counts.batch_repeats[tp.topic] += 1
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, self._limits.longest_retry_s)
            if epoch.alive:
                epoch.ledgers[tp].done(run)
                epoch.ages.setdefault(tp, deque()).append((run.end, batch[0].timestamp_ms))
                self.counts.batch_s.observe(self._now() - began)
        except asyncio.CancelledError:
            if epoch.alive:
                await self._crash(WorkerStop(f"{self._group}: a batch of {tp.topic}/{tp.partition} was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - the worker stops; the batch is repeated after the restart
            if epoch.alive:
                await self._crash(error)
        finally:
            self._put_down(epoch, tp, run, count_of(batch))
            self._transport.wake()

    def _put_down(self, epoch: Epoch, tp: TopicPartition, run: Run, records: int) -> None:
        batches = epoch.busy[tp]
        del batches[run]
        if not batches:
            del epoch.busy[tp]
        epoch.in_hand[self._stage_of[tp.topic].step.name] -= records

    async def _commit_regularly(self, epoch: Epoch) -> None:
        while epoch.alive:
            await asyncio.sleep(self._limits.commit_interval_s)
            try:
                await self._commit(epoch)
                idle_s = self._now() - self._last_proof_s
                if epoch.alive and idle_s > self._limits.proof_interval_s:
                    await self._prove(epoch)
                self._refresh_snapshots(epoch)
            except KafkaError as error:
                self.counts.commits_failed += 1
                log.warning("%s: commit failed, trying again: %r", self._group, error)

    async def _commit(self, epoch: Epoch) -> None:
        async with self._commit_lock:
            offsets = {tp: offset for tp, ledger in epoch.ledgers.items() if (offset := ledger.to_commit()) is not None}
            if not offsets or not epoch.alive or self._transport.generation != epoch.generation:
                return
            if await self._transport.commit(offsets):
                self._last_proof_s = self._last_commit_s = self._now()
                self.counts.commits += 1
                for tp, offset in offsets.items():
                    epoch.ledgers[tp].commit_done(offset)
                    ages = epoch.ages.get(tp, ())
                    while ages and ages[0][0] <= offset:
                        self.counts.commit_s.observe(self._clock.now().timestamp() - ages.popleft()[1] / 1000)

    async def _prove(self, epoch: Epoch) -> bool:
        """Commit what is committed already: only a member of the present generation may."""
        offsets = {tp: ledger.committed for tp, ledger in list(epoch.ledgers.items())[:1]}
        try:
            if offsets and not await asyncio.wait_for(self._transport.commit(offsets), 3):
                return False
        except (TimeoutError, KafkaError):
            return False
        self._last_proof_s = self._now()
        return True

    def _refresh_snapshots(self, epoch: Epoch) -> None:
        """Renew, one at a time and beside the work, the snapshot of a partition that has written many views."""
        snapshots = self._snapshots
        if snapshots is None or (self._refreshing is not None and not self._refreshing.done()):
            return
        for stage in set(self._stage_of.values()):
            for partition in {tp.partition for tp in epoch.tps if self._stage_of[tp.topic] is stage}:
                states = epoch.states[stage.step.name, partition]
                if stage.step.state is not None and states.views_written >= snapshots.at_least:
                    states.views_written = 0
                    self._refreshing = asyncio.create_task(self._refresh(stage.step.state.view, partition, snapshots))
                    return

    async def _refresh(self, view: Topic, partition: int, snapshots: Snapshots) -> None:
        try:
            await restore_views(self._cluster, view, [partition], snapshots)
        except (KafkaError, Transient) as error:
            log.warning("%s: snapshot of %s/%d not renewed: %r", self._group, view.name, partition, error)

    async def _watch(self) -> None:
        """Look again and again whether work that is there moves; end the worker when it does not."""
        while True:
            await asyncio.sleep(self._limits.watch_interval_s)
            now = self._now()
            if now - self.beat_s > 3 * self._limits.watch_interval_s:
                self._watchdog.forget()  # this process was frozen: nothing could move
            self.beat_s = now
            epoch = self._epoch
            reason = self._watchdog.unassigned(epoch is None, now)
            if epoch is not None and epoch.ledgers and epoch.accepting:
                await self._ask_ends(epoch)
                reason = next(filter(None, (self._look(epoch, tp) for tp in epoch.tps)), None)
            if reason is not None:
                await self._crash(WorkerStop(f"{self._group}: {reason}"))

    async def _ask_ends(self, epoch: Epoch) -> None:
        try:
            ends = await asyncio.wait_for(self._transport.ends(epoch.tps), self._limits.watch_interval_s)
        except (KafkaError, TimeoutError):
            ends = {}  # no broker answers: what cannot be fetched is no fault of this worker
        epoch.ends = ends

    def _look(self, epoch: Epoch, tp: TopicPartition) -> str | None:
        ledger = epoch.ledgers[tp]
        finished = epoch.states[self._stage_of[tp.topic].step.name, tp.partition].finished
        sight = Sight(
            ledger.expected, ledger.watermark, ledger.committed, tp in epoch.busy, finished, epoch.ends.get(tp)
        )
        return self._watchdog.look(f"{tp.topic}/{tp.partition}", sight, self._now())

    @staticmethod
    def _now() -> float:
        return monotonic()

    async def _end_epoch(self) -> None:
        epoch = self._epoch
        self.assigned.clear()
        if epoch is None or not epoch.accepting:
            return
        epoch.accepting = False
        self._transport.wake()
        if epoch.busy:
            await asyncio.wait(epoch.batches(), timeout=self._limits.revoke_wait_s)
        try:
            await asyncio.wait_for(self._commit(epoch), self._limits.revoke_commit_s)
        except (TimeoutError, KafkaError, asyncio.CancelledError) as error:
            log.warning("%s: last commit of the assignment failed, its work is repeated: %r", self._group, error)
        epoch.alive = False
        if self._epoch is epoch:
            self._epoch = None
        current = asyncio.current_task()
        for task in [*epoch.batches(), *epoch.tasks]:
            if task is not current:
                task.cancel()
