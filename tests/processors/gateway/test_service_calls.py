"""A signed call at the edge."""

from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, Request

from connectors.signing.client import Signed
from processors.gateway.edge.service_calls import ServiceCaller, service_principal
from tests.processors.gateway.world import World, problem

KEYS = {"portal": b"portal's own key"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, more={"service_key": KEYS.get})

    @world.app.post("/v1/who/{name}")
    async def who(
        request: Request, name: str, caller: Annotated[ServiceCaller | None, Depends(service_principal)]
    ) -> dict[str, str | int | None]:
        return {"service": caller and caller.caller.id, "bytes": len(await request.body())}

    return world


def client(world: World, auth: httpx.Auth | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://edge", auth=auth)


async def test_knows_the_service_and_leaves_the_body_to_the_route(world: World) -> None:
    async with client(world, Signed("portal", KEYS["portal"], world.clock)) as service:
        answer = await service.post("/v1/who/caf%C3%A9?x=1&a=%20", content=b"hello")
    assert answer.json() == {"service": "portal", "bytes": 5}


async def test_leaves_other_callers_to_others(world: World) -> None:
    async with client(world) as stranger:
        for headers in ({}, {"Authorization": "Bearer x"}):
            assert (await stranger.post("/v1/who/x", headers=headers)).json()["service"] is None


async def test_a_call_that_was_changed_or_repeated_is_refused_without_a_reason(world: World) -> None:
    signed = next(
        Signed("portal", KEYS["portal"], world.clock).auth_flow(httpx.Request("POST", "http://edge/v1/who/x?a=1"))
    )
    headers = {"Authorization": signed.headers["Authorization"]}
    async with client(world) as replayer:
        assert (await replayer.post("/v1/who/x?a=1", headers=headers)).json()["service"] == "portal"
        again = problem(await replayer.post("/v1/who/x?a=1", headers=headers), 401, "unauthorized")
        changed = problem(await replayer.post("/v1/who/x?a=2", headers=headers), 401, "unauthorized")
    assert again == changed
