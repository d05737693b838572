"""The real engine over a transport with every kind of fault: what is committed was handled, whatever the order."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from aiokafka.errors import KafkaConnectionError
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connectors.bus.batch import BatchStage
from connectors.bus.cluster import Cluster
from connectors.bus.engine import Engine
from connectors.bus.epoch import EngineLimits
from connectors.bus.ledger import Admission, Ledger
from connectors.bus.records import Fetched
from connectors.errors import Transient
from tests.connectors.bus.faulty import FaultyTransport, World
from topics.notifications import NOTIFICATION_EVENTS

LIMITS = EngineLimits(
    batch_records=7, commit_interval_s=0, proof_interval_s=1e9, watch_interval_s=1e9,
    revoke_wait_s=0, first_retry_s=0, longest_retry_s=0,
)  # fmt: skip


class EngineMachine(RuleBasedStateMachine):
    """One partition, one group, one worker at a time. The model: which offsets were handled, by anybody, ever."""

    ahead = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(NOTIFICATION_EVENTS.name)
        self.handled: set[int] = set()
        self.lost: set[int] = set()
        self.initial = 0
        self.crashes: list[BaseException] = []
        self.failing = False
        self.run(self._begin())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self._finish())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    async def _begin(self) -> None:
        self.gate = asyncio.Event()
        self.transport = FaultyTransport(self.world)
        stage = BatchStage("test.handle", (NOTIFICATION_EVENTS,), self.handle, ahead=self.ahead)
        self.engine = Engine(
            "g",
            Cluster("127.0.0.1:1"),
            [stage],
            self.crash,
            LIMITS,
            transport=lambda *_: self.transport,  # type: ignore[arg-type,return-value]  # a stand-in with the calls that are used
        )
        self.transport.expects = lambda: self.engine.ledgers()[self.world.tp].expected
        await self.engine.start()

    async def crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    async def handle(self, records: Sequence[Fetched]) -> None:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            # A handler that does not hear that it is cancelled: what it finishes then must count for nothing.
            if not self.stubborn:
                raise
        if self.failing:
            raise Transient("not now")
        self.handled |= {record.offset for record in records}

    stubborn = False

    async def settle(self) -> None:
        self.transport.wake()
        for _ in range(25):
            await asyncio.sleep(0)

    @initialize(first=st.integers(0, 20), absent=st.sets(st.integers(0, 200), max_size=60))
    def begin(self, first: int, absent: set[int]) -> None:
        self.initial = self.world.first = self.world.end = first
        self.world.absent = absent

    @rule(count=st.integers(1, 20))
    def produce(self, count: int) -> None:
        self.world.end += count
        self.run(self.settle())

    @precondition(lambda self: not self.world.assigned)
    @rule()
    def assign(self) -> None:
        self.world.assigned = True
        self.world.generation += 1
        self.transport.position = None
        self.run(self._assign())

    async def _assign(self) -> None:
        start = self.world.first if self.world.committed is None else self.world.committed
        self.lost |= set(range(start, self.world.first))
        await self.engine.on_partitions_assigned({self.world.tp})
        await self.settle()

    @precondition(lambda self: self.world.assigned)
    @rule(stubborn=st.booleans())
    def revoke(self, stubborn: bool) -> None:
        self.stubborn = stubborn
        self.run(self._revoke())
        self.stubborn = False

    async def _revoke(self) -> None:
        await self.engine.on_partitions_revoked({self.world.tp})
        self.world.assigned = False
        await self.settle()

    @precondition(lambda self: self.world.assigned)
    @rule()
    def lose_the_group_unnoticed(self) -> None:
        """As a frozen worker: the group goes on without it, and it hears of that only later."""
        self.world.generation += 1
        self.run(self.settle())
        self.run(self._revoke())

    @rule(jump=st.integers(-15, 15).filter(bool))
    def fetch_elsewhere(self, jump: int) -> None:
        """Forward: a lost head, or a whole lost batch. Backward: a replay."""
        self.transport.jump = jump
        self.run(self.settle())

    @rule(error=st.integers(-5, 5))
    def start_elsewhere(self, error: int) -> None:
        """The next seek, at an assignment or back from a hole, ends up somewhere else."""
        self.transport.seek_error = error

    @rule()
    def finish_what_is_in_hand(self) -> None:
        self.run(self._open_gate())

    async def _open_gate(self) -> None:
        self.gate.set()
        await self.settle()
        self.gate.clear()

    @rule()
    def fail_what_is_in_hand(self) -> None:
        self.failing = True
        self.run(self._open_gate())
        self.failing = False

    @rule(how=st.sampled_from([False, True, KafkaConnectionError()]))
    def commits_fail(self, how: "BaseException | bool") -> None:
        self.transport.commit_fails = how
        self.run(self.settle())

    @rule(count=st.integers(1, 30))
    def remove_old_records(self, count: int) -> None:
        before, self.world.first = self.world.first, min(self.world.first + count, self.world.end)
        self.lost |= set(range(before, self.world.first))
        self.run(self.settle())

    @invariant()
    def everything_committed_was_handled(self) -> None:
        below = set(range(self.initial, self.world.committed or 0))
        assert below - self.world.absent - self.handled - self.lost == set()

    @invariant()
    def commits_only_grow_within_an_assignment(self) -> None:
        for (one, earlier), (two, later) in zip(self.world.commits, self.world.commits[1:], strict=False):
            assert (one, earlier) < (two, later)
            assert two <= self.world.generation

    @invariant()
    def every_refused_fetch_is_counted(self) -> None:
        assert self.engine.counts.log_holes.total() == self.transport.refusable

    @invariant()
    def nothing_stops_the_worker(self) -> None:
        assert self.crashes == []

    async def _finish(self) -> None:
        """Without faults, everything that is there gets handled and committed."""
        self.transport.commit_fails, self.transport.jump, self.transport.seek_error = False, 0, 0
        if not self.world.assigned:
            self.world.assigned = True
            self.world.generation += 1
            self.transport.position = None
            await self._assign()
        self.gate.set()
        for _ in range(40):
            await self.settle()
        ledger = self.engine.ledgers()[self.world.tp]
        assert ledger.expected == self.world.end
        assert ledger.watermark == self.world.end
        await self.engine.stop()


ONCE = settings(
    max_examples=400,  # the first that loses a record ends it; forty found none once
    stateful_step_count=30,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
EngineMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestEngineMachine = EngineMachine.TestCase


class RunsAhead(EngineMachine):
    """The same, of a step that takes a partition's next batch before the last one is safe; some finish first."""

    ahead = 30

    @rule()
    def finish_the_newest_first(self) -> None:
        self.run(self._finish_newest())

    async def _finish_newest(self) -> None:
        self.newest = max(self.waiting, default=None)
        await self._open_gate()
        self.newest = None

    newest: "int | None" = None

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        super().__init__()

    async def handle(self, records: Sequence[Fetched]) -> None:
        first = records[0].offset
        self.waiting.add(first)
        try:
            await self.gate.wait()
            if self.newest not in (None, first):
                raise Transient("after the newest")
            await super().handle(records)
        finally:
            self.waiting.discard(first)


RunsAhead.TestCase.settings = EngineMachine.TestCase.settings
TestRunsAhead = RunsAhead.TestCase


def test_refuses_jumps_and_would_lose_records_if_it_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that this machine can fail: with a ledger that takes every fetch it does."""
    admit = Ledger.admit

    def careless(ledger: Ledger, lo: int, hi: int, offsets: Sequence[int]) -> Admission:
        return admit(ledger, min(lo, ledger.expected), hi, offsets)

    monkeypatch.setattr(Ledger, "admit", careless)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(EngineMachine, settings=ONCE)


async def test_a_jump_is_refused_and_read_again() -> None:
    machine = EngineMachine.__new__(EngineMachine)
    machine.world, machine.handled, machine.crashes = World(NOTIFICATION_EVENTS.name, end=10), set(), []
    await machine._begin()
    machine.world.assigned, machine.world.generation = True, 1
    machine.lost, machine.failing, machine.transport.jump = set(), False, 4
    await machine._assign()
    machine.gate.set()
    for _ in range(10):
        await machine.settle()

    assert machine.engine.counts.log_holes.total() == 1
    assert machine.handled == set(range(10))
    await machine.engine.stop()
