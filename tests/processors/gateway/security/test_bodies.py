"""What a body may bring along: what its route names, and no more of it than allowed. Every route is asked."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.gateway.config import Policy
from tests.processors.gateway.test_every_route import filled
from tests.processors.gateway.world import World, problem, ticket_view

NOT_ITS_TO_SAY = {
    "workspace_id": "hafen", "scopes": ["admin"], "roles": ["owner"], "by": "user:somebody", "actor": "user:somebody",
    "caller": "user:somebody", "state": "collected", "version": 99, "mac": "0" * 64, "password_id": "0" * 32,
    "access_id": "U-1", "user_id": "U-1", "opened_at": "2020-01-01T00:00:00Z", "is_admin": True, "__proto__": {"a": 1},
    "type": "noizylab.ticket.opened.v1", "causation_id": "x",
}  # fmt: skip
"""What owners, logs and other frameworks know things by."""
LONGEST = 3_000


@pytest.fixture
def patient(tmp_path: Path) -> World:
    """A shop that lets one address and one key ask as often as these walks do."""
    world = World(
        tmp_path,
        policy=Policy(
            outcome_wait_s=0.05, publish_wait_s=0.05, page_requests_per_minute=100_000, requests_per_minute=100_000,
            body_max_bytes=LONGEST, hook_max_bytes=LONGEST, import_max_bytes=LONGEST, upload_max_bytes=LONGEST,
            file_max_bytes=LONGEST, object_max_bytes=LONGEST,
        ),
    )  # fmt: skip
    world.feed(ticket_view())
    return world


def writes(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and what is described of every route that changes something."""
    for path, methods in world.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if method in ("post", "put", "patch", "delete"):
                yield method.upper(), path, operation


def schemas_in(world: World, operation: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the object schemas of a body of one media type, with those inside of it."""
    known = world.app.openapi()["components"]["schemas"]
    waiting, seen = [operation.get("requestBody", {}).get("content", {}).get(kind, {}).get("schema", {})], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            name = one.get("$ref")
            if name is None:
                if one.get("type") == "object":
                    yield one
                waiting.extend(one.values())
            elif name not in seen:
                seen.add(name)
                waiting.append(known[name.rpartition("/")[2]])


def test_no_object_in_any_body_keeps_fields_that_it_does_not_name(patient: World) -> None:
    """A body refuses them. Values of the log inside of it leave them out, as all readers of the log do."""
    found = 0
    for method, path, operation in writes(patient):
        for depth, schema in enumerate(schemas_in(patient, operation, "application/json")):
            found += 1
            more = schema.get("additionalProperties", False)
            assert more is False or "properties" not in schema, f"{method} {path}: {schema.get('title')}"
            assert depth or "additionalProperties" in schema, f"{method} {path} leaves them out without a word"
    assert found > 40


async def test_no_route_takes_a_field_that_is_not_its_to_say(patient: World) -> None:
    walked = 0
    async with patient.client("admin") as client:
        for method, path, operation in writes(patient):
            top = next(schemas_in(patient, operation, "application/json"), None)
            if top is None:
                continue
            walked += 1
            extra = {name: value for name, value in NOT_ITS_TO_SAY.items() if name not in top["properties"]}
            assert len(extra) >= len(NOT_ITS_TO_SAY) - 3, f"{method} {path} names them itself"
            answer = await client.request(method, filled(path, {}), json=extra)
            said = problem(answer, 422, "validation")["errors"]
            refused = {one["field"] for one in said if one["code"] == "extra_forbidden"}
            assert refused == set(extra), f"{method} {path}"
    assert walked > 30
    assert patient.sent == []


async def test_no_route_takes_a_body_that_is_no_object(patient: World) -> None:
    async with patient.client("admin") as client:
        for method, path, operation in writes(patient):
            if next(schemas_in(patient, operation, "application/json"), None) is None:
                continue
            for body in (b"[]", b"null", b'"x"', b"1e999", b"{", b"\xff\xfe", b"[" * 1_400 + b"]" * 1_400, b""):
                headers = {"Content-Type": "application/json"}
                answer = await client.request(method, filled(path, {}), content=body, headers=headers)
                assert answer.status_code in (400, 422), f"{method} {path} {body[:9]!r}: {answer.status_code}"
    assert patient.sent == []


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
async def test_no_route_reads_more_than_it_takes(patient: World, announced: bool) -> None:
    """Routes that take no body at all need not look at it, but they neither hold nor take it."""
    over = 80_000 + 30_000_000  # a form has room for its other parts, a file that of a photo
    url = patient.blob_urls.put_url("images", "a", "image/jpeg", max_bytes=9, expires_in=timedelta(hours=1))
    token = url.rpartition("/")[2]
    async with patient.client("admin") as client:
        for method, path, operation in writes(patient):
            taken = 0

            async def body() -> AsyncIterator[bytes]:
                nonlocal taken
                piece = b" " * 1_000_000
                while taken < over:
                    taken += len(piece)
                    yield piece

            kind = next(iter(operation.get("requestBody", {}).get("content", {})), "application/json")
            headers = {"Content-Type": f"{kind}; boundary=x" if kind.startswith("multipart") else kind}
            if announced:
                headers["Content-Length"] = str(over)
            url = filled(path.replace("{provider}", "generic").replace("{token}", token), {})
            answer = await client.request(method, url, content=body(), headers=headers)
            assert answer.status_code >= 400 or "requestBody" not in operation, f"{method} {path}"
            if announced:
                assert answer.status_code == 413, f"{method} {path}: {answer.status_code}"
            assert taken < over, f"{method} {path} read everything"
    assert patient.sent == [] or not announced
