import logging
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from connectors.errors import Misconfigured, Permanent, Transient
from processors.gateway.edge.keyring import Keyring
from tests.processors.gateway.world import TICKET, World, problem, ticket_view


class Broken(Keyring):
    """A keyring whose file cannot be read in some way."""

    error: Exception = RuntimeError("bug")

    def _load(self) -> None:
        raise self.error


def _client(app: FastAPI) -> httpx.AsyncClient:
    # The server error handler answers, then lets the error through to the server's log.
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://edge")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Transient("disk 10.0.0.7 is away"), 503, "unavailable"),
        (Misconfigured("password of 10.0.0.7 is wrong"), 503, "unavailable"),
        (Permanent("10.0.0.7 holds nonsense"), 500, "damaged"),
        (RuntimeError("10.0.0.7 has a bug"), 500, "internal"),
    ],
)
async def test_tells_the_log_what_failed_and_the_caller_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    world = World(tmp_path)
    key = world.key("tickets:read")
    world.keyring.__class__ = Broken
    world.keyring.error = error  # type: ignore[attr-defined]
    with caplog.at_level(logging.WARNING):
        async with _client(world.app) as client:
            response = await client.get("/v1/tickets", headers={"X-API-Key": key})
    problem(response, status, code)
    assert "10.0.0.7" not in response.text
    assert "10.0.0.7" in caplog.text
    assert ("retry-after" in response.headers) == (status == 503)


async def test_keeps_the_key_in_a_customers_link_out_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    path = world.with_quote()
    world.down = RuntimeError("bug")
    async with _client(world.app) as client:
        response = await client.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})
    assert response.status_code == 500
    assert "/a/..." in caplog.text
    assert path.removeprefix("/a/") not in caplog.text


async def test_says_where_and_what_with_every_error(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("tickets:read") as client:
        body = problem(await client.get(f"/v1/tickets/{TICKET}/images/-1"), 422, "validation")
    assert body["title"] == "Unprocessable Entity"
    assert body["instance"] == f"/v1/tickets/{TICKET}/images/-1"
    assert body["errors"][0]["field"] == "number"
