"""Line breaks, quotes and markup into everything that an answer gives back: none makes a header, a link or a script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.types import Message

from processors.gateway.config import Policy
from tests.processors.gateway.test_every_route import filled
from tests.processors.gateway.test_files import PDF
from tests.processors.gateway.test_ticket_writes import owner_behind
from tests.processors.gateway.world import TICKET, World, ticket_view

BREAK = "a\r\nX-Evil: 1\r\n\r\n<script>evil()</script>"
ENDLESS = {"/v1/live/events", "/v1/tickets/{ticket_id}/events"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    policy = Policy(
        outcome_wait_s=0.05, publish_wait_s=0.05, page_requests_per_minute=100_000, requests_per_minute=100_000
    )
    world = World(tmp_path, policy=policy)
    world.answer = owner_behind(world.views)
    world.feed(ticket_view())
    return world


def operations(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in world.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path not in ENDLESS:
                url = path.replace("{provider}", "acme").replace("{token}", "x")
                yield method.upper(), filled(url, {}), operation


def unbroken(answer: Any, place: str) -> None:
    for name, value in answer.headers.raw:
        assert not {b"\r", b"\n", b"\0"} & {bytes([one]) for one in name + value}, place
        assert b"evil" not in name.lower() + value.lower(), f"{place}: {name!r}"
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        assert b"<script>evil" not in answer.content, place


async def test_no_parameter_of_any_route_comes_back_in_a_header_or_as_script(world: World) -> None:
    tried = 0
    async with world.client("admin") as client:
        for method, url, operation in operations(world):
            queries = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            for name in [*queries, "unknown"]:
                tried += 1
                unbroken(await client.request(method, url, params={name: BREAK}, json={}), f"{method} {url}?{name}=")
    assert tried > 120


async def test_no_part_of_a_path_comes_back_in_a_header_or_as_script(world: World) -> None:
    tried = 0
    async with world.client("admin") as client:
        for path, methods in world.app.openapi()["paths"].items():
            for name in [part.strip("{}") for part in path.split("/") if part.startswith("{")]:
                for value in ("a%0d%0aX-Evil:%201", "%3Cscript%3Eevil()%3C", 'evil"%22evil'):
                    tried += 1
                    others = filled(path.replace(f"{{{name}}}", value).replace("{token}", "x"), {"provider": "acme"})
                    answer = await client.request(next(iter(methods)), others, json={})
                    unbroken(answer, f"{path} {name}={value}")
                    assert answer.status_code >= 400
    assert tried > 100


@pytest.mark.parametrize(
    "field",
    ["x-request-id", "origin", "idempotency-key", "if-none-match", "range", "if-range", "last-event-id", "traceparent",
     "tracestate", "accept-language", "accept", "content-type", "host", "x-forwarded-host", "authorization", "referer",
     "access-control-request-method", "user-agent"],
)  # fmt: skip
async def test_no_field_of_a_request_comes_back_in_a_header(world: World, field: str) -> None:
    """Past any server: what it would refuse comes to the edge as it is."""
    key = world.key("admin").encode()
    headers = [(b"host", b"edge"), (b"x-api-key", key), (field.encode(), BREAK.encode())]
    for method, path in (("GET", "/v1/tickets"), ("POST", "/v1/webhooks"), ("OPTIONS", "/v1/tickets"), ("GET", "/a/x")):
        for name, value in (await start_of(world, method, path, headers))["headers"]:
            assert b"\r" not in value, (method, path, name)
            assert b"\n" not in value, (method, path, name)
            assert b"evil" not in value.lower(), (method, path, name)


async def start_of(world: World, method: str, path: str, headers: list[tuple[bytes, bytes]]) -> Message:
    sent: list[Message] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("edge", 80),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await world.app(scope, receive, send)
    return sent[0]


@pytest.mark.parametrize(
    "name", ['x"\r\nX-Evil: 1', "../../evil.html", "evil.pdf\0.exe", "<script>evil()</script>.pdf"]
)
async def test_the_name_that_a_file_came_under_is_forgotten(world: World, name: str) -> None:
    boundary = "frontier"
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="kind"\r\n\r\ndocument\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/html\r\n\r\n"
    )
    body = parts.encode() + PDF + f"\r\n--{boundary}--\r\n".encode()
    url = f"/v1/tickets/{TICKET}/files"
    async with world.client("admin") as client:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        made = await client.post(url, content=body, headers=headers)
        unbroken(made, "upload")
        if made.status_code == 201:
            file = await client.get(f"{url}/{made.json()['file_id']}")
            unbroken(file, "download")
            assert file.headers["content-disposition"] == f'attachment; filename="{made.json()["file_id"]}.pdf"'
            assert file.headers["content-type"] == "application/pdf"
        else:
            assert made.status_code in (400, 422), made.text
    assert b"evil" not in b"".join(record.value or b"" for record in world.records)
