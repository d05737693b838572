"""Paths that mean one thing, headers that cannot be broken, other origins kept out."""

from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from fastapi import Response
from starlette.types import Message

from processors.gateway.edge.headers import SECURITY, is_plain
from tests.processors.gateway.world import TICKET, World, problem, ticket_view

DESK = "https://desk.example"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, more={"cors_origins": frozenset({DESK}), "public_url": "https://shop.example"})
    world.feed(ticket_view())
    return world


# --- security headers


async def test_every_answer_has_them_also_a_refusal(world: World) -> None:
    async with world.client() as client:
        answers = [await client.get(path) for path in ("/healthz", "/v1/tickets", "/nowhere", "/a/../b")]
    for answer in answers:
        assert {name: answer.headers[name] for name in SECURITY} == SECURITY
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


async def test_promises_https_only_where_the_shop_is_reached_so(tmp_path: Path) -> None:
    world = World(tmp_path, more={"public_url": "http://shop.example"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="https://edge") as client:
        assert "Strict-Transport-Security" not in (await client.get("/healthz")).headers


async def test_the_customers_page_runs_no_script_from_anywhere(world: World) -> None:
    path = world.with_quote()
    async with world.client() as client:
        policy = (await client.get(path)).headers["Content-Security-Policy"]
    sources = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert sources.get("script-src", sources["default-src"]) == "'none'"
    assert sources["frame-ancestors"] == sources["base-uri"] == "'none'"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nSet-Cookie: x", "a\rb", "a\0b"])
async def test_a_header_with_a_line_break_never_leaves(world: World, value: str) -> None:
    @world.app.get("/v1/echo")
    async def echo() -> Response:
        answer = Response("x")
        answer.raw_headers.append((b"x-echo", value.encode("latin-1")))
        return answer

    async with world.client() as client:
        answer = await client.get("/v1/echo")
    assert answer.status_code == 200
    assert "x-echo" not in answer.headers
    assert "x-evil" not in answer.headers


async def test_a_request_cannot_put_a_line_break_into_its_answer(world: World) -> None:
    key = world.key("tickets:read")
    headers = {"Authorization": f"Bearer {key}", "X-Request-Id": "a\r\nX-Evil: 1", "Origin": f"{DESK}\r\nX-Evil: 1"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    answer = await raw_answer(world, b"/v1/tickets", raw)
    assert not any(b"\r" in value or b"\n" in value for _, value in answer["headers"])
    assert b"x-evil" not in dict(answer["headers"])


async def raw_answer(world: World, raw_path: bytes, headers: list[tuple[bytes, bytes]]) -> Message:
    """Send a request that no client would write."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"edge"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("edge", 80),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await world.app(scope, receive, send)
    return sent[0]


# --- paths

TRICKS = [
    b"/v1/tickets/%2e%2e/stock", b"/v1/tickets/../stock", b"/v1/./tickets", b"/v1//tickets", b"//v1/tickets",
    b"/v1/tickets/T-0001%2Ftimeline", b"/v1/tickets/T-0001%2ftimeline", b"/v1/tickets/T-0001%252Ftimeline",
    b"/v1%2ftickets", b"/v1/tickets%00", b"/v1/tickets/T-0001%0d%0a", b"/v1\\tickets", b"/v1/tickets%5c..%5cstock",
    b"/v1/tickets;a=b", b"/v1/tickets%3Bx", b"/v1/tickets%3Fx=1", b"/v1/tickets%23", b"/v1/%c0%ae%c0%ae/tickets",
    b"/v1/tickets/%", b"/v1/tickets/%zz", b"/healthz/..%2f..%2fv1/tickets", b"/v1/tickets/..", b"/v1/tickets/.",
    b"/v1/tick\tets", b"/v1/tickets\x7f",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
async def test_a_path_that_could_be_read_in_two_ways_reaches_no_route(world: World, path: bytes) -> None:
    key = world.key("admin")
    answer = await raw_answer(world, path, [(b"authorization", f"Bearer {key}".encode())])
    assert answer["status"] == 400


@pytest.mark.parametrize(
    "path",
    [b"/", b"/healthz", b"/v1/tickets/T-0001", b"/a/eyJ.x-y_z~1", b"/v1/who/caf%C3%A9", b"/v1/tickets/", b"/x%20y"],
)
def test_a_plain_path_is_left_alone(path: bytes) -> None:
    assert is_plain(path)


async def test_the_escaped_slash_would_have_reached_another_route(world: World) -> None:
    """What the guard is for: the router decodes before it matches."""
    async with world.client("tickets:read") as client:
        assert (await client.get(f"/v1/tickets/{TICKET}/timeline")).status_code == 200
        problem(await client.get(f"/v1/tickets/{TICKET}%2Ftimeline"), 400, "malformed")


# --- other origins


async def test_is_closed_where_nobody_opened_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.client("tickets:read") as client:
        plain = await client.get("/v1/tickets", headers={"Origin": DESK})
        ask = {"Origin": DESK, "Access-Control-Request-Method": "GET"}
        preflight = await client.options("/v1/tickets", headers=ask)
    for answer in (plain, preflight):
        assert not any(name.startswith("access-control") for name in answer.headers)
    assert preflight.status_code == 405


async def test_a_known_origin_reads_answers_and_refusals(world: World) -> None:
    async with world.client("tickets:read") as client:
        for path, status in (("/v1/tickets", 200), ("/v1/stock", 403)):
            answer = await client.get(path, headers={"Origin": DESK})
            assert answer.status_code == status
            assert answer.headers["Access-Control-Allow-Origin"] == DESK
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://desk.example.evil",
        "http://desk.example",
        "https://desk.example:8443",
        "null",
        "*",
        "",
    ],
)
async def test_another_origin_reads_nothing(world: World, origin: str) -> None:
    async with world.client("tickets:read") as client:
        answer = await client.get("/v1/tickets", headers={"Origin": origin})
        ask = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        preflight = await client.options("/v1/tickets", headers=ask)
    for one in (answer, preflight):
        assert "Access-Control-Allow-Origin" not in one.headers
        assert one.headers["Vary"] == "Origin"
    assert preflight.status_code == 405


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/tickets", "GET"),
        ("/v1/webhooks", "GET, POST"),
        ("/v1/webhooks/W-0001", "DELETE, GET, PATCH"),
        ("/v1/intakes", "POST"),
        ("/nowhere", ""),
    ],
)
async def test_a_preflight_is_told_what_the_route_allows(world: World, path: str, methods: str) -> None:
    ask = {"Origin": DESK, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "x-evil"}
    async with world.client() as client:
        answer = await client.options(path, headers=ask)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Methods"] == methods
    assert "x-evil" not in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
