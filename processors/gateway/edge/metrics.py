"""Every metric of the gateway, named in one place; the counting of requests; and the collector that is asked for all.

A scrape runs in a thread of its own beside the event loop: it reads plain numbers and copies of dictionaries.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import orjson
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.metrics import Histogram, MetricName, families
from processors.gateway.edge.deps import Edge
from processors.gateway.edge.problems import MEDIA_TYPE

BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
NO_ROUTE: Final = "none"
"""What has no route of ours: paths that do not exist are as many as anyone likes, and would be labels."""

REQUESTS = MetricName("noizylab_gateway_requests", "counter", ("method", "route", "status"), "requests answered")
SECONDS = MetricName(
    "noizylab_gateway_seconds", "histogram", ("route",), "seconds until an answer begins", "p99 over 1"
)
REFUSED = MetricName("noizylab_gateway_refused", "counter", ("reason",), "refusals by code", "busy: rising for 1 min")
IN_FLIGHT = MetricName("noizylab_gateway_in_flight", "gauge", (), "requests in hand", "near in_flight_max, 200")
STREAMS = MetricName("noizylab_gateway_streams", "gauge", (), "live readers", "near streams_max, 1000")
CACHE = MetricName("noizylab_gateway_cache", "counter", ("result",), "reads answered from memory or made anew")
LAG = MetricName("noizylab_gateway_view_lag", "gauge", (), "records of the log not folded yet", "rising for 1 min")
UNREADABLE = MetricName("noizylab_gateway_unreadable", "counter", (), "records that could not be read", "any")
READY = MetricName("noizylab_gateway_ready", "gauge", (), "1 while the views follow the log", "0 for 1 min")
KEPT = MetricName("noizylab_gateway_kept_answers", "gauge", (), "idempotency keys in memory", "near answers_max, 50000")

METRICS = (REQUESTS, SECONDS, REFUSED, IN_FLIGHT, STREAMS, CACHE, LAG, UNREADABLE, READY, KEPT)


class RequestCounts:
    """What the requests of a process came to."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.refused: Counter[str] = Counter()
        self.seconds: dict[str, Histogram] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests[method, route, str(status)] += 1
        self.seconds.setdefault(route, Histogram(BUCKETS_S)).observe(seconds)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Counted:
    """Counts every answer, by its route's template, and every refusal, by its problem's code."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began, refusing = time.monotonic(), False

        async def counting(message: Message) -> None:
            nonlocal refusing
            kind = message["type"].removeprefix("websocket.")
            if kind in ("http.response.start", "accept"):
                status = message.get("status", 101)
                refusing = status >= 400 and Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE
                self._note(scope, status, time.monotonic() - began)
            elif kind == "http.response.body" and refusing:
                refusing = False
                self._counts.refused[str(orjson.loads(message["body"])["code"])] += 1
            await send(message)

        await self._app(scope, receive, counting)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # A method is text of the caller's; any but the known would be a label of its own as well.
        method = scope.get("method", "GET")
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        self._counts.note(method if method in _METHODS else "other", route, status, seconds)


class GatewayCollector(Collector):
    """Reads the numbers of a running edge."""

    def __init__(self, edge: Edge, counts: RequestCounts) -> None:
        self._edge, self._counts = edge, counts

    def collect(self) -> Iterator[Family]:
        """Yield one family for each metric."""
        found = families(METRICS)
        edge, views = self._edge, self._edge.deps.views
        for labels, count in self._counts.requests.copy().items():
            found[REQUESTS].add_metric(list(labels), count)
        for route, histogram in self._counts.seconds.copy().items():
            found[SECONDS].add_metric([route], histogram.cumulative(), histogram.sum)
        for reason, count in self._counts.refused.copy().items():
            found[REFUSED].add_metric([reason], count)
        for result, count in (("hit", edge.cache.hits), ("made", edge.cache.misses)):
            found[CACHE].add_metric([result], count)
        for metric, value in (
            (IN_FLIGHT, edge.flights.count),
            (STREAMS, edge.streams.count),
            (LAG, views.lag),
            (UNREADABLE, views.unreadable),
            (READY, int(views.ready)),
            (KEPT, len(views.answers)),
        ):
            found[metric].add_metric([], value)
        yield from found.values()
