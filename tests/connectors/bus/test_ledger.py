"""The rules of the ledger, and the ledger against a log that misbehaves."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors.bus.ledger import Handover, Hole, Ledger, LedgerError, Nothing, Run


def handed(ledger: Ledger, lo: int, hi: int, offsets: list[int]) -> Handover:
    admission = ledger.admit(lo, hi, offsets)
    assert isinstance(admission, Handover)
    return admission


def test_watermark_moves_when_work_is_done() -> None:
    ledger = Ledger(10)
    handover = handed(ledger, 10, 13, [10, 11, 12])
    assert ledger.to_commit() is None

    ledger.done(handover.run)

    assert ledger.to_commit() == 13


def test_watermark_waits_for_the_first_run_when_a_later_one_ends_before() -> None:
    ledger = Ledger(0)
    first = handed(ledger, 0, 2, [0, 1])
    second = handed(ledger, 2, 4, [2, 3])

    ledger.done(second.run)
    assert ledger.watermark == 0

    ledger.done(first.run)
    assert ledger.watermark == 4


def test_refuses_a_fetch_that_starts_after_what_is_expected() -> None:
    ledger = Ledger(5)

    assert ledger.admit(7, 9, [7, 8]) == Hole(5)
    assert ledger.expected == 5
    assert ledger.holes == 1


def test_passes_over_offsets_that_the_log_does_not_hold() -> None:
    ledger = Ledger(0)

    assert ledger.admit(0, 5, []) == Nothing()
    assert ledger.watermark == 5
    assert ledger.absent == 5


def test_hands_over_only_what_is_new_when_a_fetch_overlaps() -> None:
    ledger = Ledger(0)
    ledger.done(handed(ledger, 0, 3, [0, 1, 2]).run)

    handover = handed(ledger, 1, 5, [1, 2, 3, 4])

    assert handover.first == 2


def test_names_offsets_outside_of_the_fetched_range() -> None:
    with pytest.raises(LedgerError, match=r"outside of the fetched range \[0, 2\)"):
        Ledger(0).admit(0, 2, [0, 2])


def test_accepts_a_moved_log_start_and_remembers_the_loss() -> None:
    ledger = Ledger(3)
    ledger.log_start_moved(9)

    assert ledger.retention_holes == [(3, 9)]
    assert ledger.watermark == 9


class LedgerMachine(RuleBasedStateMachine):
    """A worker on a log with absent offsets, over a transport that jumps, rewinds and loses heads and tails.

    The model: which offsets were handled in this epoch. Nothing below the watermark may be unhandled.
    """

    @initialize(start=st.integers(0, 50), absent=st.sets(st.integers(0, 400), max_size=80))
    def begin(self, start: int, absent: set[int]) -> None:
        self.start = start
        self.absent = absent
        self.end = start
        self.committed = start
        self.handled_ever: set[int] = set()
        self.lost: set[int] = set()
        self.open_epoch(start)

    def open_epoch(self, start: int) -> None:
        self.ledger = Ledger(start)
        self.refused = 0
        self.position = start
        self.open: list[tuple[Run, list[int]]] = []

    @rule(count=st.integers(1, 30))
    def produce(self, count: int) -> None:
        self.end = min(self.end + count, 400)

    @rule(count=st.integers(0, 20), jump=st.integers(-10, 10))
    def fetch(self, count: int, jump: int) -> None:
        """``jump`` not 0 is a transport fault: it claims to start elsewhere, and says so truthfully."""
        lo = max(self.start, min(self.position + jump, self.end))
        hi = min(lo + count, self.end)
        offsets = [offset for offset in range(lo, hi) if offset not in self.absent]
        expected = self.ledger.expected
        admission = self.ledger.admit(lo, hi, offsets)
        assert isinstance(admission, Hole) == (lo > expected), "exactly what begins too late is refused"
        if isinstance(admission, Hole):
            assert admission.expected == expected == self.ledger.expected
            self.refused += 1
            self.position = admission.expected
        else:
            self.position = max(self.position, hi)
            if isinstance(admission, Handover):
                self.open.append((admission.run, offsets[admission.first :]))

    @rule(data=st.data())
    def finish_one(self, data: st.DataObject) -> None:
        if self.open:
            index = data.draw(st.integers(0, len(self.open) - 1))
            run, offsets = self.open.pop(index)
            self.handled_ever.update(offsets)
            self.ledger.done(run)

    @rule(count=st.integers(1, 40))
    def lose_old_records(self, count: int) -> None:
        """Retention moves the log's start past what was read: the one loss, and it is written down."""
        beginning = min(self.position + count, self.end)
        if beginning > self.ledger.expected:
            self.lost |= set(range(self.ledger.expected, beginning))
            self.ledger.log_start_moved(beginning)
            self.position = beginning

    @rule()
    def commit_fails(self) -> None:
        """What could not be committed is offered again."""
        assert self.ledger.to_commit() == self.ledger.to_commit()

    @rule()
    def commit(self) -> None:
        offset = self.ledger.to_commit()
        if offset is not None:
            self.ledger.commit_done(offset)
            self.committed = offset

    @rule()
    def revoke_and_assign_again(self) -> None:
        late = self.open
        old = self.ledger
        self.open_epoch(self.committed)
        for run, _ in late:
            old.done(run)
        assert self.ledger.watermark == self.committed

    @invariant()
    def nothing_committed_is_unhandled(self) -> None:
        if hasattr(self, "ledger"):
            below = {offset for offset in range(self.start, self.committed) if offset not in self.absent}
            assert below <= self.handled_ever | self.lost

    @invariant()
    def every_refusal_is_counted_and_every_loss_written_down(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.holes == self.refused
            written = {offset for hole in self.ledger.retention_holes for offset in range(*hole)}
            assert written <= self.lost

    @invariant()
    def watermarks_are_ordered(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.committed <= self.ledger.watermark <= self.ledger.expected


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
