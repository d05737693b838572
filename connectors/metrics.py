"""What a metric is: its name is registered once, in a list of its domain, and made a Prometheus family when asked."""

from collections.abc import Iterable
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
