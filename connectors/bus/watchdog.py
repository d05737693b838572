"""The watchdog: tells a worker that dies slowly from one that is merely slow, so that it can end and start again.

A slow handler is no fault: while records of a batch are finished, one after the other, the batch is alive. A fault is
work that is there and does not move: a batch, a fetch, a commit, an assignment.
"""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, each kind of standstill is taken for a pause. ``batch_s`` covers one slow record."""

    batch_s: float = 900.0
    fetch_s: float = 120.0
    commit_s: float = 120.0
    assignment_s: float = 180.0
    truncated_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Sight:
    """One partition at one moment. ``finished``: records so far; ``end``: next offset of the log, None if unknown."""

    expected: int
    watermark: int
    committed: int
    busy: bool
    finished: int
    end: int | None


class Watchdog:
    """Compares what it is shown with what it was shown before. Times are those of any one monotonic clock."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since: dict[tuple[str, Hashable], tuple[Hashable, float]] = {}

    def forget(self) -> None:
        """Begin anew: after another assignment, or when this process was not running itself."""
        self._since.clear()

    def unassigned(self, is_so: bool, now: float) -> str | None:
        """Return the reason to stop when there is no assignment for too long."""
        still_s = self._still("assignment", None, is_so, None, now)
        return f"no assignment for {still_s:.0f} s" if still_s > self._patience.assignment_s else None

    def look(self, partition: str, seen: Sight, now: float) -> str | None:
        """Return the reason to stop, when a partition stands still for too long."""
        patience = self._patience
        batch_s = self._still("batch", partition, seen.busy, (seen.finished, seen.watermark), now)
        if batch_s > patience.batch_s:
            return f"the batch of {partition} has finished no record for {batch_s:.0f} s"
        waits = not seen.busy and seen.end is not None and seen.end > seen.expected
        fetch_s = self._still("fetch", partition, waits, seen.expected, now)
        if fetch_s > patience.fetch_s:
            return f"{partition} has records from {seen.expected} on, none was fetched for {fetch_s:.0f} s"
        commit_s = self._still("commit", partition, seen.watermark > seen.committed, seen.committed, now)
        if commit_s > patience.commit_s:
            return f"{partition} is finished up to {seen.watermark}, nothing was committed for {commit_s:.0f} s"
        short = seen.end is not None and seen.end < seen.expected
        # The end was asked for a moment ago and may be passed since; only what is not read on from has been cut off.
        if self._still("end", partition, short, seen.expected, now) > patience.truncated_s:
            return (
                f"{partition} ends at {seen.end}, but was read up to {seen.expected}: the topic was truncated or "
                "recreated; check it, then reset the group's offsets"
            )
        return None

    def _still(self, what: str, whose: Hashable, waits: bool, value: Hashable, now: float) -> float:
        """Return for how long ``value`` has not changed while something waits for it."""
        if not waits:
            self._since.pop((what, whose), None)
            return 0.0
        known = self._since.get((what, whose))
        if known is None or known[0] != value:
            self._since[what, whose] = value, now
            return 0.0
        return now - known[1]
