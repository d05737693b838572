"""Subscriptions through the edge, answered by the rules of their owner."""

from base64 import b64decode
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.callbacks.standard import secret_of, shown
from processors.webhooks.config import Policy
from processors.webhooks.decide import decide
from processors.webhooks.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from schemas.webhooks import AddWebhook, AmendWebhook, WebhookView
from tests.processors.gateway.world import NOW, World, problem
from tests.processors.webhooks.builders import attempt, queue

NOW_ID = UUID(int=9)
WANTED: dict[str, Any] = {"url": "https://hooks.example/in", "types": ["noizylab.quote.*"]}


class Owner:
    """The webhooks processor without its log."""

    def __init__(self) -> None:
        self.views: dict[str, WebhookView] = {}

    def __call__(self, command: Message, envelope: Envelope) -> list[tuple[Event, View | None]]:
        key = str(getattr(command, "webhook_id", ""))
        outcome = decide(command, envelope.id, self.views.get(key), NOW, Policy())
        answers: list[tuple[Event, View | None]] = []
        for event in outcome.messages if isinstance(outcome, Emit) else ():
            assert isinstance(event, Event)
            self.views[key] = evolve(self.views.get(key), event)
            answers.append((event, self.views[key]))
        return answers


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, answer=Owner(), more={"webhook_master": "master"})


async def added(world: World, **changes: Any) -> dict[str, Any]:
    async with world.client("admin") as client:
        answer = await client.post("/v1/webhooks", json=WANTED | changes)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/webhooks/{answer.json()['webhook_id']}"
    found: dict[str, Any] = answer.json()
    return found


async def test_the_secret_is_shown_once(world: World) -> None:
    made = await added(world, description="Books")
    webhook_id = made["webhook_id"]
    assert made["secret"] == shown(secret_of("master", webhook_id, 1))
    assert len(b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert (made["status"], made["scopes"], made["description"]) == ("active", ["tickets:read"], "Books")
    async with world.client("admin") as client:
        one = (await client.get(f"/v1/webhooks/{webhook_id}")).json()
        [listed] = (await client.get("/v1/webhooks")).json()["webhooks"]
    assert one == listed == {name: value for name, value in made.items() if name != "secret"}
    assert not any(b"whsec" in message.to_json() for _, message in world.sent)


async def test_the_same_idempotency_key_is_the_same_subscription(world: World) -> None:
    key, headers = world.key("admin"), {"Idempotency-Key": "one"}
    async with world.client() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        first, again = [await client.post("/v1/webhooks", json=WANTED, headers=headers) for _ in range(2)]
        other = await client.post("/v1/webhooks", json=WANTED, headers={"Idempotency-Key": "two"})
    assert first.content == again.content
    assert other.json()["webhook_id"] != first.json()["webhook_id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://hooks.example/in"}, "url"),
        ({"url": "https://127.0.0.1/in"}, "url"),
        ({"url": "https://u:p@hooks.example/in"}, "url"),
        ({"url": "https://hooks.example/\r\nX: y"}, "url"),
        ({"types": []}, "types"),
        ({"types": ["noizylab.qoute.*"]}, "types.0"),
        ({"types": ["noizylab.webhook.delivery_attempted.v1"]}, "types.0"),
        ({"types": ["noizylab.quote.*", "*"]}, "types.1"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"workspace_id": "north"}, "workspace_id"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_says_which_field_cannot_be(world: World, changes: dict[str, Any], field: str) -> None:
    async with world.client("admin") as client:
        body = problem(await client.post("/v1/webhooks", json=WANTED | changes), 422, "validation")
    assert body["errors"][0]["field"] == field
    assert world.sent == []


async def test_an_address_of_this_machine_is_taken_where_that_is_allowed(tmp_path: Path) -> None:
    world = World(tmp_path, answer=Owner(), more={"webhook_master": "master", "webhooks_local": True})
    assert (await added(world, url="http://127.0.0.1:9/in"))["status"] == "active"


async def test_changes_what_is_given_and_shows_a_new_secret(world: World) -> None:
    path = f"/v1/webhooks/{(await added(world))['webhook_id']}"
    async with world.client("admin") as client:
        paused = (await client.patch(path, json={"enabled": False})).json()
        assert (paused["status"], paused["paused_because"], paused["url"]) == ("paused", "by_request", WANTED["url"])
        assert "secret" not in paused
        rotated = (await client.patch(path, json={"rotate_secret": True, "scopes": []})).json()
        assert rotated["secret"] == shown(secret_of("master", rotated["webhook_id"], 2))
        assert (rotated["scopes"], rotated["status"]) == ([], "paused")
        problem(await client.patch(path, json={"url": "http://hooks.example"}), 422, "validation")
        problem(await client.patch(path, json={"webhook_id": "W-0002"}), 422, "validation")
    _, amended = world.sent[-1]
    assert isinstance(amended, AmendWebhook)


async def test_removed_is_not_there_any_more(world: World) -> None:
    path = f"/v1/webhooks/{(await added(world))['webhook_id']}"
    async with world.client("admin") as client:
        assert (await client.delete(path)).status_code == 204
        problem(await client.get(path), 404, "not_found")
        problem(await client.delete(path), 404, "not_found")
        assert (await client.get("/v1/webhooks")).json() == {"webhooks": []}


async def test_a_test_waits_among_the_deliveries_and_is_refused_while_paused(world: World) -> None:
    path = f"/v1/webhooks/{(await added(world))['webhook_id']}"
    async with world.client("admin") as client:
        probe = await client.post(f"{path}/test")
        assert probe.status_code == 202
        [waiting] = (await client.get(f"{path}/deliveries")).json()["deliveries"]
        assert (waiting["delivery_id"], waiting["status"]) == (probe.json()["delivery_id"], "waiting")
        await client.patch(path, json={"enabled": False})
        problem(await client.post(f"{path}/test"), 409, "paused")


async def test_a_finished_delivery_is_replayed(world: World) -> None:
    webhook_id = (await added(world))["webhook_id"]
    owner = world.answer
    assert isinstance(owner, Owner)
    for command in (queue(1, webhook_id), attempt(1, status=200).model_copy(update={"webhook_id": webhook_id})):
        for event, view in owner(command, world.sent[0][0]):
            world.feed(event)
            assert view is not None
            world.feed(view)
    path = f"/v1/webhooks/{webhook_id}/deliveries"
    delivery_id = queue(1).delivery_id
    async with world.client("admin") as client:
        [done] = (await client.get(path)).json()["deliveries"]
        assert (done["status"], done["last_status"], done["attempts"]) == ("delivered", 200, 1)
        assert (await client.post(f"{path}/{delivery_id}/replay")).status_code == 202
        [waiting] = (await client.get(f"{path}?limit=1")).json()["deliveries"]
        assert (waiting["status"], waiting["delivery_id"]) == ("waiting", delivery_id)
        problem(await client.post(f"{path}/{delivery_id}/replay"), 409, "still_waiting")
        problem(await client.post(f"{path}/D-{'0' * 32}/replay"), 409, "no_delivery")


ROUTES = [
    ("GET", ""), ("POST", "/test"), ("PATCH", ""), ("DELETE", ""), ("GET", "/deliveries"),
    ("POST", f"/deliveries/D-{'0' * 32}/replay"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "rest"), ROUTES)
async def test_another_workspaces_subscription_does_not_exist(world: World, method: str, rest: str) -> None:
    theirs = AddWebhook(webhook_id="W-0009", workspace_id="north", actor="x", **WANTED)
    envelope = Envelope(NOW_ID, "/t", theirs.TYPE, "W-0009", NOW, NOW, "W-0009")
    for _, view in world.answer(theirs, envelope):
        assert view is not None
        world.feed(view)
    async with world.client("admin") as client:
        answer = await client.request(method, f"/v1/webhooks/W-0009{rest}", json={} if method == "PATCH" else None)
        problem(answer, 404, "not_found")
        assert (await client.get("/v1/webhooks")).json() == {"webhooks": []}
    assert world.sent == []


@pytest.mark.parametrize(("method", "rest"), [*ROUTES, ("POST", "")])
async def test_needs_an_administrator(world: World, method: str, rest: str) -> None:
    path = "/v1/webhooks" if (method, rest) == ("POST", "") else f"/v1/webhooks/W-0001{rest}"
    async with world.client("tickets:read", "workflows:manage") as client:
        problem(await client.request(method, path, json=WANTED), 403, "missing_scope")


async def test_says_accepted_when_the_owner_takes_too_long(world: World) -> None:
    path = f"/v1/webhooks/{(await added(world))['webhook_id']}"
    world.silent()
    async with world.client("admin") as client:
        late = await client.post("/v1/webhooks", json=WANTED)
        assert (late.status_code, late.json()["status"]) == (202, "accepted")
        assert late.json()["secret"].startswith("whsec_")
        for answer in (await client.patch(path, json={}), await client.delete(path), await client.post(f"{path}/test")):
            assert answer.status_code == 202
