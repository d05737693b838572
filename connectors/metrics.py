"""What a metric is: its name is registered once, in a list of its domain, and made a Prometheus family when asked."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class MetricName:
    """One metric. Counters get ``_total`` on the wire. ``alarm``: when a person should look."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    alarm: str = ""


Families = dict[MetricName, Any]
"""Each of the class that its kind asks for; their methods differ."""


def families(metrics: Iterable[MetricName]) -> Families:
    """Return an empty family for each metric, in their order."""
    kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    return {one: kinds[one.kind](one.name, one.meaning, labels=one.labels) for one in metrics}


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
