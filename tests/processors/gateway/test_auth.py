import stat
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from processors.gateway.config import Policy
from processors.gateway.edge.keyring import Keyring
from tests.processors.gateway.world import NOW, World, problem, ticket_view


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
