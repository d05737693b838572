import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from connectors.errors import Transient
from processors.gateway.edge.routes_bulk import AT_ONCE
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.ticket_facets import TicketRequestRefused
from schemas.tickets import MoveTicket, TicketMoved, TicketMoveRefused
from tests.processors.gateway.test_lists import in_workspace
from tests.processors.gateway.test_ticket_writes import owner_behind, seen
from tests.processors.gateway.world import NOW, World, problem, ticket_view

MOVE = {"do": "move", "to": "triage", "reason": "sorted", "evidence": {"bin": "A1"}}


def _moves(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
    """Move what is received, refuse what is not, say nothing about T-late."""
    assert isinstance(command, MoveTicket)
    ticket_id = command.ticket_id
    if ticket_id == "T-late":
        return []
    if ticket_id == "T-0003":
        refused = TicketMoveRefused(
            ticket_id=ticket_id,
            from_state="qc",
            to_state=command.to,
            guard="no_transition",
            detail="No way leads from qc to triage.",
            actor=command.actor,
            refused_at=NOW,
        )
        return [(refused, None)]
    moved = TicketMoved(
        ticket_id=ticket_id,
        from_state="received",
        to_state=command.to,
        reason=command.reason,
        actor=command.actor,
        version=2,
        moved_at=NOW,
    )
    return [(moved, ticket_view(ticket_id, state=command.to, version=2))]


def _shop(world: World) -> None:
    for ticket_id, state in (("T-0001", "received"), ("T-0002", "triage"), ("T-0003", "qc"), ("T-late", "received")):
        world.feed(ticket_view(ticket_id, state=state))
    world.answer = _moves


IDS = ["T-0001", "T-0002", "T-0003", "T-late", "T-0404", "T-0001"]


def _statuses(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 200, response.text
    return {item["ticket_id"]: item["status"] for item in response.json()["items"]}


async def test_says_of_each_ticket_what_became_of_it(world: World) -> None:
    _shop(world)
    async with world.client("tickets:write") as client:
        response = await client.post("/v1/tickets/bulk", json={"ids": IDS, "action": MOVE})
    body = response.json()
    assert list(_statuses(response).items()) == [
        ("T-0001", "done"),
        ("T-0002", "unchanged"),
        ("T-0003", "refused"),
        ("T-late", "late"),
        ("T-0404", "not_found"),
    ]
    assert body["total"] == 5
    assert body["counts"] == {"done": 1, "unchanged": 1, "refused": 1, "late": 1, "not_found": 1}
    refused = body["items"][2]
    assert (refused["reason"], refused["detail"]) == ("no_transition", "No way leads from qc to triage.")
    [sent] = [command for _, command in world.sent if command.ticket_id == "T-0001"]  # type: ignore[attr-defined]  # of the kinds that are sent here
    assert isinstance(sent, MoveTicket)
    assert sent.evidence.bin == "A1"
    assert sent.actor.startswith("api_key:")


async def test_does_nothing_twice_when_it_is_repeated_with_its_key(world: World) -> None:
    _shop(world)
    async with world.client("tickets:write") as client:
        first = await client.post("/v1/tickets/bulk", json={"ids": IDS, "action": MOVE})
        key = {"Idempotency-Key": first.json()["idempotency_key"]}
        again = await client.post("/v1/tickets/bulk", json={"ids": IDS, "action": MOVE}, headers=key)
        assert _statuses(again) == _statuses(first)
        sent = [envelope.id for envelope, command in world.sent]
        assert len(set(sent)) == 3
        other = {**MOVE, "to": "cancelled"}
        reused = await client.post("/v1/tickets/bulk", json={"ids": ["T-0001"], "action": other}, headers=key)
        problem(reused, 422, "idempotency_key_reused")
        assert len({envelope.id for envelope, _ in world.sent}) == 3


async def test_a_query_is_looked_up_once_and_a_dry_run_sends_nothing(world: World) -> None:
    _shop(world)
    async with world.client("tickets:write") as client:
        asked = {"query": {"state": "received,triage"}, "action": MOVE, "dry_run": True}
        dry = await client.post("/v1/tickets/bulk", json=asked)
        assert _statuses(dry) == {"T-0001": "would_send", "T-0002": "unchanged", "T-late": "would_send"}
        assert world.sent == []
        for number in range(500):
            world.feed(ticket_view(f"T-more-{number}"))
        much = problem(await client.post("/v1/tickets/bulk", json=asked), 422, "validation")
        assert "narrow the query" in much["detail"]


async def test_tells_items_as_lines_while_they_come(world: World) -> None:
    _shop(world)
    async with world.client("tickets:write") as client:
        response = await client.post(
            "/v1/tickets/bulk", json={"ids": IDS, "action": MOVE}, headers={"Accept": "application/x-ndjson"}
        )
    head, *items, tail = (json.loads(line) for line in response.text.splitlines())
    assert response.headers["content-type"] == "application/x-ndjson"
    assert head["total"] == len(items) == 5
    assert items[-1]["ticket_id"] == "T-late"
    assert tail["counts"]["done"] == 1


async def test_goes_no_further_when_the_log_takes_no_commands(world: World) -> None:
    ids = [f"T-{number:04}" for number in range(AT_ONCE * 3)]
    for ticket_id in ids:
        world.feed(ticket_view(ticket_id))
    tries = 0

    async def publish(records: Any) -> None:
        nonlocal tries
        tries += 1
        raise Transient("away")

    world.publish = publish  # type: ignore[method-assign]  # the test listens in
    async with world.client("tickets:write") as client:
        response = await client.post("/v1/tickets/bulk", json={"ids": ids, "action": MOVE})
    assert set(_statuses(response).values()) == {"failed"}
    assert len(response.json()["items"]) == len(ids)
    assert tries < len(ids)


async def test_tickets_of_another_workspace_are_not_there(world: World) -> None:
    _shop(world)
    async with world.client("tickets:write") as client:
        in_workspace(world, "west")
        by_id = await client.post("/v1/tickets/bulk", json={"ids": ["T-0001"], "action": MOVE})
        assert _statuses(by_id) == {"T-0001": "not_found"}
        by_query = await client.post("/v1/tickets/bulk", json={"query": {}, "action": MOVE})
        assert by_query.json()["items"] == []
    assert world.sent == []


async def test_refuses_what_is_not_asked_for_clearly(world: World) -> None:
    async with world.client("tickets:write") as client:
        for body in (
            {"action": MOVE},
            {"ids": ["T-0001"], "query": {}, "action": MOVE},
            {"ids": [], "action": MOVE},
            {"ids": ["T-0001"] * 501, "action": MOVE},
            {"ids": ["T-0001"], "action": {**MOVE, "actor": "root"}},
            {"ids": ["T-0001"], "action": {**MOVE, "evidence": {"bim": "A1"}}},
            {"ids": ["T-0001"], "action": {"do": "explode"}},
            {"ids": ["T-0001"], "action": {"do": "note", "kind": "internal", "text": " "}},
            {"ids": ["T-0001"], "action": {"do": "assign", "technician": "x", "actor": "root"}},
            {"ids": ["T-0001"], "action": {"do": "release"}},
            {"query": {"workspace": "west"}, "action": MOVE},
        ):
            problem(await client.post("/v1/tickets/bulk", json=body), 422, "validation")


ON_OPEN_TICKETS: list[tuple[dict[str, Any], str]] = [
    ({"do": "assign", "technician": "bob", "bench": "b-1"}, "unchanged"),
    ({"do": "hold", "hold": "supplier", "reason": "parts_late"}, "unchanged"),
    ({"do": "note", "kind": "internal", "text": "Closed on Friday."}, "done"),
]


@pytest.mark.parametrize(("action", "twice"), ON_OPEN_TICKETS, ids=["assign", "hold", "note"])
async def test_other_actions_are_done_once_by_their_key_and_refused_where_the_owner_refuses(
    world: World, action: dict[str, Any], twice: str
) -> None:
    world.answer = owner_behind(world.views)
    for ticket_id in ("T-0001", "T-0002"):
        world.feed(ticket_view(ticket_id))
    world.feed(ticket_view("T-0003", state="collected", erased_at=NOW))
    asked = {"ids": ["T-0001", "T-0002", "T-0003"], "action": action}
    async with world.client("tickets:write") as client:
        dry = await client.post("/v1/tickets/bulk", json={**asked, "dry_run": True})
        assert set(_statuses(dry).values()) == {"would_send"}
        assert world.sent == []
        first = await client.post("/v1/tickets/bulk", json=asked, headers={"Idempotency-Key": "k"})
        assert _statuses(first) == {"T-0001": "done", "T-0002": "done", "T-0003": "refused"}
        assert first.json()["items"][2]["reason"] in {"erased", "closed"}
        again = await client.post("/v1/tickets/bulk", json=asked, headers={"Idempotency-Key": "k"})
        assert again.content == first.content
        anew = await client.post("/v1/tickets/bulk", json={**asked, "ids": ["T-0001"]})
        assert _statuses(anew) == {"T-0001": twice}
    assert all(command.model_dump()["actor"].startswith("api_key:") for _, command in world.sent)


async def test_a_note_on_many_tickets_lies_sealed_under_each_ones_key(world: World) -> None:
    world.answer = owner_behind(world.views)
    ids = ["T-0001", "T-0002"]
    for ticket_id in ids:
        world.feed(ticket_view(ticket_id))
    world.feed(ticket_view("T-0003", erased_at=NOW))
    note = {"do": "note", "kind": "public", "text": "Closed on Friday."}
    async with world.client("tickets:write") as client:
        answer = await client.post("/v1/tickets/bulk", json={"ids": [*ids, "T-0003"], "action": note})
    assert list(_statuses(answer).values()) == ["done", "done", "refused"]
    assert answer.json()["items"][2]["reason"] == "erased"
    for ticket_id in ids:
        [written] = seen(world, ticket_id).notes
        assert written.text.startswith(f"nzs1.{ticket_id}.")
        assert await world.vault.open_text(written.text) == "Closed on Friday."
    # An erased ticket's key is not made anew.
    assert await world.stored.stat("vault", "keys/T-0003") is None


async def test_release_lets_go_and_leaves_what_is_not_on_hold(world: World) -> None:
    world.answer = owner_behind(world.views)
    world.feed(ticket_view("T-0001", hold="customer"))
    world.feed(ticket_view("T-0002"))
    release = {"do": "release", "reason": "came"}
    async with world.client("tickets:write") as client:
        answer = await client.post("/v1/tickets/bulk", json={"ids": ["T-0001", "T-0002"], "action": release})
    assert _statuses(answer) == {"T-0001": "done", "T-0002": "unchanged"}
    assert seen(world, "T-0001").hold == "none"


async def test_what_the_owner_finds_to_be_so_already_is_unchanged(world: World) -> None:
    """The gateway's view may be behind: then only the owner knows."""
    world.feed(ticket_view())

    def already(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        refused = TicketRequestRefused(
            ticket_id="T-0001",
            asked=command.TYPE,
            guard="already_so",
            detail="It is on hold.",
            actor="x",
            refused_at=NOW,
        )
        return [(refused, None)]

    world.answer = already
    action = {"do": "hold", "hold": "customer", "reason": "asked"}
    async with world.client("tickets:write") as client:
        answer = await client.post("/v1/tickets/bulk", json={"ids": ["T-0001"], "action": action})
    assert _statuses(answer) == {"T-0001": "unchanged"}
