"""A real server, and requests that no client would write."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from infra.patience import PatientProtocol
from processors.gateway.config import Policy
from tests.processors.gateway.world import World, ticket_view

LONGEST = 2_000
RECEIPTS = "/v1/stock/receipts"


class Wire:
    """A server on a port of its own."""

    def __init__(self, world: World, port: int) -> None:
        self.world, self.port = world, port
        self.key = world.key("admin")

    def head(self, line: str, *fields: str, host: str = "edge", last: bool = True) -> bytes:
        """Return a whole head with a good key. After the ``last`` one the server closes the connection."""
        close = ("Connection: close",) if last else ()
        lines = (line, f"Host: {host}", f"X-API-Key: {self.key}", *fields, *close, "", "")
        return "\r\n".join(lines).encode("latin-1")

    async def answers(self, *pieces: bytes) -> bytes:
        """Send, and return everything that came back until the server closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        came = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return came


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    world = World(tmp_path, policy=Policy(outcome_wait_s=0.05, body_max_bytes=LONGEST))
    world.feed(ticket_view())
    config = uvicorn.Config(
        world.app, host="127.0.0.1", port=0, http=PatientProtocol, lifespan="off", log_level="error",
        server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield Wire(world, server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await serving


def statuses(came: bytes) -> list[int]:
    return [int(part[:3]) for part in came.split(b"HTTP/1.1 ")[1:]]


async def test_the_plain_request_is_answered(wire: Wire) -> None:
    """Otherwise the refusals below would prove nothing."""
    assert statuses(await wire.answers(wire.head("GET /v1/tickets HTTP/1.1"))) == [200]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET http://evil.example/v1/tickets HTTP/1.1", 400),
        ("GET //evil.example/v1/tickets HTTP/1.1", 400),
        ("CONNECT evil.example:443 HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 400),
        ("TRACE /v1/tickets HTTP/1.1", 405),
        ("GET /v1/tick\xc0\xaeets HTTP/1.1", 400),
        ("GET /v1/tickets\0 HTTP/1.1", 400),
        ("GET  /v1/tickets HTTP/1.1", 400),
        ("GET /v1/tickets/%2e%2e/stock HTTP/1.1", 400),
        ("GET /v1/tickets/%252e%252e/stock HTTP/1.1", 400),
        ("GET /v1/tickets;x=1 HTTP/1.1", 400),
        ("GET /v1/..;/stock HTTP/1.1", 400),
        ("GET /v1/tickets/%c0%ae%c0%ae/stock HTTP/1.1", 400),
    ],
)
async def test_a_request_line_that_is_none_of_ours_reaches_no_route(wire: Wire, line: str, status: int) -> None:
    came = await wire.answers(wire.head(line))
    assert statuses(came) == [status]
    assert b'"tickets"' not in came
    assert wire.key.encode() not in came, "nothing of the head is given back, as TRACE would"


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 2"),
        ("Transfer-Encoding: CHUNKED", "content-length: 0"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: 2, 3",),
        ("Content-Length: +2",),
        ("Content-Length: -1",),
        ("Content-Length: 0x2",),
        ("Content-Length : 2",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ],
)
async def test_a_body_that_ends_in_two_places_smuggles_no_second_request(wire: Wire, fields: tuple[str, ...]) -> None:
    first = wire.head(f"POST {RECEIPTS} HTTP/1.1", *fields, last=False)
    second = wire.head("GET /v1/tickets HTTP/1.1")
    came = await wire.answers(first + b"0\r\n\r\n" + second)
    assert statuses(came) == [400], "one answer, and the connection is closed"
    assert b"connection: close" in came.lower()


async def test_two_whole_requests_on_one_connection_are_two_answers(wire: Wire) -> None:
    """What the test above would see if it were let through."""
    first = wire.head(f"POST {RECEIPTS} HTTP/1.1", "Transfer-Encoding: chunked", last=False)
    came = await wire.answers(first + b"0\r\n\r\n" + wire.head("GET /v1/tickets HTTP/1.1"))
    assert statuses(came) == [422, 200]


async def test_a_body_in_chunks_ends_at_the_limit_although_it_never_said_how_long_it_is(wire: Wire) -> None:
    piece = b"%x\r\n" % 500 + b" " * 500 + b"\r\n"
    head = wire.head(f"POST {RECEIPTS} HTTP/1.1", "Transfer-Encoding: chunked", "Content-Type: application/json")
    assert statuses(await wire.answers(head, *[piece] * 4, b"0\r\n\r\n")) == [422], "as long as allowed"
    assert statuses(await wire.answers(head, *[piece] * 5, b"0\r\n\r\n"))[0] == 413
    assert statuses(await wire.answers(head, *[piece] * 5))[0] == 413, "refused before its end is seen"


async def test_a_body_that_says_it_is_too_long_is_refused_unread(wire: Wire) -> None:
    came = await wire.answers(wire.head(f"POST {RECEIPTS} HTTP/1.1", f"Content-Length: {LONGEST + 1}"))
    assert statuses(came) == [413]


@pytest.mark.parametrize("field", ["X-Request-Id: a\0b", "X-Request-Id: a\rb", "X Evil: 1", ": 1", "X-\xe4: 1"])
async def test_a_field_that_is_none_is_no_request(wire: Wire, field: str) -> None:
    assert statuses(await wire.answers(wire.head("GET /v1/tickets HTTP/1.1", field))) == [400]


@pytest.mark.parametrize("field", ["X-Request-Id: a\r\n X-Evil: 1", "X-Request-Id: a\nX-Evil: 1"])
async def test_a_folded_or_split_field_adds_none_to_the_answer(wire: Wire, field: str) -> None:
    assert b"x-evil" not in (await wire.answers(wire.head("GET /v1/tickets HTTP/1.1", field))).lower()


async def test_a_request_without_a_host_or_with_two_is_none(wire: Wire) -> None:
    good = wire.head("GET /v1/tickets HTTP/1.1")
    assert statuses(await wire.answers(good.replace(b"Host: edge\r\n", b""))) == [400]
    assert statuses(await wire.answers(good.replace(b"Host: edge\r\n", b"Host: edge\r\nHost: evil.example\r\n"))) == [
        400
    ]


@pytest.mark.parametrize(
    "line",
    [
        "GET /v1/tickets HTTP/1.1", "GET /v1/tickets/ HTTP/1.1", "GET /v1/tickets/T-0001/ HTTP/1.1",
        "GET /v1/tickets/T-0001/links HTTP/1.1", "GET /v1/openapi.json HTTP/1.1", "GET /nowhere HTTP/1.1",
        "POST /v1/webhooks/ HTTP/1.1", "GET / HTTP/1.1",
    ],
)  # fmt: skip
async def test_the_host_that_a_request_names_stands_in_no_answer(wire: Wire, line: str) -> None:
    """A cache in front, or whoever follows a redirect, would be led there."""
    for field in ("X-Forwarded-Host: evil.example", "X-Original-URL: //evil.example", "Forwarded: host=evil.example"):
        came = await wire.answers(wire.head(line, field, host="evil.example"))
        assert b"evil.example" not in came
        assert len(statuses(came)) == 1


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_is_what_the_request_line_says(wire: Wire, name: str) -> None:
    body = b'{"reason":"asked"}'
    for method, path, status in (
        ("POST", "/v1/tickets/T-0001", 405),
        ("GET", "/v1/tickets/T-0001?_method=DELETE", 200),
    ):
        fields = (f"{name}: DELETE", "Content-Type: application/json", f"Content-Length: {len(body)}")
        assert statuses(await wire.answers(wire.head(f"{method} {path} HTTP/1.1", *fields) + body)) == [status]
    assert wire.world.sent == []
