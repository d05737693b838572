"""The ledger of one assigned partition: what was handed over, what is finished, what may be committed.

A pure state machine. A fetch is a statement that the log in ``[lo, hi)`` holds exactly these records. Only a fetch
with ``lo <= expected`` is admitted, so a hole cannot pass unseen, and transaction markers or compacted offsets need
no guessing. The watermark moves only over a contiguous run of finished work: what is committed was handled.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


class LedgerError(RuntimeError):
    """A fetch contradicts itself; the transport is broken and the worker must stop."""


@dataclass(slots=True, eq=False)
class Run:
    """One admitted stretch of the log, up to ``end`` (exclusive)."""

    end: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Hole:
    """The fetch starts after what is expected: seek back to ``expected``, never skip."""

    expected: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """The fetch holds no record that was not handed over before."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Handle the fetched records from index ``first`` on, then report ``run`` as done."""

    run: Run
    first: int


Admission = Hole | Nothing | Handover


@dataclass(slots=True)
class Ledger:
    """The offsets of one partition in one assignment.

    Invariants: ``committed <= watermark <= expected``; ``expected`` is the next offset that was never handed over;
    every record in ``[start, watermark)`` was handled or is known to be absent from the log.
    """

    start: int
    expected: int = field(init=False)
    watermark: int = field(init=False)
    committed: int = field(init=False)
    absent: int = field(default=0, init=False)
    holes: int = field(default=0, init=False)
    retention_holes: list[tuple[int, int]] = field(default_factory=list, init=False)
    _runs: deque[Run] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        self.expected = self.watermark = self.committed = self.start

    def admit(self, lo: int, hi: int, offsets: Sequence[int]) -> Admission:
        """Take the statement that ``[lo, hi)`` of the log holds exactly ``offsets`` (ascending).

        Raises:
            LedgerError: an offset lies outside of ``[lo, hi)``.
        """
        if lo > self.expected:
            self.holes += 1
            return Hole(self.expected)
        if offsets and not (lo <= offsets[0] and offsets[-1] < hi):
            raise LedgerError(f"offsets {offsets[0]}..{offsets[-1]} outside of the fetched range [{lo}, {hi})")
        if hi <= self.expected:
            return Nothing()
        first = next((index for index, offset in enumerate(offsets) if offset >= self.expected), len(offsets))
        self.absent += hi - self.expected - (len(offsets) - first)
        self.expected = hi
        run = Run(hi)
        self._runs.append(run)
        if first == len(offsets):
            self.done(run)
            return Nothing()
        return Handover(run, first)

    def done(self, run: Run) -> None:
        """Report a run as handled. The watermark moves over every finished run at the front."""
        run.finished = True
        while self._runs and self._runs[0].finished:
            self.watermark = self._runs.popleft().end

    def log_start_moved(self, beginning: int) -> None:
        """Accept that retention removed ``[expected, beginning)`` unread: the one loss that cannot be undone."""
        self.retention_holes.append((self.expected, beginning))
        self.expected = beginning
        run = Run(beginning)
        self._runs.append(run)
        self.done(run)

    def to_commit(self) -> int | None:
        """Return the watermark if it is ahead of what was committed."""
        return self.watermark if self.watermark > self.committed else None

    def commit_done(self, offset: int) -> None:
        """Note that ``offset`` is committed."""
        self.committed = max(self.committed, offset)
