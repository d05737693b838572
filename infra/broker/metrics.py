"""Every metric of the embedded broker, named in one place, and the collector that reads them when they are asked for.

A scrape runs in a thread of its own beside the event loop. It reads plain numbers and copies of dictionaries, and asks
the file system for sizes; it never touches the database.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from connectors.metrics import Families, MetricName, families
from infra.broker.counts import UNKNOWN_API
from infra.broker.handlers import APIS
from infra.broker.server import Broker

STALE_BEAT_S = 30.0
"""An event loop that has not looked at its connections for this long is blocked."""

REQUESTS = MetricName("noizylab_broker_requests", "counter", ("api",), "requests that came whole")
ERRORS = MetricName(
    "noizylab_broker_errors", "counter", ("api", "error"), "errors answered", "KAFKA_STORAGE_ERROR: any"
)
CONNECTIONS = MetricName("noizylab_broker_connections", "gauge", (), "clients connected", "near max_connections, 1000")
CLOSED = MetricName(
    "noizylab_broker_connections_closed", "counter", ("reason",), "connections that the broker ended", "defect: any"
)
BYTES_IN = MetricName("noizylab_broker_bytes_in", "counter", (), "bytes read from clients")
BYTES_OUT = MetricName("noizylab_broker_bytes_out", "counter", (), "bytes given to the sockets of clients")
COMMIT_SECONDS = MetricName(
    "noizylab_broker_commit_seconds",
    "histogram",
    (),
    "seconds of a transaction of the log file until it is on disk",
    "p99 over 1 s",
)
COMMITTED_WRITES = MetricName("noizylab_broker_committed_writes", "counter", (), "writes that shared those commits")
COMMITS_FAILED = MetricName("noizylab_broker_commits_failed", "counter", (), "transactions the disk refused", "any")
QUEUE = MetricName("noizylab_broker_queued_writes", "gauge", (), "writes that wait for a commit", "over 1000 for 1 min")
WAITING = MetricName("noizylab_broker_waiting_requests", "gauge", (), "fetches that wait for data")
REQUEST_BYTES = MetricName("noizylab_broker_large_request_bytes", "gauge", (), "bytes of large requests in memory")
REFUSES = MetricName(
    "noizylab_broker_refuses_writes", "gauge", (), "1 while the disk is too full to take anything", "1"
)
FILE_BYTES = MetricName("noizylab_broker_log_file_bytes", "gauge", (), "size of the log file", "by the disk's size")
WAL_BYTES = MetricName("noizylab_broker_wal_file_bytes", "gauge", (), "size of its write-ahead log", "over 1 GB")
LOG_START = MetricName("noizylab_broker_log_start_offset", "gauge", ("topic", "partition"), "first offset of the log")
LOG_END = MetricName(
    "noizylab_broker_log_end_offset", "gauge", ("topic", "partition"), "offset that the next committed record takes"
)
MEMBERS = MetricName("noizylab_broker_group_members", "gauge", ("group",), "members of a consumer group", "0")
STARTED = MetricName("noizylab_broker_start_time_seconds", "gauge", (), "when it started, since 1970", "changes")

METRICS = (
    REQUESTS, ERRORS, CONNECTIONS, CLOSED, BYTES_IN, BYTES_OUT, COMMIT_SECONDS, COMMITTED_WRITES, COMMITS_FAILED, QUEUE,
    WAITING, REQUEST_BYTES, REFUSES, FILE_BYTES, WAL_BYTES, LOG_START, LOG_END, MEMBERS, STARTED,
)  # fmt: skip


class BrokerCollector(Collector):
    """Reads the counters of a running broker. ``started``: seconds since 1970 at which its process began."""

    def __init__(self, broker: Broker, started: float) -> None:
        self._broker, self._started = broker, started

    def collect(self) -> Iterator[Family]:
        """Yield one family for each metric."""
        found = families(METRICS)
        _traffic(found, self._broker)
        _file(found, self._broker)
        _log(found, self._broker)
        found[STARTED].add_metric([], self._started)
        yield from found.values()


def ailments(broker: Broker) -> list[str]:
    """Return what is wrong with a broker; empty when it is well."""
    found = []
    if broker.context.store.refuses:
        found.append("writes are refused: the disk is full; make room beside the log file")
    silent_s = time.monotonic() - broker.beat_s
    if silent_s > STALE_BEAT_S:
        found.append(f"the event loop has been blocked for {silent_s:.0f} s")
    return found


def _traffic(found: Families, broker: Broker) -> None:
    counts = broker.context.counts
    for key, count in list(counts.requests.items()):
        found[REQUESTS].add_metric([_api(key)], count)
    for (key, code), count in list(counts.errors.items()):
        found[ERRORS].add_metric([_api(key), ErrorCode(code).name.upper()], count)
    for reason, count in list(counts.closed.items()):
        found[CLOSED].add_metric([reason], count)
    for metric, value in (
        (CONNECTIONS, broker.connected),
        (BYTES_IN, counts.bytes_in),
        (BYTES_OUT, counts.bytes_out),
        (WAITING, len(broker.context.waiting)),
        (REQUEST_BYTES, broker.budget.used_bytes),
    ):
        found[metric].add_metric([], value)


def _file(found: Families, broker: Broker) -> None:
    store = broker.context.store
    commits = store.counts.commit_s
    found[COMMIT_SECONDS].add_metric([], commits.cumulative(), commits.sum)
    for metric, value in (
        (COMMITTED_WRITES, store.counts.writes),
        (COMMITS_FAILED, store.counts.failed),
        (QUEUE, store.waiting),
        (REFUSES, int(store.refuses)),
    ):
        found[metric].add_metric([], value)
    for metric, path in ((FILE_BYTES, store.path), (WAL_BYTES, store.path.with_name(store.path.name + "-wal"))):
        with suppress(FileNotFoundError):  # the write-ahead log comes with the first write
            found[metric].add_metric([], path.stat().st_size)


def _log(found: Families, broker: Broker) -> None:
    for topic in list(broker.context.log.topics.values()):
        for partition in list(topic.partitions):
            place = [partition.topic, str(partition.index)]
            found[LOG_START].add_metric(place, partition.log_start_offset)
            found[LOG_END].add_metric(place, partition.high_watermark)
    for name, group in list(broker.context.groups.groups.items()):
        found[MEMBERS].add_metric([name], len(group.members))


@cache
def _api(key: int) -> str:
    if key == UNKNOWN_API:
        return "unknown"
    schema: Any = load_request_schema(key, APIS[key].min_version)
    return str(schema.__name__).removesuffix("Request")
