"""Kills: is anything lost, out of order or missing from a view, whatever happens to workers and brokers?

A producer feeds a chain of three workers while seeded faults happen: SIGKILL of one worker, of all, of a broker;
second workers that join and leave; a worker frozen for longer than its session; publishes that are late, refused or
cut in two; half of the rounds under processor load. Everything is judged afterwards, from the log alone.
"""

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from aiokafka.errors import KafkaError

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.restore import LogReader
from connectors.bus.stage import WorkerStop
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.bench.chain import HOPS, first_id, next_id, ticket
from infra.bench.kill_brokers import KINDS, Brokers, running_brokers
from infra.bench.kill_judge import judge, past_inflight
from infra.bench.kill_subjects import Subject, gather_evidence, our_stage, seen_in, stock_faust
from infra.bench.nodes import Node
from infra.bench.servers import committed, prepare
from infra.supervise import READY

EVENTS_A_KILL = 300
EVENTS_A_SECOND = 300.0
KEYS = 40
HELD_EVENTS = 200
HELD_WITHIN_S = 60.0
JOIN_WITHIN_S = 8.0
PROGRESS_WITHIN_S = 30.0
EVIDENCE_WITHIN_S = 120.0
LOOK_EVERY_S = 0.2
BUSY = "while True: pass"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``within_s``: after that time a run is judged as it stands, and is not finished."""

    kills: int = 6
    seed: int = 1
    broker_kind: str = "embedded"
    control: bool = True
    within_s: float = 0.0

    @property
    def deadline_s(self) -> float:
        """The time that faults and recovery together may take."""
        return self.within_s or 60 + 30 * self.kills


async def run_kill_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Put our stage, and with ``control`` stock Faust, through the same faults.

    Raises:
        Misconfigured: the machine cannot run that kind of broker.
        Transient: the brokers do not answer at all, or did not come up again.
    """
    with tempfile.TemporaryDirectory(prefix="noizylab-kill-") as folder:
        home = Path(folder)
        for name in ("stage", "stock"):
            (home / name).mkdir()
        session_ms = KINDS[plan.broker_kind].session_ms
        hold = home / "hold"
        ours = await _run(plan, our_stage(session_ms, plan.seed, hold), home / "stage", hold, say)
        result = {"broker_kind": plan.broker_kind, "seed": plan.seed, **ours}
        if plan.control:
            result["control"] = await _run(plan, stock_faust(session_ms, home), home / "stock", None, say)
        return result


def is_unharmed(result: dict[str, Any]) -> bool:
    """Whether a run was finished with nothing lost, missing or committed too early."""
    return bool(result["finished"]) and not any(
        result[name] for name in ("lost", "view_missing", "commit_past_inflight")
    )


async def _run(plan: Plan, subject: Subject, home: Path, hold: Path | None, say: Say) -> dict[str, Any]:
    say(f"{subject.name} on {plan.broker_kind}: {plan.kills} kills")
    async with running_brokers(plan.broker_kind, home) as brokers:
        cluster = Cluster(brokers.bootstrap)
        await prepare(cluster, subject.topics, replicas=brokers.replicas)
        run = _Run(plan, subject, brokers, home, say)
        started = time.monotonic()
        finished = True
        try:
            async with asyncio.timeout(plan.deadline_s), run.running():
                if hold is not None:
                    await run.hold_one_up(hold)
                await run.faults()
                await run.until_quiet()
        except TimeoutError as error:
            finished = False
            say(f"not finished: {error or f'{plan.deadline_s:.0f} s are over'}; judged as it stands")
        try:
            evidence = await asyncio.wait_for(gather_evidence(subject, cluster, run.acknowledged), EVIDENCE_WITHIN_S)
        except TimeoutError as error:
            raise Transient(f"the log could not be read in {EVIDENCE_WITHIN_S:.0f} s; there is no verdict") from error
        verdict = judge(evidence)
        return {
            "events": len(run.acknowledged),
            "kills": run.kills,
            "restarts": run.restarts,
            "seconds": round(time.monotonic() - started, 1),
            **asdict(verdict),
            "commit_past_inflight": past_inflight(run.held_at, run.readings) if run.readings else None,
            "finished": finished and verdict.behind == 0,
        }


class _Run:
    """One subject on one broker."""

    def __init__(self, plan: Plan, subject: Subject, brokers: Brokers, home: Path, say: Say) -> None:
        self.acknowledged: list[UUID] = []
        self.kills = self.restarts = 0
        self.held_at = 0
        self.readings: list[int] = []
        self._plan, self._subject, self._brokers, self._home, self._say = plan, subject, brokers, home, say
        self._cluster = Cluster(brokers.bootstrap)
        self._random = random.Random(plan.seed)  # noqa: S311 - seeded on purpose, so that a run can be repeated
        self._serial = 0
        self._fed = 0
        self._publisher = KafkaPublisher(self._cluster, client_id="bench-feed", give_up_after_s=300)
        self._workers: dict[str, Node] = {}
        self._extra: list[Node] = []
        self._down: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the workers, again when they end by themselves; stop everything at the end."""
        await self._publisher.start()
        for name in self._subject.workers:
            self._workers[name] = self._start(name, name)
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            nodes = [*self._workers.values(), *self._extra]
            await asyncio.gather(*(asyncio.to_thread(node.stop) for node in nodes))
            await self._publisher.stop()

    async def hold_one_up(self, hold: Path) -> None:
        """Hold the first event up in B while others overtake it; read what B commits, before and after its kill."""
        with _holding(hold, ticket(0)):
            try:
                async with asyncio.timeout(HELD_WITHIN_S):
                    await self._overtake()
            except TimeoutError as error:
                raise TimeoutError(f"the held event was not overtaken in {HELD_WITHIN_S:.0f} s") from error
        self._workers["b"].start()
        self._down.discard("b")
        self._say(f"held the event at {self.held_at} up in B; committed meanwhile: {self.readings}")

    async def _overtake(self) -> None:
        subject = self._subject
        await self._feed(HELD_EVENTS)
        await self._until_committed(0)
        held = next_id(0, first_id(self._plan.seed, 0))
        seen = [one async for one in seen_in(subject, self._cluster, HOPS[1].name)]
        place = next(one for one in seen if one.id == held)
        self.held_at = place.offset
        await self._until_committed(1, without=place.partition)
        await self._read_commit(place.partition)
        self._down.add("b")
        self._workers["b"].kill()
        await self._read_commit(place.partition)

    async def faults(self) -> None:
        """Kill at seeded points of the feed; every second kill is followed by a rebalance or a freeze."""
        plan = self._plan
        # Shuffled by threes, so that a short run has every kind too.
        threes = (self._random.sample(["one", "all", "broker"], 3) for _ in range(0, plan.kills, 3))
        for number, kind in enumerate(list(chain.from_iterable(threes))[: plan.kills]):
            async with self._feeding():
                await self._progress(self._random.uniform(0.1, 0.9) * EVENTS_A_KILL)
                await self._round(number, kind)

    @asynccontextmanager
    async def _feeding(self) -> AsyncIterator[None]:
        """Feed beside a block, which ends when both are done."""
        feeding = asyncio.create_task(self._feed(EVENTS_A_KILL))
        try:
            yield
            await feeding
        finally:
            feeding.cancel()

    async def _round(self, number: int, kind: str) -> None:
        loaded = number % 2 == 1
        with _processor_load(self._home) if loaded else ExitStack():
            self._say(f"SIGKILL {number + 1}/{self._plan.kills}: {kind}{', under load' if loaded else ''}")
            await self._kill(kind)
            self.kills += 1
            if loaded:
                await self._lesser(number // 2)

    async def until_quiet(self) -> None:
        """Return when every group has committed all of its input, in the order of the chain."""
        for stage in range(len(HOPS) - 1):
            await self._until_committed(stage)

    async def _progress(self, events: float) -> None:
        """Return when that many more events came out of C: then batches are in flight everywhere."""
        point: float | None = None
        deadline = time.monotonic() + PROGRESS_WITHIN_S
        while time.monotonic() < deadline:
            try:
                async with LogReader(self._cluster, "bench-progress") as reader:
                    tps = await reader.partitions([HOPS[-1].name])
                    while time.monotonic() < deadline:
                        count = sum((await asyncio.wait_for(reader.end_offsets(tps), 5)).values())
                        point = point or count + events
                        if count >= point:
                            return
                        await asyncio.sleep(0.02)
            except (Transient, KafkaError, TimeoutError):
                await asyncio.sleep(LOOK_EVERY_S)
        self._say(f"no {events:.0f} events came out in {PROGRESS_WITHIN_S:.0f} s; going on")

    async def _kill(self, kind: str) -> None:
        pause_s = self._random.uniform(0.0, 1.0)
        if kind == "broker":
            await self._brokers.kill_one(self._random, pause_s)
            return
        names = list(self._subject.workers) if kind == "all" else [self._random.choice(self._subject.workers)]
        self._down.update(names)
        for name in names:
            self._workers[name].kill()
        await asyncio.sleep(pause_s)
        for name in names:
            self._workers[name] = self._start(name, name)
        self._down.difference_update(names)

    async def _lesser(self, number: int) -> None:
        name = self._random.choice(self._subject.workers)
        if number % 2 == 0:
            self._say(f"a second {name} joins and leaves")
            await self._join_and_leave(name)
        else:
            frozen_s = KINDS[self._plan.broker_kind].session_ms / 1000 + 1
            self._say(f"{name} is frozen for {frozen_s:.0f} s")
            self._workers[name].signal(signal.SIGSTOP)
            await asyncio.sleep(frozen_s)
            self._workers[name].signal(signal.SIGCONT)

    async def _join_and_leave(self, name: str) -> None:
        second = self._start(name, f"{name}-second-{self._serial}")
        self._extra.append(second)
        deadline = time.monotonic() + JOIN_WITHIN_S
        while not second.has_said(READY) and second.running and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        await asyncio.sleep(self._random.uniform(0.2, 0.8))
        await asyncio.to_thread(second.stop)

    def _start(self, worker: str, name: str) -> Node:
        self._serial += 1
        command = self._subject.command(worker, self._brokers.bootstrap, self._serial)
        node = Node(name, self._home, command, lifeline=True)
        node.start()
        return node

    async def _keep(self) -> None:
        """Start a worker again that ended by itself: it gave up its partitions, or a broker was away for too long."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for name, node in list(self._workers.items()):
                if name not in self._down and not node.running:
                    self.restarts += 1
                    self._workers[name] = self._start(name, name)

    async def _feed(self, count: int) -> None:
        """Write ``count`` more events at an even pace; each is noted once it is acknowledged."""
        started, first = time.monotonic(), self._fed
        self._fed += count
        for number in range(first, first + count, 3):
            await asyncio.sleep(max(0.0, started + (number - first) / EVENTS_A_SECOND - time.monotonic()))
            numbers = range(number, min(number + 3, first + count))
            now = SystemClock().now()
            records = [self._subject.record(self._plan.seed, one, ticket(one % KEYS), now) for one in numbers]
            try:
                await self._publisher.publish(records)
            except WorkerStop as error:
                raise Transient(f"the feed is stuck: {error}") from error
            self.acknowledged += [first_id(self._plan.seed, one) for one in numbers]

    async def _read_commit(self, partition: int) -> None:
        offsets = await committed(self._cluster, self._subject.groups[1], HOPS[1].name)
        self.readings.append(offsets.get(partition, 0))

    async def _until_committed(self, stage: int, without: int | None = None) -> None:
        topic, group = HOPS[stage].name, self._subject.groups[stage]
        while True:
            try:
                async with LogReader(self._cluster, "bench-lag") as reader:
                    tps = [tp for tp in await reader.partitions([topic]) if tp.partition != without]
                    ends = await reader.end_offsets(tps)
                offsets = await committed(self._cluster, group, topic)
                if tps and all(offsets.get(tp.partition, 0) >= end for tp, end in ends.items()):
                    return
            except (Transient, KafkaError) as error:
                self._say(f"waiting for the brokers: {error!r}")
            await asyncio.sleep(LOOK_EVERY_S)


@contextmanager
def _holding(file: Path, ticket_id: str) -> Iterator[None]:
    file.write_text(ticket_id)
    try:
        yield
    finally:
        file.unlink()


@contextmanager
def _processor_load(home: Path) -> Iterator[None]:
    """Two processes that do nothing but take processor time."""
    busy = [Node(f"busy-{number}", home, [sys.executable, "-c", BUSY]) for number in range(2)]
    with ExitStack() as ending:
        for node in busy:
            node.start()
            ending.callback(node.kill)
        yield
