"""What an engine did, counted where it happens and read by the metrics endpoint: plain numbers, no locks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

BATCH_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)
COMMIT_BUCKETS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 600.0)


class Histogram:
    """Counts by upper bounds, as Prometheus wants them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, count up to it), the last one ``+Inf``."""
        total, found = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


@dataclass(slots=True)
class EngineCounts:
    """Counters by topic unless said otherwise. ``retention_records``: offsets that were removed unread, the one loss.

    ``batch_s``: handing a batch over until it is finished. ``commit_s``: age of the oldest record of a batch, from
    its time on the log, when its offset is committed.
    """

    log_holes: Counter[str] = field(default_factory=Counter)
    retention_holes: Counter[str] = field(default_factory=Counter)
    retention_records: Counter[str] = field(default_factory=Counter)
    batch_repeats: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    commits_failed: int = 0
    assignments: int = 0
    restored_records: int = 0
    restored_from_snapshot: int = 0
    restore_s: float = 0.0
    batch_s: Histogram = field(default_factory=lambda: Histogram(BATCH_BUCKETS_S))
    commit_s: Histogram = field(default_factory=lambda: Histogram(COMMIT_BUCKETS_S))
