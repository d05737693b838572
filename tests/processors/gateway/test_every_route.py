"""Walks all routes of the edge: each names one scope or has a reason, and none shows one tenant another's things."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from processors.gateway.config import Policy
from processors.gateway.edge.auth import Needs, SignedIn
from processors.gateway.edge.keyring import SCOPES, Scope
from schemas.core.blob_ref import BlobRef
from schemas.inventory import StockView
from schemas.ticket_parts import TicketFile
from schemas.workflow import FlowView
from tests.processors.gateway.world import NOW, PASSWORD, TICKET, World, picture, problem, ticket_view
from tests.schemas.examples import examples_of

NO_SCOPE = {
    "/healthz": "says that the process lives, and nothing else",
    "/readyz": "says whether it may be given requests",
    "/.well-known/jwks.json": "public keys, for whoever checks access tokens",
    "/a/{token}": "the customer's page; the signed link is the right",
    "/a/{token}/accept": "the customer's page; the signed link is the right",
    "/a/{token}/decline": "the customer's page; the signed link is the right",
    "/i/{token}": "an inspection for the bench; the signed link is the right",
    "/i/{token}/{number}": "its pictures; the signed link is the right",
    "/p/{token}": "who opened the customer's passcode; the signed link is the right",
    "/blobs/{token}": "one stored object; the signed address is the right",
    "/hooks/{provider}": "the provider's signature is the right",
    "/v1/auth/login": "asks for a password",
    "/v1/auth/refresh": "asks for a refresh token",
    "/v1/auth/logout": "one's own session, whatever one may do",
    "/v1/auth/me": "one's own account, whatever one may do",
    "/v1/auth/password": "asks for the token of a link, or one's own old password",
    "/v1/auth/totp": "one's own second factor, whatever one may do",
    "/v1/auth/totp/remove": "one's own second factor, whatever one may do",
}
FOR_KNOWN_CALLERS = {
    ("POST", "/v1/auth/logout"), ("GET", "/v1/auth/me"), ("PUT", "/v1/auth/password"), ("POST", "/v1/auth/totp"),
    ("PUT", "/v1/auth/totp"), ("POST", "/v1/auth/totp/remove"),
}  # fmt: skip
"""Of those without a scope, the ones that ask who calls."""
NOT_TENANTS = {"/v1/figures/{name}": "a figure adds up all workspaces: who may see it is decided by role"}
THE_SAME_FOR_ALL = {
    "/v1/checklists/{category}": "what to look at is the house's own text",
    "/v1/analytics/export/{view}": "one name for all, with the caller's own rows in it: test_exports.py",
    "/v1/analytics/forecasts/{series}": "the names of series are the same for all; each sees the own workspace's",
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/tasks/{ticket_id}/{task_id}/complete"): {"by": "x"},
    ("PATCH", "/v1/users/{user_id}"): {"roles": ["kiosk"]},
    ("PUT", "/v1/workspaces/{workspace_id}"): {"name": "taken over"},
    ("PATCH", "/v1/webhooks/{webhook_id}"): {"enabled": False},
    ("PUT", "/v1/devices/{device_id}/flags/{kind}"): {"on": True},
    ("PATCH", "/v1/tickets/{ticket_id}"): {"reason": "typo", "changes": [{"field": "complaint", "to": "Mine now."}]},
    ("DELETE", "/v1/tickets/{ticket_id}"): {"reason": "asked"},
    ("PUT", "/v1/tickets/{ticket_id}/passcode"): {
        "passcode": {"kind": "pin", "code": "4711"},
        "tasks": ["function_test"],
        "stored_by": "x",
    },
    ("POST", "/v1/tickets/{ticket_id}/passcode/unlock"): {
        "task": "function_test",
        "reason": "looked at",
        "unlocked_by": "x",
    },
    ("PUT", "/v1/tickets/{ticket_id}/conditions/{stage}"): {"answers": [], "recorded_by": "x"},
    ("POST", "/v1/tickets/{ticket_id}/conditions/{stage}/signature"): {
        "document_sha256": "0" * 64,
        "signed_by": "Xaver",
        "drawing": {"path": "M 1 1 " + "L 9 9 L 40 20 " * 12},
    },
    ("PUT", "/v1/tickets/{ticket_id}/qc/checkpoints/{checkpoint_id}"): {"verdict": "pass"},
    ("POST", "/v1/schematics/{board}/diagnosis"): {},
    ("PUT", "/v1/schematics/{board}"): {
        "files": [
            {
                "name": "a.kicad_pcb",
                "blob": {
                    "bucket": "designs",
                    "key": "uploads/main/x/0",
                    "sha256": "0" * 64,
                    "size_bytes": 1,
                    "media_type": "application/octet-stream",
                },
            }
        ]
    },
    **{
        (method, f"/v1/tickets/{{ticket_id}}/{path}"): body
        for method, path, body in (
            ("POST", "qc/begin", {}),
            ("POST", "qc/signature", {}),
            ("POST", "qc/conclusion", {"verdict": "pass"}),
            ("POST", "qc/waiver", {"reason": "in a hurry"}),
            ("POST", "diagnosis", {"readings": [{"what": "x", "normal": True}]}),
            ("POST", "moves", {"to": "triage", "reason": "begun"}),
            ("PUT", "hold", {"reason": "asked", "hold": "customer"}),
            ("POST", "hold/release", {"reason": "asked"}),
            ("POST", "payments", {"reference": "r-1", "kind": "part", "amount_cents": 100, "currency": "EUR"}),
            ("PUT", "custody", {"reason": "moved", "custody": "shop"}),
            ("PUT", "assignment", {"technician": "x"}),
            ("DELETE", "files/{file_id}", {"reason": "typo"}),
            ("POST", "notes", {"kind": "internal", "text": "Hello."}),
            ("PATCH", "notes/{note_id}", {"text": "Hello."}),
            ("POST", "notes/{note_id}/withdraw", {"reason": "typo"}),
            ("POST", "devices", {"device": {"category": "laptop"}}),
            ("POST", "devices/{number}/remove", {"reason": "typo"}),
            ("POST", "devices/{number}/moves", {"reason": "begun", "to": "repairing"}),
            ("POST", "split", {"reason": "asked", "device_numbers": [2]}),
            ("POST", "merge", {"reason": "asked", "into": "T-0002"}),
            ("POST", "warranty-claims", {"repair_line": "screen", "cause": "part", "complaint": "Again."}),
        )
    },
}
"""Good bodies of routes with a path parameter, so that the body cannot be what is refused."""


def routes(world: World) -> Iterator[tuple[str, str, APIRoute]]:
    for context in iter_route_contexts(world.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for method in sorted(route.methods):
                yield method, context.path, route


def gates(dependant: Dependant) -> list[SignedIn]:
    own = [dependant.call] if isinstance(dependant.call, SignedIn) else []
    return own + [gate for one in dependant.dependencies for gate in gates(one)]


def scopes(route: APIRoute) -> list[Scope]:
    return [gate.scope for gate in gates(route.dependant) if isinstance(gate, Needs)]


@pytest.fixture
def patient(tmp_path: Path) -> World:
    """A shop that lets one address ask as often as these walks do."""
    return World(tmp_path, policy=Policy(outcome_wait_s=0.05, publish_wait_s=0.05, page_requests_per_minute=100_000))


def test_every_route_names_exactly_one_scope_or_has_a_reason_not_to(world: World) -> None:
    found = {(method, path): route for method, path, route in routes(world)}
    assert len(found) > 30
    assert {path for (_, path), route in found.items() if not scopes(route)} == set(NO_SCOPE)
    assert all(len(scopes(route)) <= 1 for route in found.values())
    open_to_known = {where for where, route in found.items() if gates(route.dependant) and not scopes(route)}
    assert open_to_known == FOR_KNOWN_CALLERS


async def test_every_route_refuses_no_key_a_wrong_key_and_every_other_scope(patient: World) -> None:
    keys = {scope: patient.key(scope) for scope in SCOPES}
    wrong = keys["admin"][:-4] + ("AAAA" if keys["admin"][-4:] != "AAAA" else "BBBB")
    bad = (
        {},
        {"Authorization": f"Bearer {wrong}"},
        {"X-API-Key": wrong},
        {"Authorization": f"Basic {keys['admin']}"},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    )
    async with patient.client() as client:
        for method, path, route in routes(patient):
            if not gates(route.dependant):
                continue
            url, body = filled(path, {}), BODIES.get((method, path), {"password": "x"})
            for headers in bad:
                answer = await client.request(method, url, json=body, headers=headers)
                assert answer.status_code in (401, 422), f"{method} {path} with {headers}"
                if answer.status_code == 401:
                    problem(answer, 401, "unauthorized")
                    assert answer.headers["www-authenticate"].startswith("Bearer")
            for scope in scopes(route):
                for other in set(SCOPES) - {scope, "admin"}:
                    answer = await client.request(method, url, json=body, headers={"X-API-Key": keys[other]})
                    assert problem(answer, 403, "missing_scope")["scope"] == scope, f"{method} {path} with {other}"
    assert patient.sent == []


# --- tenants -------------------------------------------------------------------------------------------------------


async def tenants(world: World) -> tuple[httpx.AsyncClient, httpx.AsyncClient, dict[str, str]]:
    """Return an owner of ``main`` with everything that a route can be about, one of ``hafen``, and main's names."""
    ref = await world.blobs.put("images", "a/1.jpg", picture(), "image/jpeg")
    assert isinstance(ref, BlobRef)
    file = TicketFile(file_id="file-1", kind="photo_after", blob=ref, by="x", attached_at=NOW)
    world.feed(ticket_view(photos=(ref,), files=(file,)))
    flow = examples_of(FlowView)["full"].model_copy(update={"ticket_id": TICKET})
    assert isinstance(flow, FlowView)
    world.feed(flow)
    own = await world.logged_in("owner")
    member = await own.post("/v1/users", json={"mail": "bo@example.org", "name": "Bo", "roles": ["technician"]})
    key = await own.post("/v1/keys", json={"name": "till", "scopes": ["tickets:read"]})
    opened = await own.post("/v1/workspaces", json={"workspace_id": "hafen", "settings": {"name": "Hafen"}})
    assert (member.status_code, key.status_code, opened.status_code) == (201, 201, 201)
    other = await world.logged_in("owner", mail="cy@example.org", workspace_id="hafen")
    names = {
        "ticket_id": TICKET,
        "number": "0",
        "task_id": "t1",
        "user_id": member.json()["user_id"],
        "key_id": key.json()["id"],
        "workspace_id": "main",
        "name": "f",
    }
    return own, other, names


def filled(path: str, names: dict[str, str]) -> str:
    defaults = {
        "ticket_id": TICKET, "number": "0", "task_id": "t1", "user_id": f"U-{'0' * 32}", "key_id": "a" * 8,
        "workspace_id": "main", "name": "f", "webhook_id": "W-0001", "delivery_id": "D-" + "0" * 32,
        "note_id": "note-1", "file_id": "file-1",
        "device_id": "D-00000000-0000-0000-0000-000000000000", "kind": "stolen", "stage": "intake",
        "category": "laptop", "checkpoint_id": "reassembled", "view": "v_tickets", "series": "intake",
        "board": "NZL-PSU-10", "ref": "U1",
    }  # fmt: skip
    if "/devices/{number}" in path or "/unlocks/{number}" in path:
        names = names | {"number": "1"}  # photos count from 0, the others from 1
    try:
        return path.format(**(defaults | names))
    except KeyError as missing:
        raise AssertionError(f"{path}: say in tenants() and filled() what {missing} is") from missing


async def test_no_route_shows_or_changes_what_belongs_to_another_tenant(patient: World) -> None:
    own, other, names = await tenants(patient)
    before = len(patient.sent)
    walked = 0
    for method, path, route in routes(patient):
        if not gates(route.dependant) or "{" not in path or path in THE_SAME_FOR_ALL:
            continue
        walked += 1
        answer = await other.request(method, filled(path, names), json=BODIES.get((method, path)))
        assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        if path not in NOT_TENANTS:
            # The same words as for what does not exist at all: nothing can be told from them.
            nothing = {"ticket_id": "T-none", "user_id": f"U-{'0' * 32}", "key_id": "a" * 8, "workspace_id": "nowhere"}
            absent = await other.request(method, filled(path, nothing), json=BODIES.get((method, path)))
            assert answer.status_code == absent.status_code, f"{method} {path}"
            assert plain(answer, names) == plain(absent, nothing), f"{method} {path}"
    assert walked >= 15
    assert len(patient.sent) == before
    for path in ("/v1/tickets", "/v1/tasks", "/v1/stock", "/v1/keys"):
        answer = await other.get(path)
        assert answer.status_code == 200, path
        assert [found for found in answer.json().values() if found] == [], path
    assert [user["mail"] for user in (await other.get("/v1/users")).json()["users"]] == ["cy@example.org"]
    assert [one["workspace_id"] for one in (await other.get("/v1/workspaces")).json()["workspaces"]] == ["hafen"]
    # What was refused is there, and its owner reaches it: the walk would prove nothing otherwise.
    for path in ("/v1/tickets/{ticket_id}", "/v1/tickets/{ticket_id}/images/{number}", "/v1/users/{user_id}",
                 "/v1/tickets/{ticket_id}/files/{file_id}",
                 "/v1/workspaces/{workspace_id}", "/v1/tickets/{ticket_id}/links"):  # fmt: skip
        assert (await own.get(filled(path, names))).status_code == 200, path
    assert len((await own.get("/v1/tickets")).json()["tickets"]) == 1
    assert len((await own.get("/v1/tasks")).json()["tasks"]) >= 1
    assert len((await own.get("/v1/keys")).json()["keys"]) == 1


def plain(answer: httpx.Response, names: dict[str, str]) -> Any:
    text = answer.text
    for name, value in names.items():
        if name in ("ticket_id", "user_id", "key_id", "workspace_id"):
            text = text.replace(value, name)
    return orjson.loads(text)


async def test_an_intake_and_its_ticket_belong_to_the_callers_workspace(world: World) -> None:
    form = {
        "device": {"category": "laptop", "lock_state": "unlocked"},
        "complaint": "Does not start.",
        "customer": {"name": "Erika", "mail": "erika@example.org"},
        "channel": "kiosk",
        "consent_version": "2026-01",
    }
    files = [("photos", (f"{n}.jpg", picture(seed=n), "image/jpeg")) for n in range(2)]
    key, other = world.key("tickets:write", workspace_id="hafen"), world.key("tickets:read")
    async with world.client() as client:
        made = await client.post(
            "/v1/intakes", data={"intake": orjson.dumps(form).decode()}, files=files, headers={"X-API-Key": key}
        )
        assert made.status_code == 201, made.text
        ticket = f"/v1/tickets/{made.json()['ticket_id']}"
        problem(await client.get(ticket, headers={"X-API-Key": other}), 404, "not_found")
        own = world.key("tickets:read", workspace_id="hafen")
        assert (await client.get(ticket, headers={"X-API-Key": own})).json()["workspace_id"] == "hafen"


async def test_nobody_books_parts_into_another_tenants_shelf(world: World) -> None:
    own, other, _ = await tenants(world)
    receipt = {"receipt_id": "r1", "sku": "battery.laptop", "quantity": 1, "unit_cost_cents": 100}
    for client, location, status in (
        (own, "main", 201), (own, "shelf-1", 201), (own, "hafen", 404), (own, "hafen_back", 404),
        (other, "hafen", 201), (other, "hafen_back", 201), (other, "main", 404), (other, "shelf-1", 404),
    ):  # fmt: skip
        answer = await client.post("/v1/stock/receipts", json={**receipt, "location_id": location})
        assert answer.status_code == status, location


async def test_a_workspace_cannot_take_over_a_shelf_by_its_name(world: World) -> None:
    own = await world.logged_in("owner")
    stock = examples_of(StockView)["full"].model_copy(update={"location_id": "hafen_back"})
    world.feed(stock, key="hafen_back/x")
    answer = await own.post("/v1/workspaces", json={"workspace_id": "hafen", "settings": {"name": "Hafen"}})
    problem(answer, 409, "location_taken")


async def test_figures_over_all_workspaces_are_for_whoever_runs_the_house(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.client("pricing:read") as reader:
        problem(await reader.get("/v1/figures/f"), 404, "not_found")
        own, other, _ = await tenants(world)
        problem(await reader.get("/v1/figures/f"), 403, "all_workspaces")
        problem(await other.get("/v1/figures/f"), 403, "all_workspaces")
        problem(await own.get("/v1/figures/f"), 404, "not_found")


async def test_only_an_administrator_of_the_default_workspace_opens_another(world: World) -> None:
    own, other, _ = await tenants(world)
    wish = {"workspace_id": "altona", "settings": {"name": "Altona"}}
    problem(await other.post("/v1/workspaces", json=wish), 403, "not_the_house")
    problem(await own.post("/v1/workspaces", json={**wish, "workspace_id": "hafen"}), 409, "workspace_exists")
    problem(await own.post("/v1/workspaces", json={**wish, "workspace_id": "main"}), 409, "workspace_exists")
    names = {one["workspace_id"] for one in (await own.get("/v1/workspaces")).json()["workspaces"]}
    assert names == {"main", "hafen"}
    assert PASSWORD not in str(world.sent)
