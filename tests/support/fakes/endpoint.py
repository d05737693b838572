"""A receiver of webhooks: keeps what it was sent, answers as it is told."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from tests.support.fakes.httpd import QuietHandler


@dataclass
class Endpoint:
    """``answers``: statuses to give first, then 204 for ever. ``gate``: while it is not set, requests hang."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    gate: threading.Event = field(default_factory=threading.Event)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, timeout_s: float = 20) -> None:
        """Return when so many requests have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, timeout_s), f"{len(self.got)} of {count} came"


@contextmanager
def endpoint(context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> Iterator[Endpoint]:
    """Serve an endpoint, over TLS with ``context``."""
    made = Endpoint()
    made.gate.set()

    class Handler(QuietHandler):
        timeout = 30

        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            body = self.body()
            if len(body) < int(self.headers.get("content-length", 0)):
                return  # its sender died in the middle: no receiver takes half a request
            with made.arrived:
                made.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                made.arrived.notify_all()
            made.gate.wait(30)
            self.answer(made.answers.pop(0) if made.answers else 204, made.body, made.headers)

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up, or trusts nobody, is part of the tests."""

    server = Server((host, 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        made.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
