"""What the sink did, counted where it happens, and the collector that the worker's endpoint reads it through.

How far behind the sink is, by partition, is ``noizylab_lag`` of the bus.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from connectors.metrics import Histogram, MetricName, families

ROWS = MetricName("noizylab_sink_rows", "counter", (), "events stored in the warehouse")
BATCHES = MetricName("noizylab_sink_batches", "counter", (), "batches stored")
REFUSED = MetricName(
    "noizylab_sink_refused", "counter", ("reason",), "records that became rows of events_dlq", "any increase"
)
KNOWN = MetricName("noizylab_sink_known", "counter", (), "records that were stored before, under the same offset")
RETRIES = MetricName(
    "noizylab_sink_retries", "counter", (), "calls repeated while the warehouse was away", "rising for 5 min"
)
REPLAYED = MetricName("noizylab_sink_replayed", "counter", (), "batches that a crash had left and that were replayed")
VERDICTS = MetricName(
    "noizylab_sink_verdicts", "counter", ("verdict",), "what was found after a replay: exact, lost (and stored then), "
    "repeated", "any but exact",
)  # fmt: skip
PARTS = MetricName("noizylab_sink_parts", "gauge", (), "most active parts in one partition of a table", "over 300")
PAUSED = MetricName(
    "noizylab_sink_paused_seconds", "counter", (), "seconds that inserts waited because of many parts", "any increase"
)
BATCH_SECONDS = MetricName("noizylab_sink_batch_seconds", "histogram", (), "seconds to store a batch")
FRESHNESS = MetricName(
    "noizylab_sink_freshness_seconds", "histogram", (), "seconds from the log to visible, of the oldest in a batch",
    "p95 over 2 s",
)  # fmt: skip

BATCH_BUCKETS_S = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0)
FRESHNESS_BUCKETS_S = (0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 30.0, 600.0)
METRICS = (ROWS, BATCHES, REFUSED, KNOWN, RETRIES, REPLAYED, VERDICTS, PARTS, PAUSED, BATCH_SECONDS, FRESHNESS)


@dataclass(slots=True)
class SinkCounts:
    """Plain numbers. ``refused`` counts by reason, ``verdicts`` by verdict, ``parts`` is the newest look."""

    rows: int = 0
    batches: int = 0
    known: int = 0
    retries: int = 0
    replayed: int = 0
    parts: int = 0
    paused_s: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    batch_s: Histogram = field(default_factory=lambda: Histogram(BATCH_BUCKETS_S))
    freshness_s: Histogram = field(default_factory=lambda: Histogram(FRESHNESS_BUCKETS_S))


class SinkCollector(Collector):
    """Reads the counts of one sink."""

    def __init__(self, counts: SinkCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Family]:
        """Yield one family for each metric."""
        counts, found = self._counts, families(METRICS)
        for metric, value in (
            (ROWS, counts.rows),
            (BATCHES, counts.batches),
            (KNOWN, counts.known),
            (RETRIES, counts.retries),
            (REPLAYED, counts.replayed),
            (PARTS, counts.parts),
            (PAUSED, counts.paused_s),
        ):
            found[metric].add_metric([], value)
        for metric, counter in ((REFUSED, counts.refused), (VERDICTS, counts.verdicts)):
            for label, count in list(counter.items()):
                found[metric].add_metric([label], count)
        for metric, histogram in ((BATCH_SECONDS, counts.batch_s), (FRESHNESS, counts.freshness_s)):
            found[metric].add_metric([], histogram.cumulative(), histogram.sum)
        yield from found.values()
