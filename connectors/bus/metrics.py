"""Every metric of the bus, named in one place, and the collector that reads them when they are asked for.

The work itself touches plain counters only; a scrape turns them into Prometheus families, in a thread of its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic

from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from connectors.bus.app import App
from connectors.bus.engine import Engine
from connectors.metrics import Families, Histogram, MetricName, families

STALE_BEAT_S = 30.0
"""An event loop that has not looked at its work for this long is blocked."""


RECORDS_IN = MetricName("noizylab_records_in", "counter", ("processor", "type"), "records read and understood")
RECORDS_OUT = MetricName("noizylab_records_out", "counter", ("processor", "type"), "events and commands written")
DROPPED = MetricName("noizylab_dropped", "counter", ("processor", "reason"), "records with nothing to do")
DEAD_LETTERS = MetricName(
    "noizylab_dead_letters", "counter", ("processor", "reason"), "records that could not be handled", "any increase"
)
RETRIES = MetricName(
    "noizylab_retries", "counter", ("processor", "type"), "tries again while a connector was down", "rising for 5 min"
)
BATCH_REPEATS = MetricName(
    "noizylab_batch_repeats", "counter", ("processor", "topic"), "batches done again as a whole", "rising for 5 min"
)
BATCH_SECONDS = MetricName(
    "noizylab_batch_seconds", "histogram", ("processor",), "seconds from handing a batch over to its end"
)
COMMIT_SECONDS = MetricName(
    "noizylab_commit_seconds",
    "histogram",
    ("processor",),
    "seconds from the time of a batch's oldest record to its commit",
    "p99 over 30 s",
)
LAG = MetricName(
    "noizylab_lag", "gauge", ("processor", "topic", "partition"), "records that are not finished", "rising for 5 min"
)
LAST_COMMIT_AGE = MetricName(
    "noizylab_last_commit_age_seconds", "gauge", ("processor",), "seconds since the last commit", "over 60 with lag"
)
BATCH_AGE = MetricName(
    "noizylab_in_flight_batch_age_seconds", "gauge", ("processor",), "age of the oldest batch in hand", "over 300"
)
ASSIGNED = MetricName("noizylab_assigned_partitions", "gauge", ("processor",), "partitions this worker works on")
ASSIGNMENTS = MetricName(
    "noizylab_assignments", "counter", ("processor",), "assignments begun", "more than 6 in 10 min"
)
LOG_HOLES = MetricName(
    "noizylab_log_holes",
    "counter",
    ("processor", "topic"),
    "fetches refused because they began too late; each led to a seek back",
    "any increase",
)
RETENTION_HOLES = MetricName(
    "noizylab_retention_holes", "counter", ("processor", "topic"), "times that records were removed unread", "any"
)
RETENTION_RECORDS = MetricName(
    "noizylab_retention_records", "counter", ("processor", "topic"), "offsets removed unread: lost", "any"
)
COMMITS = MetricName("noizylab_commits", "counter", ("processor",), "commits")
COMMITS_FAILED = MetricName(
    "noizylab_commits_failed", "counter", ("processor",), "commits that failed and were tried again", "rising for 1 min"
)
RESTORE_SECONDS = MetricName(
    "noizylab_restore_seconds", "counter", ("processor",), "seconds spent on restoring views at assignment"
)
RESTORE_RECORDS = MetricName(
    "noizylab_restore_records", "counter", ("processor",), "view records read from the log at assignment"
)
RESTORE_KEPT = MetricName(
    "noizylab_restore_from_snapshot", "counter", ("processor",), "aggregates taken from a snapshot on disk"
)
STARTED = MetricName(
    "noizylab_worker_start_time_seconds", "gauge", ("processor",), "when the worker started, since 1970", "changes"
)
CRASHED = MetricName(
    "noizylab_worker_crashed", "gauge", ("processor", "reason"), "1 when the worker ends, with the error", "any"
)

METRICS = (
    RECORDS_IN, RECORDS_OUT, DROPPED, DEAD_LETTERS, RETRIES, BATCH_REPEATS, BATCH_SECONDS, COMMIT_SECONDS, LAG,
    LAST_COMMIT_AGE, BATCH_AGE, ASSIGNED, ASSIGNMENTS, LOG_HOLES, RETENTION_HOLES, RETENTION_RECORDS, COMMITS,
    COMMITS_FAILED, RESTORE_SECONDS, RESTORE_RECORDS, RESTORE_KEPT, STARTED, CRASHED,
)  # fmt: skip


class BusCollector(Collector):
    """Reads the counters of some apps. ``started``: seconds since 1970 at which their process began."""

    def __init__(self, apps: Sequence[App], started: float) -> None:
        self._apps, self._started = apps, started

    def collect(self) -> Iterator[Family]:
        """Yield one family for each metric."""
        found = families(METRICS)
        for app in self._apps:
            _stage(found, app)
            found[STARTED].add_metric([app.processor], self._started)
            if app.engine is not None:
                _engine(found, app.processor, app.engine)
        yield from found.values()
        for app in self._apps:
            for collector in app.collectors:
                yield from collector.collect()


def ailments(apps: Iterable[App]) -> list[str]:
    """Return what is wrong with some workers; empty when they are well."""
    found = []
    for app in apps:
        engine = app.engine
        if engine is None:
            continue
        if engine.crashed is not None:
            found.append(f"{app.processor}: {engine.crashed}")
        elif engine.beat_s and monotonic() - engine.beat_s > STALE_BEAT_S:
            found.append(f"{app.processor}: its event loop has been blocked for {monotonic() - engine.beat_s:.0f} s")
    return found


def _stage(found: Families, app: App) -> None:
    counts = app.counts
    for metric, counter in (
        (RECORDS_IN, counts.records_in),
        (RECORDS_OUT, counts.records_out),
        (DROPPED, counts.dropped),
        (DEAD_LETTERS, counts.dead_letters),
        (RETRIES, counts.retries),
    ):
        _count(found, metric, app.processor, counter)


def _engine(found: Families, processor: str, engine: Engine) -> None:
    counts = engine.counts
    for metric, counter in (
        (BATCH_REPEATS, counts.batch_repeats),
        (LOG_HOLES, counts.log_holes),
        (RETENTION_HOLES, counts.retention_holes),
        (RETENTION_RECORDS, counts.retention_records),
    ):
        _count(found, metric, processor, counter)
    standing = engine.standing()
    for metric, value in (
        (ASSIGNED, len(standing)),
        (ASSIGNMENTS, counts.assignments),
        (BATCH_AGE, max((one.batch_age_s for one in standing), default=0.0)),
        (LAST_COMMIT_AGE, engine.last_commit_age_s),
        (COMMITS, counts.commits),
        (COMMITS_FAILED, counts.commits_failed),
        (RESTORE_SECONDS, counts.restore_s),
        (RESTORE_RECORDS, counts.restored_records),
        (RESTORE_KEPT, counts.restored_from_snapshot),
    ):
        found[metric].add_metric([processor], value)
    for one in standing:
        if one.lag is not None:
            found[LAG].add_metric([processor, one.tp.topic, str(one.tp.partition)], one.lag)
    for metric, histogram in ((BATCH_SECONDS, counts.batch_s), (COMMIT_SECONDS, counts.commit_s)):
        _observe(found, metric, processor, histogram)
    if engine.crashed is not None:
        found[CRASHED].add_metric([processor, type(engine.crashed).__name__], 1)


def _count(found: Families, metric: MetricName, processor: str, counter: Counter[str]) -> None:
    for label, value in list(counter.items()):
        found[metric].add_metric([processor, label], value)


def _observe(found: Families, metric: MetricName, processor: str, histogram: Histogram) -> None:
    found[metric].add_metric([processor], histogram.cumulative(), histogram.sum)
