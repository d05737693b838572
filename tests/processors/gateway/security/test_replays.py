"""Everything that is signed, sent a second time by whoever saw it: nothing is done twice, nothing else is done."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from connectors.clock.clock import SettableClock
from connectors.signing.client import Signed
from connectors.signing.services import Grant, Service
from connectors.webhooks.generic import Generic
from schemas.hooks import WebhookReceived
from schemas.quotes import AcceptQuote, DeclineQuote
from tests.processors.gateway.test_hooks import BODY, signed
from tests.processors.gateway.test_work import RECEIPT
from tests.processors.gateway.world import NOW, PASSWORD, World, picture, problem

PORTAL = Service("portal", b"portal's own key", Grant(scopes=frozenset({"inventory:write"})))
HOUR = timedelta(hours=1)
PIECES = [picture(seed=1), picture(seed=2)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, more={"hooks": {"acme": Generic(("shared",))}, "services": {"portal": PORTAL}.get})


def stranger(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://edge")


async def test_a_providers_delivery_is_one_fact_and_an_old_one_none(world: World) -> None:
    heard = signed()
    async with stranger(world) as thief:
        first = await thief.post("/hooks/acme", content=BODY, headers=heard)
        again = await thief.post("/hooks/acme", content=BODY, headers=heard)
        other = await thief.post("/hooks/acme", content=BODY.replace(b"job-7", b"job-8"), headers=heard)
        assert (first.json(), again.json()) == ({"received": True}, {"received": False})
        problem(other, 401, "unauthorized")
        world.clock.advance(timedelta(minutes=10))
        problem(await thief.post("/hooks/acme", content=BODY, headers=heard), 401, "unauthorized")
    assert [type(message) for _, message in world.sent] == [WebhookReceived]


async def test_a_delivery_heard_at_one_gateway_is_the_same_fact_at_another(world: World) -> None:
    heard, replica = signed(), httpx.ASGITransport(world.replica())
    async with stranger(world) as one, httpx.AsyncClient(transport=replica, base_url="http://edge") as other:
        for client in (one, other):
            assert (await client.post("/hooks/acme", content=BODY, headers=heard)).status_code == 200
    assert len({envelope.id for envelope, _ in world.sent}) == 1


async def test_a_services_call_is_done_once(world: World) -> None:
    url = httpx.Request("POST", "http://edge/v1/stock/receipts", json=RECEIPT)
    call = next(Signed("portal", PORTAL.key, SettableClock(NOW)).auth_flow(url))
    async with stranger(world) as thief:
        assert (await thief.send(call)).status_code == 201
        done = len(world.sent)
        problem(await thief.send(call), 401, "unauthorized")
        call.headers["Idempotency-Key"] = "mine"
        problem(await thief.send(call), 401, "unauthorized")
    assert len(world.sent) == done


async def test_a_customers_link_says_yes_once_and_cannot_take_it_back(world: World) -> None:
    path = world.with_quote()
    async with stranger(world) as thief:
        assert (await thief.post(f"{path}/accept", data={"tier": "original", "signed_by": "Ada"})).status_code == 200
        for answer, form in (("accept", {"tier": "refurbished", "signed_by": "Eve"}), ("decline", {"reason": "no"})):
            page = await thief.post(f"{path}/{answer}", data=form)
            assert "signed by Ada" in page.text
            assert "<form" not in page.text
    assert [type(message) for _, message in world.sent if isinstance(message, AcceptQuote | DeclineQuote)] == [
        AcceptQuote
    ]


async def test_an_address_for_one_upload_takes_nothing_else_later(world: World) -> None:
    url = await world.blobs.presign_put("images", "in/1", "image/jpeg", max_bytes=300_000, expires_in=HOUR)
    headers = {"Content-Type": "image/jpeg"}
    async with stranger(world) as thief:
        first = await thief.put(url, content=PIECES[0], headers=headers)
        assert first.status_code == 201
        again = await thief.put(url, content=PIECES[0], headers=headers)
        assert (again.status_code, again.json()) == (201, first.json()), "a lost answer is given again"
        problem(await thief.put(url, content=PIECES[1], headers=headers), 409, "address_used")
    stored = await world.blobs.stat("images", "in/1")
    assert stored is not None
    assert await world.blobs.get(stored.ref) == PIECES[0]


async def test_an_address_that_reads_one_object_reads_no_other_and_ends(world: World) -> None:
    ref = await world.blobs.put("images", "a", PIECES[0], "image/jpeg")
    url = await world.blobs.presign_get(ref, HOUR)
    async with stranger(world) as thief:
        assert (await thief.get(url)).content == PIECES[0]
        await world.blobs.put("images", "a", PIECES[1], "image/jpeg")
        other = await thief.get(url)
        assert (other.status_code, other.json()["code"]) == (500, "damaged"), "its hash is part of the address"
        world.clock.advance(HOUR)
        problem(await thief.get(url), 410, "expired")


async def test_a_link_for_a_password_is_good_once_and_for_nothing_else(world: World) -> None:
    admin = await world.logged_in("owner")
    user_id = (await admin.get("/v1/auth/me")).json()["id"]
    token = (await admin.post(f"/v1/users/{user_id}/link")).json()["token"]
    async with stranger(world) as thief:
        for path in (f"/a/{token}", f"/p/{token}", f"/blobs/{token}"):
            assert (await thief.get(path)).status_code == 404
        problem(await thief.post("/v1/auth/refresh", json={"refresh_token": token}), 401, "session_over")
        body = {"token": token, "password": "five words do it too"}
        assert (await thief.post("/v1/auth/password", json=body)).status_code == 204
        problem(await thief.post("/v1/auth/password", json={**body, "password": PASSWORD}), 410, "link_spent")


async def test_what_one_kind_of_signature_opens_no_other_does(world: World) -> None:
    """All are made of secrets of the shop; a token of one kind under another's address is none."""
    link = world.with_quote().removeprefix("/a/")
    ref = await world.blobs.put("images", "a", PIECES[0], "image/jpeg")
    address = (await world.blobs.presign_get(ref, HOUR)).rpartition("/")[2]
    async with world.client("tickets:read") as known:
        socket = (await known.post("/v1/live/tickets")).json()["ticket"]
    async with stranger(world) as thief:
        for token, own in ((link, "/a/"), (address, "/blobs/"), (socket, "")):
            for place in {"/a/", "/p/", "/blobs/"} - {own}:
                assert (await thief.get(place + token)).status_code == 404, f"{place} with one of {own or 'a socket'}"
            for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
                problem(await thief.get("/v1/tickets", headers=headers), 401, "unauthorized")
