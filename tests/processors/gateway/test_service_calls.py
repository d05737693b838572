"""A signed call at the edge: who it is, what it may do, and everything that may be changed on the way."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from connectors.clock.clock import SettableClock
from connectors.signing.client import Signed
from connectors.signing.services import Grant, ServiceFiles
from processors.gateway.commands import Caller
from processors.gateway.config import Policy
from processors.gateway.edge.auth import principal_named
from tests.processors.gateway.test_tickets import TICKET
from tests.processors.gateway.test_work import RECEIPT
from tests.processors.gateway.world import NOW, World, picture, problem, ticket_view

READ = f"/v1/tickets/{TICKET}?fields=state"
INTAKE = {
    "device": {"category": "laptop", "lock_state": "unlocked"},
    "complaint": "Does not start.",
    "customer": {"name": "Erika", "mail": "erika@example.org"},
    "channel": "kiosk",
    "consent_version": "2026-01",
}


class Services:
    """The services of a shop, and clients that call as one of them."""

    def __init__(self, path: Path) -> None:
        self.files = ServiceFiles(path / "services")
        self.world: World

    def may(self, name: str, *scopes: str, workspace_id: str = "main") -> None:
        self.files.create(name, Grant(workspace_id=workspace_id, scopes=frozenset(scopes)))

    def signer(self, name: str, *, seconds: int = 0) -> Signed:
        found = self.files.get(name)
        assert found is not None
        return Signed(name, found.key, SettableClock(NOW + timedelta(seconds=seconds)))

    def client(self, name: str = "", *, app: FastAPI | None = None, seconds: int = 0) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app or self.world.app)
        auth = self.signer(name, seconds=seconds) if name else None
        return httpx.AsyncClient(transport=transport, base_url="http://edge", auth=auth)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = Services(tmp_path)
    made.world = World(tmp_path, more={"services": made.files.get})
    made.world.feed(ticket_view())
    return made


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["www-authenticate"] == "NZL-HMAC-SHA256"
    return problem(answer, 401, "unauthorized")


async def test_a_service_reads_what_its_scope_opens_and_nothing_else(services: Services) -> None:
    services.may("portal", "tickets:read")
    async with services.client("portal") as portal:
        answer = await portal.get(READ)
        assert (answer.status_code, answer.json()["state"]) == (200, "received")
        assert answer.headers["ratelimit"].startswith('"minute";r=599;')
        assert problem(await portal.get("/v1/stock"), 403, "missing_scope")["scope"] == "inventory:read"
        me = (await portal.get("/v1/auth/me")).json()
        assert me == {"kind": "service", "id": "portal", "workspace_id": "main", "scopes": ["tickets:read"]}
        problem(await portal.post("/v1/auth/totp", json={"password": "x"}), 403, "users_only")


async def test_a_service_without_a_grant_may_nothing(services: Services) -> None:
    services.may("portal")
    async with services.client("portal") as portal:
        for path in (READ, "/v1/tickets", "/v1/stock", "/v1/users"):
            problem(await portal.get(path), 403, "missing_scope")


async def test_scopes_that_this_version_does_not_know_open_nothing(services: Services) -> None:
    services.may("portal", "tickets:everything", "Admin")
    async with services.client("portal") as portal:
        problem(await portal.get(READ), 403, "missing_scope")


async def test_a_service_sees_its_own_workspace_alone(services: Services) -> None:
    owner = await services.world.logged_in("owner")
    await owner.post("/v1/workspaces", json={"workspace_id": "hafen", "settings": {"name": "Hafen"}})
    services.may("portal", "admin", workspace_id="hafen")
    async with services.client("portal") as portal:
        problem(await portal.get(READ), 404, "not_found")
        assert (await portal.get("/v1/tickets")).json()["tickets"] == []
        own = {**RECEIPT, "location_id": "hafen"}
        assert (await portal.post("/v1/stock/receipts", json=own)).status_code == 201
        problem(await portal.post("/v1/stock/receipts", json={**RECEIPT, "location_id": "main"}), 404, "not_found")


async def test_what_a_service_asks_for_carries_its_name(services: Services) -> None:
    services.may("portal", "inventory:write")
    async with services.client("portal") as portal:
        assert (await portal.post("/v1/stock/receipts", json=RECEIPT)).status_code == 201
    envelope, _ = services.world.sent[-1]
    assert (envelope.auth_type, envelope.auth_id) == ("service", "portal")


async def test_uploads_in_pieces_are_taken_when_they_are_what_was_signed(services: Services) -> None:
    services.may("portal", "tickets:write")
    files = [("photos", (f"{n}.jpg", picture(seed=n), "image/jpeg")) for n in range(2)]
    async with services.client("portal") as portal:
        request = portal.build_request(
            "POST", "/v1/intakes", data={"intake": orjson.dumps(INTAKE).decode()}, files=files
        )
        body = await request.aread()
        headers = {
            "Content-Type": request.headers["content-type"],
            "Authorization": services.signer("portal").header("POST", b"/v1/intakes", body=body),
        }

        async def pieces(of: bytes) -> AsyncIterator[bytes]:
            for at in range(0, len(of), 10_000):
                yield of[at : at + 10_000]

        changed = body.replace(b"Does not start.", b"Does not stop..")
        async with services.client() as bare:
            refused(await bare.post("/v1/intakes", content=pieces(changed), headers=headers))
            assert services.world.sent == []
            headers["Authorization"] = services.signer("portal").header("POST", b"/v1/intakes", body=body)
            assert (await bare.post("/v1/intakes", content=pieces(body), headers=headers)).status_code == 201


CHANGES: dict[str, dict[str, Any]] = {
    "method": {"method": "PUT"},
    "path": {"url": "/v1/stock/receipts2"},
    "query": {"url": "/v1/stock/receipts?x=2"},
    "order of the query": {"url": "/v1/stock/receipts?b=1&x=1"},
    "no query": {"url": "/v1/stock/receipts"},
    "body": {"json": {**RECEIPT, "quantity": 40}},
    "longer body": {"content": orjson.dumps(RECEIPT) + b" "},
    "no body": {"content": b""},
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_call_that_was_changed_on_the_way_is_refused_and_nothing_is_done(services: Services, what: str) -> None:
    services.may("portal", "admin")
    asked = {"method": "POST", "url": "/v1/stock/receipts?x=1&b=1", "content": orjson.dumps(RECEIPT)}
    change = {name: value for name, value in CHANGES[what].items() if name != "json"}
    if "json" in CHANGES[what]:
        change["content"] = orjson.dumps(CHANGES[what]["json"])
    header = services.signer("portal").header("POST", b"/v1/stock/receipts", b"x=1&b=1", orjson.dumps(RECEIPT))
    headers = {"Authorization": header, "Content-Type": "application/json"}
    async with services.client() as bare:
        answer = await bare.request(**{**asked, **change}, headers=headers)
        if what not in ("method", "path"):
            refused(answer)
        assert answer.status_code in (401, 404, 405), "no such route, or not signed for it"
        assert services.world.sent == []
        again = services.signer("portal").header("POST", b"/v1/stock/receipts", b"x=1&b=1", orjson.dumps(RECEIPT))
        good = await bare.request(**asked, headers={**headers, "Authorization": again})
        assert good.status_code == 201, "the same call unchanged is good"


@pytest.mark.parametrize("part", ["key", "time", "nonce", "body", "signature"])
async def test_a_header_of_which_one_part_is_another_calls_is_refused(services: Services, part: str) -> None:
    services.may("portal", "admin")
    services.may("chat", "admin")
    path, query = READ.encode().split(b"?")
    header = services.signer("portal").header("GET", path, query)
    other = services.signer("chat", seconds=1).header("GET", path, query, b"x")
    taken = re.search(f'{part}="[^"]+"', other)
    assert taken is not None
    async with services.client() as bare:
        refused(await bare.get(READ, headers={"Authorization": re.sub(f'{part}="[^"]+"', taken[0], header)}))
        assert (await bare.get(READ, headers={"Authorization": header})).status_code == 200


@pytest.mark.parametrize("seconds", [-301, 301])
async def test_a_call_of_another_time_is_refused(services: Services, seconds: int) -> None:
    services.may("portal", "admin")
    async with services.client("portal", seconds=seconds) as portal:
        refused(await portal.get(READ))
    async with services.client("portal", seconds=seconds // 301 * 300) as portal:
        assert (await portal.get(READ)).status_code == 200


async def test_a_call_counts_once_for_as_long_as_its_time_is_good(services: Services) -> None:
    services.may("portal", "admin")
    path, query = READ.encode().split(b"?")
    headers = {"Authorization": services.signer("portal", seconds=300).header("GET", path, query)}
    async with services.client() as replayer:
        assert (await replayer.get(READ, headers=headers)).status_code == 200
        first = refused(await replayer.get(READ, headers=headers))
        services.world.clock.advance(timedelta(seconds=600))
        assert refused(await replayer.get(READ, headers=headers)) == first, "the reason is not told"
        services.world.clock.advance(timedelta(seconds=1))
        refused(await replayer.get(READ, headers=headers))


async def test_what_is_remembered_of_calls_goes_with_their_time(services: Services) -> None:
    services.may("portal", "admin")
    nonces = services.world.app.state.edge.nonces
    for step, seconds, held in ((0, 0, 1), (300, 300, 2), (301, 601, 2), (601, 1202, 1)):
        services.world.clock.advance(timedelta(seconds=step))
        async with services.client("portal", seconds=seconds) as portal:
            assert (await portal.get(READ)).status_code == 200
        assert len(nonces._seen) == held


async def test_services_come_go_and_change_without_a_restart(services: Services) -> None:
    services.may("portal", "tickets:read")
    signer = services.signer("portal")
    async with services.client("portal") as portal:
        assert (await portal.get(READ)).status_code == 200
        services.may("portal", "inventory:read")
        problem(await portal.get(READ), 403, "missing_scope")
        edge = services.world.app.state.edge
        live = principal_named(edge, Caller("service", "portal"))
        assert live is not None
        assert live.scopes == {"inventory:read"}
        services.files.revoke("portal")
        refused(await portal.get(READ, auth=signer))
        assert principal_named(edge, Caller("service", "portal")) is None


async def test_no_name_and_no_form_of_the_header_opens_anything_without_its_key(services: Services) -> None:
    services.may("portal", "admin")
    good = services.signer("portal").header("GET", *READ.encode().split(b"?"))
    forms = [
        good.replace("portal", "nobody"), good.replace("portal", "../portal"), good.replace('"', ""), good + ", x",
        "NZL-HMAC-SHA256", "NZL-HMAC-SHA256 ", good.replace("signature", "Signature"),
    ]  # fmt: skip
    async with services.client() as bare:
        for form in forms:
            refused(await bare.get(READ, headers={"Authorization": form, "X-API-Key": services.world.key("admin")}))


async def test_a_service_has_a_rate_and_replays_are_held_to_the_address(tmp_path: Path) -> None:
    services = Services(tmp_path)
    policy = Policy(requests_per_minute=2, page_requests_per_minute=3)
    services.world = World(tmp_path, policy=policy, more={"services": services.files.get})
    services.may("portal", "tickets:read")
    services.may("chat", "tickets:read")
    async with services.client("portal") as portal, services.client("chat") as chat, services.client() as bare:
        codes = [(await portal.get("/v1/tickets")).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert (await chat.get("/v1/tickets")).status_code == 200
        forged = {"Authorization": services.signer("chat").header("GET", b"/v1/stock")}
        assert [(await bare.get("/v1/tickets", headers=forged)).status_code for _ in range(4)] == [401] * 3 + [429]
        assert (await chat.get("/v1/tickets")).status_code == 200
