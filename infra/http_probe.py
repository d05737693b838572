"""``/metrics`` and ``/healthz`` of a process over HTTP, on the loopback interface.

The server has a thread of its own, so that it answers also when the event loop is blocked, and says so.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

Ailments = Callable[[], Sequence[str]]
"""What is wrong with the process; nothing when it is well."""


@contextmanager
def http_probe(collector: Collector, ailments: Ailments, port: int | None, advice: str) -> Iterator[int | None]:
    """Answer while the block runs; yields the port, or None when there is none to answer on.

    ``port`` None is off, 0 takes any free one. A port that is taken is logged with ``advice``: a process does its work
    without being watched.
    """
    server = _bind(collector, ailments, port, advice) if port is not None else None
    if server is None:
        yield None
        return
    thread = Thread(target=server.serve_forever, name="probe", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _bind(collector: Collector, ailments: Ailments, port: int, advice: str) -> ThreadingHTTPServer | None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path == "/healthz":
                found = list(ailments())
                body = json.dumps({"status": "failing" if found else "ok", "reasons": found}).encode()
                self._answer(503 if found else 200, "application/json", body)
            else:
                self._answer(404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing: a probe asks every few seconds."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        log.warning("no metrics: port %d is taken (%s); %s", port, error, advice)
        return None
