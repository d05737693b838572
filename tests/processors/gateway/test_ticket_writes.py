"""Writes to tickets through the edge, with the decisions of the tickets' owner behind it."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from processors.gateway.views import ReadModel
from processors.tickets.config import Policy
from processors.tickets.decide import decide
from processors.tickets.device_history import decide_device, evolve_device
from processors.tickets.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Command, Event, Message, View
from schemas.core.outcome import Emit
from schemas.devices import Device
from schemas.ticket_parts import TicketDevice
from schemas.tickets import TicketView
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view
from topics.devices import DEVICE_COMMANDS, DEVICE_VIEWS
from topics.registry import topic_of
from topics.tickets import TICKET_VIEWS

OTHER = "T-0002"
PHONE = Device(category="mobile", brand="Norden", imei="490154203237518")


def owner_behind(views: ReadModel) -> Any:
    """Answer commands as the tickets processor does, and the commands that it sends itself."""

    def answer(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        return list(handled(command, envelope))

    def handled(command: Message, envelope: Envelope) -> Iterator[tuple[Event, View | None]]:
        of_a_device = topic_of(command.TYPE) is DEVICE_COMMANDS
        key = str(getattr(command, "device_id" if of_a_device else "ticket_id"))
        view: Any = views.view(DEVICE_VIEWS if of_a_device else TICKET_VIEWS, key, View)
        now = envelope.time
        outcome = decide_device(command, view, now) if of_a_device else decide(command, view, now, Policy())
        for message in outcome.messages if isinstance(outcome, Emit) else ():
            if isinstance(message, Event):
                view = evolve_device(view, message) if of_a_device else evolve(view, message)
                yield message, view
        for message in outcome.messages if isinstance(outcome, Emit) else ():
            if isinstance(message, Command):
                yield from handled(message, envelope)

    return answer


@pytest.fixture
def shop(world: World) -> World:
    world.answer = owner_behind(world.views)
    world.feed(ticket_view())
    return world


def seen(world: World, ticket_id: str = TICKET) -> TicketView:
    view = world.views.view(TICKET_VIEWS, ticket_id, TicketView)
    assert view is not None
    return view


def refused(response: httpx.Response, guard: str) -> None:
    assert problem(response, 409, "refused")["guard"] == guard


URL = f"/v1/tickets/{TICKET}"
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/moves", {"to": "triage", "reason": "x", "evidence": {"bin": "A-1"}}),
    ("PUT", "/hold", {"reason": "x", "hold": "customer"}),
    ("POST", "/hold/release", {"reason": "x"}),
    ("POST", "/payments", {"reference": "r1", "kind": "deposit", "amount_cents": 5, "currency": "EUR"}),
    ("PUT", "/custody", {"reason": "x", "custody": "shop", "bin": "B-2"}),
    ("PATCH", "", {"reason": "x", "changes": [{"field": "language", "to": "de"}]}),
    ("PUT", "/assignment", {"technician": "bob"}),
    ("POST", "/notes", {"kind": "public", "text": "Comes on Friday."}),
    ("PATCH", "/notes/note-1", {"text": "Other."}),
    ("POST", "/notes/note-1/withdraw", {"reason": "x"}),
    ("POST", "/devices", {"device": {"category": "mobile"}}),
    ("POST", "/devices/1/remove", {"reason": "x"}),
    ("POST", "/devices/1/moves", {"reason": "x", "to": "returned"}),
    ("POST", "/split", {"reason": "x", "device_numbers": [1]}),
    ("POST", "/merge", {"reason": "x", "into": OTHER}),
    ("POST", "/warranty-claims", {"repair_line": "battery", "cause": "part", "complaint": "Again."}),
    ("DELETE", "", {"reason": "x"}),
]
every_write = pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=[f"{one[0]} {one[1]}" for one in BODIES])


@every_write
async def test_needs_its_scope_takes_nothing_more_and_never_who_acts(
    shop: World, method: str, path: str, body: dict[str, Any]
) -> None:
    shop.feed(ticket_view(OTHER))
    async with shop.client("tickets:read") as client:
        problem(await client.request(method, URL + path, json=body), 403, "missing_scope")
    async with shop.client("tickets:write", "tickets:delete") as client:
        for more in ("actor", "workspace_id", "version"):
            bad = problem(await client.request(method, URL + path, json=body | {more: "x"}), 422, "validation")
            assert more in bad["errors"][0]["field"]
        before = len(shop.sent)
        answer = await client.request(method, URL + path, json=body)
    assert answer.status_code in (200, 201, 409)
    [(envelope, command), *_] = shop.sent[before:]
    assert envelope.auth_id is not None
    assert command.model_dump()["actor"] == f"api_key:{envelope.auth_id}"


@every_write
async def test_a_ticket_of_another_workspace_does_not_exist(
    shop: World, method: str, path: str, body: dict[str, Any]
) -> None:
    shop.feed(ticket_view(workspace_id="harbour"))
    async with shop.client("admin") as client:
        problem(await client.request(method, URL + path, json=body), 404, "not_found")
    assert shop.sent == []


async def test_answers_with_the_change_the_guard_or_that_nothing_changed(shop: World) -> None:
    async with shop.client("tickets:write") as client:
        done = (await client.put(f"{URL}/hold", json={"reason": "waits", "hold": "customer"})).json()
        assert (done["status"], done["version"], done["event"]["before"]) == ("done", 2, "none")
        again = await client.put(f"{URL}/hold", json={"reason": "waits", "hold": "customer"})
        assert (again.status_code, again.json()["status"]) == (200, "unchanged")
        stale = {"to": "triage", "reason": "x", "evidence": {"bin": "A"}, "expected_version": 1}
        refused(await client.post(f"{URL}/moves", json=stale), "version_conflict")
        refused(await client.post(f"{URL}/moves", json=stale | {"expected_version": 2}), "on_hold")
        shop.silent()
        late = await client.post(f"{URL}/hold/release", json={"reason": "came"})
    assert (late.status_code, late.json()["status"]) == (202, "accepted")
    assert late.headers["location"] == f"{URL}/timeline"


async def test_words_lie_sealed_are_read_in_clear_and_are_gone_after_the_erasure(shop: World) -> None:
    shop.feed(ticket_view(state="collected", complaint=await shop.vault.seal_text(TICKET, "Fell into the sea.")))
    async with shop.client("tickets:write", "tickets:read", "tickets:delete") as client:
        key = {"Idempotency-Key": "n1"}
        first = await client.post(f"{URL}/notes", json={"kind": "internal", "text": "Salt inside."}, headers=key)
        second = await client.post(f"{URL}/notes", json={"kind": "internal", "text": "Salt inside."}, headers=key)
        assert (first.status_code, first.json()["event"]) == (201, second.json()["event"])
        [note] = seen(shop).notes
        assert note.text.startswith("nzs1.T-0001.")
        shown = (await client.get(f"{URL}?include=timeline")).json()
        assert (shown["complaint"], shown["notes"][0]["text"]) == ("Fell into the sea.", "Salt inside.")
        assert "Salt inside." in str(shown["timeline"])
        assert (await client.request("DELETE", URL, json={"reason": "customer_asked"})).status_code == 200
        assert seen(shop).notes == ()
        # The vault's key is destroyed by the owner, which is not here.
        await shop.vault.forget_texts(TICKET)
        after = await client.get(f"{URL}?include=timeline")
        assert "Salt inside." not in after.text
        assert "(erased)" in after.text
        refused(await client.post(f"{URL}/notes", json={"kind": "internal", "text": "x"}), "erased")


async def test_a_sealed_text_of_another_workspace_stays_sealed(shop: World) -> None:
    foreign = await shop.vault.seal_text(OTHER, "A secret of the harbour.")
    shop.feed(ticket_view(OTHER, workspace_id="harbour"))
    shop.feed(ticket_view(device=Device(category="laptop", model=foreign), complaint=f'"{foreign}"'))
    async with shop.client("tickets:read") as client:
        body = (await client.get(URL)).json()
    assert body["device"]["model"] == "(sealed)"
    assert body["complaint"] == f'"{foreign}"'


async def test_splits_merges_and_claims_answer_with_the_other_ticket(shop: World) -> None:
    two = (TicketDevice(number=1, device=seen(shop).device), TicketDevice(number=2, device=PHONE))
    shop.feed(ticket_view(devices=two))
    async with shop.client("tickets:write", "tickets:read") as client:
        split = await client.post(f"{URL}/split", json={"reason": "apart", "device_numbers": [2]})
        new = split.json()["new_ticket_id"]
        assert seen(shop, new).links[0].ticket_id == TICKET
        assert seen(shop, new).device == PHONE
        merged = await client.post(f"/v1/tickets/{new}/merge", json={"reason": "back", "into": TICKET})
        assert (merged.status_code, seen(shop, new).state) == (200, "cancelled")
        assert [link.kind for link in seen(shop).links] == ["split_into", "merged_from"]
        forced = {"reason": "back", "into": TICKET, "forced": True}
        problem(await client.post(f"/v1/tickets/{new}/merge", json=forced), 403, "missing_scope")
        shop.feed(ticket_view(OTHER, state="collected", outcome="fixed", warranty_began_at=NOW))
        wish = {"repair_line": "board", "cause": "part", "complaint": "Dead again."}
        claimed = await client.post(f"/v1/tickets/{OTHER}/warranty-claims", json=wish)
        assert claimed.status_code == 201
        shown = (await client.get(f"/v1/tickets/{claimed.json()['new_ticket_id']}")).json()
    assert (shown["complaint"], shown["links"]) == ("Dead again.", [{"kind": "warranty_of", "ticket_id": OTHER}])
