import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from connectors.errors import Misconfigured
from processors.gateway.config import Policy
from processors.gateway.edge.auth import Needs
from processors.gateway.edge.keyring import SCOPES, Keyring, Scope
from tests.processors.gateway.world import NOW, World, problem, ticket_view

PUBLIC = {"/healthz", "/readyz", "/a/{token}", "/a/{token}/accept", "/a/{token}/decline", "/blobs/{token}",
          "/p/{token}"}  # fmt: skip
EXPECTED = {
    ("POST", "/v1/intakes"): "tickets:write",
    ("GET", "/v1/tickets"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/timeline"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/events"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/images/{number}"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/links"): "pricing:read",
    ("GET", "/v1/tasks"): "workflows:manage",
    ("POST", "/v1/tasks/{ticket_id}/{task_id}/complete"): "workflows:manage",
    ("GET", "/v1/stock"): "inventory:read",
    ("POST", "/v1/stock/receipts"): "inventory:write",
    ("POST", "/v1/flows/check"): "workflows:manage",
    ("GET", "/v1/figures"): "pricing:read",
    ("GET", "/v1/figures/{name}"): "pricing:read",
    ("GET", "/v1/tickets/{ticket_id}/clocks"): "tickets:read",
    ("GET", "/v1/checklists/{category}"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/conditions"): "tickets:read",
    ("PUT", "/v1/tickets/{ticket_id}/conditions/{stage}"): "tickets:write",
    ("POST", "/v1/tickets/{ticket_id}/conditions/{stage}/photos"): "tickets:write",
    ("GET", "/v1/tickets/{ticket_id}/conditions/photos/{number}"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/conditions/{stage}/document"): "tickets:read",
    ("POST", "/v1/tickets/{ticket_id}/conditions/{stage}/signature"): "tickets:write",
    ("GET", "/v1/tickets/{ticket_id}/label"): "tickets:read",
    ("GET", "/v1/labels"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/receipt"): "tickets:read",
    ("GET", "/v1/tickets/{ticket_id}/passcode"): "tickets:read",
    ("PUT", "/v1/tickets/{ticket_id}/passcode"): "tickets:write",
    ("DELETE", "/v1/tickets/{ticket_id}/passcode"): "tickets:write",
    ("POST", "/v1/tickets/{ticket_id}/passcode/unlock"): "workflows:manage",
    ("POST", "/v1/tickets/{ticket_id}/passcode/unlocks/{number}/read"): "workflows:manage",
}


def _routes(world: World) -> Iterator[tuple[str, str, APIRoute]]:
    for context in iter_route_contexts(world.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield method, context.path, route


def _scopes(dependant: Dependant) -> list[Scope]:
    own = [dependant.call.scope] if isinstance(dependant.call, Needs) else []
    return own + [scope for one in dependant.dependencies for scope in _scopes(one)]


def test_every_route_is_public_by_name_or_needs_exactly_one_scope(world: World) -> None:
    found = {(method, path): _scopes(route.dependant) for method, path, route in _routes(world)}
    assert {path for (_, path), scopes in found.items() if not scopes} == PUBLIC
    assert {key: scopes[0] for key, scopes in found.items() if scopes} == EXPECTED
    assert all(len(scopes) <= 1 for scopes in found.values())


def _url(path: str) -> str:
    return path.format(ticket_id="T-0001", number=0, task_id="t1", name="f", stage="intake", category="laptop")


@pytest.mark.parametrize(("method", "path"), list(EXPECTED))
async def test_refuses_no_key_a_wrong_key_and_a_key_without_the_scope(world: World, method: str, path: str) -> None:
    scope = EXPECTED[method, path]
    others = [other for other in SCOPES if other not in (scope, "admin")]
    good = world.key(scope)  # type: ignore[arg-type]
    wrong = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    # A body is sent so that a missing one cannot be what is refused.
    body = {"by": "x"} if path.endswith("complete") else {"location_id": "main"}
    async with world.client() as client:
        nobody = await client.request(method, _url(path), json=body)
        assert problem(nobody, 401, "unauthorized")["detail"].startswith("no good API key")
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        for header in ({"Authorization": f"Bearer {wrong}"}, {"X-API-Key": wrong}, {"Authorization": f"Basic {good}"}):
            problem(await client.request(method, _url(path), json=body, headers=header), 401, "unauthorized")
        headers = {"X-API-Key": world.key(*others)}
        assert (
            problem(await client.request(method, _url(path), json=body, headers=headers), 403, "missing_scope")["scope"]
            == scope
        )
    assert not world.sent


async def test_opens_with_either_header_and_admin_opens_everything(world: World) -> None:
    world.feed(ticket_view())
    key = world.key("tickets:read")
    async with world.client() as client:
        for header in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"X-API-Key": world.key("admin")}):
            assert (await client.get("/v1/tickets", headers=header)).status_code == 200


async def test_is_limited_to_the_keys_rate_and_says_when_to_come_back(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(requests_per_minute=3))
    async with world.client("tickets:read") as client:
        for left in (2, 1, 0):
            response = await client.get("/v1/tickets")
            assert response.status_code == 200
            assert response.headers["ratelimit"].startswith(f'"minute";r={left};t=')
            assert response.headers["ratelimit-policy"] == '"minute";q=3;w=60'
        refused = await client.get("/v1/tickets")
        problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
    async with world.client("tickets:read") as another:
        assert (await another.get("/v1/tickets")).status_code == 200


async def test_slows_down_whoever_guesses_keys(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(page_requests_per_minute=2))
    async with world.client() as client:
        codes = [(await client.get("/v1/tickets")).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


# --- the keyring ---------------------------------------------------------------------------------------------------


def _ring(path: Path, pepper: bytes = b"p" * 32) -> Keyring:
    return Keyring(path / "keys.json", pepper, environment="test")


def test_a_key_is_good_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    ring = _ring(tmp_path)
    made = ring.create("bench 1", frozenset({"tickets:read"}), now=NOW, expires_at=NOW + timedelta(days=1))
    assert made.key.startswith(f"nzl_test_{made.record.id}_")
    assert ring.verify(made.key, now=NOW) == made.record
    assert ring.verify(made.key, now=NOW + timedelta(days=1)) is None
    assert ring.revoke(made.record.id)
    assert not ring.revoke(made.record.id)
    assert ring.verify(made.key, now=NOW) is None


def test_the_file_holds_no_key_and_is_for_its_owner_only(tmp_path: Path) -> None:
    made = _ring(tmp_path).create("bench 1", frozenset({"admin"}), now=NOW)
    path = tmp_path / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.key.rpartition("_")[2] not in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


def test_a_running_edge_sees_keys_made_and_revoked_by_another_process(tmp_path: Path) -> None:
    running, tool = _ring(tmp_path), _ring(tmp_path)
    first = tool.create("one", frozenset({"admin"}), now=NOW)
    second = tool.create("two", frozenset({"admin"}), now=NOW + timedelta(seconds=1))
    assert running.verify(first.key, now=NOW) is not None
    assert [record.name for record in running.list()] == ["one", "two"]
    tool.revoke(first.record.id)
    assert running.verify(first.key, now=NOW) is None
    assert running.verify(second.key, now=NOW) is not None


def test_a_key_is_bad_under_another_pepper_or_environment(tmp_path: Path) -> None:
    made = _ring(tmp_path).create("one", frozenset({"admin"}), now=NOW)
    assert _ring(tmp_path, b"q" * 32).verify(made.key, now=NOW) is None
    live = Keyring(tmp_path / "keys.json", b"p" * 32, environment="live")
    assert live.verify(made.key, now=NOW) is None
    for text in ("", "nzl_test", made.key + "x", made.key.replace("nzl", "NZL"), "nzl_test_ÄÄÄÄÄÄÄÄ_" + "a" * 43):
        assert _ring(tmp_path).verify(text, now=NOW) is None


def test_says_what_is_wrong_when_the_file_is_damaged_or_the_pepper_is_short(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": [{"id": 1}]}')
    with pytest.raises(Misconfigured, match=r"keys\.json is no keyring"):
        _ring(tmp_path).list()
    with pytest.raises(Misconfigured, match="16 bytes"):
        _ring(tmp_path, b"short")
