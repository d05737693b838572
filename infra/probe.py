"""What a worker process tells of itself over HTTP: the metrics of its apps, and whether they are well."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from connectors.bus.app import App
from connectors.bus.metrics import BusCollector, ailments
from connectors.clock.clock import SystemClock
from infra.http_probe import http_probe


def probe(apps: Sequence[App], port: int | None) -> AbstractContextManager[int | None]:
    """Answer while the block runs; two workers on one machine need two ports. See ``http_probe``."""
    collector = BusCollector(apps, SystemClock().now().timestamp())
    return http_probe(collector, lambda: ailments(apps), port, "set NOIZYLAB_METRICS_PORT, 0 is off")
