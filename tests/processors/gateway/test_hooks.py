"""Webhooks from outside, from the request to the log."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from twilio.request_validator import RequestValidator

from connectors.errors import Transient
from connectors.webhooks.ebay import Ebay
from connectors.webhooks.generic import Generic
from connectors.webhooks.port import Incoming, Verifier
from connectors.webhooks.slack import Slack
from connectors.webhooks.twilio import Twilio
from processors.gateway.edge.hooks import Hooks
from schemas.hooks import WebhookReceived
from tests.processors.gateway.world import NOW, World, problem

BODY = b'{"id": "job-7", "type": "scan.done", "customer": "Erika"}'


class NoKeys:
    async def get(self, key_id: str) -> None:
        return None


def shop(path: Path, **more: Any) -> World:
    hooks: dict[str, Verifier] = {
        "acme": Generic(("shared",)),
        "slack": Slack(("shared",)),
        "twilio": Twilio(("12345",)),
        "ebay": Ebay(("token",), NoKeys()),
    }
    return World(path, more={"hooks": hooks, "public_url": "https://shop.example/", **more})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return shop(tmp_path)


def signed(body: bytes = BODY, secret: bytes = b"shared", at: int | None = None) -> dict[str, str]:
    when = at or int(NOW.timestamp())
    digest = hmac.new(secret, b"%d.%b" % (when, body), hashlib.sha256).hexdigest()
    return {"X-NoizyLab-Signature": f"t={when},v1={digest}", "Content-Type": "application/json; charset=utf-8"}


def received(world: World) -> list[WebhookReceived]:
    return [message for _, message in world.sent if isinstance(message, WebhookReceived)]


async def test_a_good_delivery_is_a_fact_with_a_sealed_body(world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/hooks/acme", content=BODY, headers=signed())
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    [(envelope, event)] = world.sent
    assert isinstance(event, WebhookReceived)
    assert (event.provider, event.delivery_id, event.hook_type) == ("acme", "job-7", "scan.done")
    assert (event.verified_with, event.received_at) == ("1", NOW)
    assert (envelope.auth_type, envelope.auth_id) == ("webhook", "acme")
    assert b"Erika" not in event.to_json()
    assert event.payload is not None
    assert event.payload.media_type == "application/json"
    assert await world.blobs.get(event.payload) == BODY
    stored = [path.read_bytes() for path in (world.path / "blobs").rglob("*") if path.is_file()]
    assert not any(b"Erika" in one for one in stored)


async def test_a_repetition_is_answered_and_does_nothing(world: World) -> None:
    later = int(NOW.timestamp()) + 60
    async with world.client() as client:
        await client.post("/hooks/acme", content=BODY, headers=signed())
        again = await client.post("/hooks/acme", content=BODY, headers=signed())
        anew = await client.post("/hooks/acme", content=BODY, headers=signed(at=later))
    assert [(one.status_code, one.json()) for one in (again, anew)] == [(200, {"received": False})] * 2
    assert len(received(world)) == 1


async def test_another_replica_writes_the_same_record_under_the_same_id(tmp_path: Path) -> None:
    ids = []
    for replica in ("one", "two"):
        world = shop(tmp_path / replica)
        async with world.client() as client:
            await client.post("/hooks/acme", content=BODY, headers=signed())
        [(envelope, event)] = world.sent
        ids.append((envelope.id, event.to_json()))
    assert ids[0] == ids[1]


async def test_two_providers_may_give_the_same_id(world: World) -> None:
    hooks = Hooks(world.app.state.edge.commands, world.blobs, world.clock)
    delivery = await Generic(("shared",)).verify(incoming_of(signed()), NOW)
    assert await hooks.take("acme", delivery, BODY, "application/json")
    assert await hooks.take("bolt", delivery, BODY, "application/json")
    assert len({envelope.id for envelope, _ in world.sent}) == 2


def incoming_of(headers: dict[str, str]) -> Incoming:
    return Incoming("https://shop.example/hooks/acme", {k.lower(): v for k, v in headers.items()}, BODY)


async def test_nothing_is_said_to_be_received_before_the_log_has_it(world: World) -> None:
    world.down = Transient("no broker")
    async with world.client() as client:
        lost = await client.post("/hooks/acme", content=BODY, headers=signed())
        problem(lost, 503, "unavailable")
        world.down = None
        assert (await client.post("/hooks/acme", content=BODY, headers=signed())).json() == {"received": True}
    assert len(received(world)) == 1


async def test_a_sender_is_never_told_why_its_signature_is_not_good_but_the_metrics_are(world: World) -> None:
    before = counted("signature_wrong")
    attempts = [signed(secret=b"guess"), signed(at=1), {}, {"X-NoizyLab-Signature": "t=,v1="}]
    async with world.client() as client:
        answers = [await client.post("/hooks/acme", content=BODY, headers=headers) for headers in attempts]
    bodies = [problem(one, 401, "unauthorized") for one in answers]
    assert all(body == bodies[0] for body in bodies)
    assert all("WWW-Authenticate" in one.headers for one in answers)
    assert world.sent == []
    assert counted("signature_wrong") == before + 2


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("noizylab_hooks_total", {"provider": "acme", "result": result}) or 0


async def test_guessing_is_slowed_down(world: World) -> None:
    async with world.client() as client:
        for _ in range(world.policy.page_requests_per_minute):
            await client.post("/hooks/acme", content=BODY)
        problem(await client.post("/hooks/acme", content=BODY), 429, "rate_limited")
        assert (await client.post("/hooks/acme", content=BODY, headers=signed())).status_code == 200


async def test_a_provider_without_a_secret_is_not_there(world: World) -> None:
    async with world.client() as client:
        problem(await client.post("/hooks/stripe", content=BODY, headers=signed()), 404, "not_found")
        problem(await client.get("/hooks/acme"), 404, "not_found")
        problem(await client.post("/hooks/ACME", content=BODY, headers=signed()), 422, "validation")


async def test_a_body_that_is_too_large_is_not_read(world: World) -> None:
    async with world.client() as client:
        huge = b"x" * (world.policy.hook_max_bytes + 1)
        problem(await client.post("/hooks/acme", content=huge, headers=signed(huge)), 413, "too_large")
        fits = b"x" * world.policy.hook_max_bytes
        assert (await client.post("/hooks/acme", content=fits, headers=signed(fits))).status_code == 200


async def test_the_public_address_counts_and_not_the_host_of_the_request(world: World) -> None:
    sign = RequestValidator("12345").compute_signature
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    good = sign("https://shop.example/hooks/twilio?n=1", form)
    forged = sign("http://evil.example/hooks/twilio?n=1", form)
    async with world.client() as client:
        for signature, status in ((forged, 401), (good, 200)):
            headers = {"X-Twilio-Signature": signature, "Host": "evil.example"}
            answer = await client.post("/hooks/twilio?n=1", data=form, headers=headers)
            assert answer.status_code == status
    assert [event.hook_type for event in received(world)] == ["message.delivered"]


async def test_a_handshake_is_answered_and_is_no_fact(world: World) -> None:
    body = b'{"type":"url_verification","challenge":"3eZbrw"}'
    when = str(int(NOW.timestamp()))
    digest = hmac.new(b"shared", b"v0:%b:%b" % (when.encode(), body), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": when, "X-Slack-Signature": f"v0={digest}"}
    async with world.client() as client:
        assert (await client.post("/hooks/slack", content=body, headers=headers)).json() == {"challenge": "3eZbrw"}
        proof = await client.get("/hooks/ebay?challenge_code=abc")
        problem(await client.get("/hooks/ebay"), 401, "unauthorized")
    expected = hashlib.sha256(b"abctokenhttps://shop.example/hooks/ebay").hexdigest()
    assert proof.json() == {"challengeResponse": expected}
    assert world.sent == []


async def test_an_empty_body_has_no_payload(world: World) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://edge") as client:
        await client.post("/hooks/acme", headers=signed(b""))
    [event] = received(world)
    assert event.payload is None
