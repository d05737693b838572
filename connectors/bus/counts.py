"""What an engine did, counted where it happens and read by the metrics endpoint: plain numbers, no locks."""

from collections import Counter
from dataclasses import dataclass, field

from connectors.metrics import Histogram

BATCH_BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)
COMMIT_BUCKETS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 600.0)


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
