"""Sessions: logging in, staying in, getting out, on every gateway; and what a thief or a guesser gets."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest

from processors.gateway.access.seals import Seals
from processors.gateway.edge.keyring import Scope
from processors.gateway.edge.login import DECOY_USER
from processors.gateway.edge.passwords import Passwords
from processors.gateway.edge.throttle import ACCOUNT_TRIES, ADDRESS_TRIES
from processors.gateway.views import ReadModel
from schemas.access import UserView
from tests.processors.gateway.world import PASSWORD, World, problem
from topics.access import ACCESS_VIEWS

MAIL = "ada@example.org"


def bare(world: World, app: Any = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app or world.app), base_url="http://edge")


async def log_in(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.post("/v1/auth/login", json={"mail": MAIL, "password": PASSWORD, **changes})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- logging in ----------------------------------------------------------------------------------------------------


async def test_a_member_logs_in_and_does_what_the_roles_open(world: World) -> None:
    user_id = await world.user("front_desk")
    async with bare(world) as client:
        answer = await log_in(client, mail="ADA@Example.ORG")
        assert answer.status_code == 200
        assert answer.json().keys() == {"access_token", "token_type", "expires_in", "refresh_token", "session_id"}
        assert answer.headers["cache-control"] == "no-store"
        client.headers.update(bearer(answer.json()["access_token"]))
        me = (await client.get("/v1/auth/me")).json()
        assert (me["id"], me["kind"], me["workspace_id"], me["roles"]) == (user_id, "user", "main", ["front_desk"])
        assert me["scopes"] == ["tickets:read", "tickets:write", "pricing:read", "inventory:read"]
        assert me["mail"] == MAIL
        assert (await client.get("/v1/tickets")).status_code == 200
        problem(await client.get("/v1/users"), 403, "missing_scope")


async def test_commands_of_a_person_carry_who_it_was(world: World) -> None:
    client = await world.logged_in("owner")
    user_id = (await client.get("/v1/auth/me")).json()["id"]
    await client.post("/v1/keys", json={"name": "till", "scopes": ["tickets:read"]})
    envelope, command = world.sent[-1]
    assert (envelope.auth_type, envelope.auth_id) == ("user", user_id)
    assert command.model_dump()["by"] == f"user:{user_id}"


async def test_the_log_holds_neither_name_nor_address_nor_any_secret(world: World) -> None:
    client = await world.logged_in("owner")
    made = (await client.post("/v1/keys", json={"name": "till", "scopes": ["tickets:read"]})).json()
    secret = (await client.post("/v1/auth/totp", json={"password": PASSWORD})).json()["secret"]
    log = b"".join(record.value or b"" for record in world.records).decode()
    log += "".join(command.to_json().decode() for _, command in world.sent)
    for private in (MAIL, "Ada", PASSWORD, "argon2", made["key"], secret, client.headers["X-Test-Refresh"]):
        assert private not in log, private
    stored = b"".join(path.read_bytes() for path in (world.path / "blobs").rglob("*") if path.is_file())
    for private in (MAIL, "argon2", secret):
        assert private.encode() not in stored, private


async def test_an_unknown_user_a_wrong_password_and_a_disabled_user_are_one_answer(world: World) -> None:
    await world.user()
    disabled = await world.user("kiosk", mail="bo@example.org")
    admin = await world.logged_in(mail="cy@example.org")
    await admin.patch(f"/v1/users/{disabled}", json={"disabled": True})
    async with bare(world) as client:
        answers = [
            await log_in(client, mail="nobody@example.org"),
            await log_in(client, password="another password"),
            await log_in(client, mail="bo@example.org"),
            await log_in(client, workspace_id="elsewhere"),
        ]
    said = {json.dumps({**problem(one, 401, "wrong_credentials")}, sort_keys=True) for one in answers}
    assert len(said) == 1
    assert len({json.dumps(sorted(one.headers.keys())) for one in answers}) == 1


async def test_a_login_costs_the_same_work_whoever_asks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work, not time: reads of the vault and passwords checked. The very first unknown user makes the decoy."""
    await world.user()
    await world.user("kiosk", mail="bo@example.org")
    reads: list[str] = []
    real = type(world.stored).get

    async def counted(store: Any, ref: Any) -> bytes:
        reads.append(ref.key)
        return await real(store, ref)

    monkeypatch.setattr(type(world.stored), "get", counted)
    async with bare(world) as client:
        await log_in(client, mail="first@example.org")
        costs = set()
        for changes in ({"mail": "nobody@example.org"}, {"password": "another password"}, {"workspace_id": "none"}):
            reads.clear()
            checks = world.credentials.passwords.checks
            assert (await log_in(client, **changes)).status_code == 401
            costs.add((world.credentials.passwords.checks - checks, len(reads)))
    assert costs == {(1, 2)}
    assert world.views.view(ACCESS_VIEWS, DECOY_USER, UserView) is None


async def test_guessing_is_slowed_down_for_an_account_that_exists_and_one_that_does_not(world: World) -> None:
    await world.user()
    for mail in (MAIL, "nobody@example.org"):
        async with bare(world) as client:
            codes = [(await log_in(client, mail=mail, password="x")).status_code for _ in range(ACCOUNT_TRIES)]
            assert set(codes) == {401}
            refused = await log_in(client, mail=mail)
            problem(refused, 429, "too_many_tries")
            assert int(refused.headers["retry-after"]) > 0


async def test_guessing_is_slowed_down_for_an_address_whatever_the_account(world: World) -> None:
    async with bare(world) as client:
        answers = [await log_in(client, mail=f"m{n}@example.org") for n in range(ADDRESS_TRIES + 1)]
    assert [one.status_code for one in answers] == [401] * ADDRESS_TRIES + [429]


async def test_a_good_login_forgets_the_tries_before_it(world: World) -> None:
    await world.user()
    async with bare(world) as client:
        for _ in range(3):
            for _ in range(ACCOUNT_TRIES - 1):
                assert (await log_in(client, password="x")).status_code == 401
            assert (await log_in(client)).status_code == 200


async def test_a_password_is_hashed_anew_when_the_parameters_have_changed(world: World) -> None:
    user_id = await world.user()
    before = world.views.view(ACCESS_VIEWS, user_id, UserView)
    object.__setattr__(world.credentials, "passwords", Passwords(memory_kib=128, passes=1))
    async with bare(world) as client:
        token = (await log_in(client)).json()["access_token"]
        after = world.views.view(ACCESS_VIEWS, user_id, UserView)
        assert before is not None
        assert after is not None
        assert after.password_id not in (None, before.password_id)
        assert "m=128" in (await world.credentials.people.secret(user_id, str(after.password_id)) or "")
        assert await world.credentials.people.secret(user_id, str(before.password_id)) is None
        assert (await client.get("/v1/auth/me", headers=bearer(token))).status_code == 200
        assert (await log_in(client)).status_code == 200


async def test_without_the_owner_of_access_nobody_gets_in_and_whoever_is_in_stays(world: World) -> None:
    inside = await world.logged_in()
    world.access.silent = True
    async with bare(world) as client:
        problem(await log_in(client), 503, "unavailable")
    assert (await inside.get("/v1/auth/me")).status_code == 200


# --- refresh -------------------------------------------------------------------------------------------------------


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/auth/refresh", json={"refresh_token": token})


async def test_a_refresh_token_is_good_once_and_a_second_use_ends_the_session_for_everybody(world: World) -> None:
    client = await world.logged_in()
    stolen = client.headers["X-Test-Refresh"]
    world.clock.advance(timedelta(minutes=5))
    renewed = (await refresh(client, stolen)).json()
    assert renewed["refresh_token"] != stolen
    assert (await client.get("/v1/auth/me", headers=bearer(renewed["access_token"]))).status_code == 200
    world.clock.advance(timedelta(minutes=1))
    problem(await refresh(client, stolen), 401, "session_over")
    problem(await refresh(client, renewed["refresh_token"]), 401, "session_over")
    problem(await client.get("/v1/auth/me", headers=bearer(renewed["access_token"])), 401, "unauthorized")


async def test_a_lost_answer_is_given_again_with_the_same_next_token_for_a_few_seconds(world: World) -> None:
    client = await world.logged_in()
    first = client.headers["X-Test-Refresh"]
    answers = await asyncio.gather(*(refresh(client, first) for _ in range(3)))
    assert len({one.json()["refresh_token"] for one in answers}) == 1
    world.clock.advance(timedelta(seconds=19))
    assert (await refresh(client, first)).json()["refresh_token"] == answers[0].json()["refresh_token"]
    world.clock.advance(timedelta(seconds=2))
    problem(await refresh(client, first), 401, "session_over")


async def test_a_session_ends_when_nobody_used_it_for_a_week_and_after_a_month_in_any_case(world: World) -> None:
    client = await world.logged_in()
    world.clock.advance(timedelta(days=8))
    problem(await refresh(client, client.headers["X-Test-Refresh"]), 401, "session_over")
    token = (await log_in(client)).json()["refresh_token"]
    for _ in range(4):
        world.clock.advance(timedelta(days=6))
        token = (await refresh(client, token)).json()["refresh_token"]
    world.clock.advance(timedelta(days=6))
    problem(await refresh(client, token), 401, "session_over")


async def test_a_made_up_refresh_token_reaches_no_session(world: World) -> None:
    client = await world.logged_in()
    good = client.headers["X-Test-Refresh"]
    sent = len(world.sent)
    _, user, session, number, mac = good.split("_", 4)
    for forged in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        f"nzr_{user}_{session}_{int(number) + 1}_{mac}",
        f"nzr_{user}_{'0' * 32}_{number}_{mac}",
        Seals(b"another secret, as long").refresh_token(f"U-{user}", session, 0),
        good.replace("nzr_", "nzi_"),
        "nzr_",
        "ä" * 40,
    ):
        problem(await refresh(client, forged), 401, "session_over")
    assert len(world.sent) == sent
    assert (await client.get("/v1/auth/me")).status_code == 200


# --- several gateways ----------------------------------------------------------------------------------------------


async def test_a_session_opened_at_one_gateway_is_good_at_another_that_reads_the_log_more_slowly(world: World) -> None:
    late = ReadModel(world.policy)
    replica = world.gateway(late)
    client = await world.logged_in()
    async with bare(world, replica) as other:
        asking = asyncio.create_task(other.get("/v1/auth/me", headers=bearer(token_of(client))))
        while not late._settling:
            await asyncio.sleep(0)
        for record in world.records:
            late.apply(record)
        assert (await asking).status_code == 200


@pytest.mark.parametrize("way", ["logout", "reuse", "administrator", "password"])
async def test_what_ends_a_session_at_one_gateway_ends_it_at_all(world: World, way: str) -> None:
    model = ReadModel(world.policy)
    world.models.append(model)
    replica = world.gateway(model)
    admin = await world.logged_in("owner", mail="cy@example.org")
    client = await world.logged_in("technician")
    first, user_id = client.headers["X-Test-Refresh"], (await client.get("/v1/auth/me")).json()["id"]

    async def spent_twice() -> None:
        await refresh(client, first)
        world.clock.advance(timedelta(minutes=1))
        await refresh(client, first)

    async def new_password() -> None:
        token = (await admin.post(f"/v1/users/{user_id}/link")).json()["token"]
        body = {"token": token, "password": "five words do it too"}
        assert (await client.post("/v1/auth/password", json=body)).status_code == 204

    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "logout": lambda: client.post("/v1/auth/logout"),
        "reuse": spent_twice,
        "administrator": lambda: admin.delete(f"/v1/users/{user_id}/sessions"),
        "password": new_password,
    }
    async with bare(world, replica) as other:
        headers = bearer(token_of(client))
        assert (await other.get("/v1/auth/me", headers=headers)).status_code == 200
        await ways[way]()
        problem(await other.get("/v1/auth/me", headers=headers), 401, "unauthorized")


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


# --- second factor -------------------------------------------------------------------------------------------------


async def with_totp(
    world: World, client: httpx.AsyncClient | None = None
) -> tuple[httpx.AsyncClient, pyotp.TOTP, list[str]]:
    client = client or await world.logged_in()
    made = (await client.post("/v1/auth/totp", json={"password": PASSWORD})).json()
    totp = pyotp.TOTP(made["secret"])
    assert made["uri"].startswith("otpauth://totp/")
    body = {"totp_id": made["totp_id"], "code": totp.at(world.clock.now())}
    confirmed = await client.put("/v1/auth/totp", json=body)
    assert confirmed.status_code == 200, confirmed.text
    return client, totp, confirmed.json()["recovery_codes"]


async def test_a_second_factor_is_asked_for_and_each_code_is_good_once(world: World) -> None:
    client, totp, _ = await with_totp(world)
    problem(await log_in(client), 401, "code_missing")
    problem(await log_in(client, code=totp.at(world.clock.now())), 401, "code_spent")
    world.clock.advance(timedelta(seconds=30))
    code = totp.at(world.clock.now())
    assert (await log_in(client, code=code)).status_code == 200
    problem(await log_in(client, code=code), 401, "code_spent")
    problem(await log_in(client, code="000000" if code != "000000" else "000001"), 401, "wrong_code")
    problem(await log_in(client, password="wrong password", code=code), 401, "wrong_credentials")


async def test_one_code_at_two_gateways_at_once_opens_one_session(world: World) -> None:
    client, totp, _ = await with_totp(world)
    world.clock.advance(timedelta(minutes=1))
    code = totp.at(world.clock.now())
    answers = await asyncio.gather(*(log_in(client, code=code) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401]


async def test_each_recovery_code_is_good_once(world: World) -> None:
    client, _, codes = await with_totp(world)
    assert len(set(codes)) == 10
    assert (await log_in(client, code=codes[0].upper().replace("-", " "))).status_code == 200
    assert (await log_in(client, code=codes[0])).status_code == 401
    assert (await client.get("/v1/auth/me")).json()["recovery_codes_left"] == 9


async def test_a_second_factor_is_changed_only_by_who_knows_the_password_and_a_code(world: World) -> None:
    client = await world.logged_in()
    problem(await client.post("/v1/auth/totp", json={"password": "stolen session"}), 403, "wrong_password")
    made = (await client.post("/v1/auth/totp", json={"password": PASSWORD})).json()
    wrong = {"totp_id": made["totp_id"], "code": "000000"}
    if pyotp.TOTP(made["secret"]).verify("000000", for_time=world.clock.now(), valid_window=1):
        wrong["code"] = "000001"
    problem(await client.put("/v1/auth/totp", json=wrong), 422, "wrong_code")
    user = world.views.view(ACCESS_VIEWS, (await client.get("/v1/auth/me")).json()["id"], UserView)
    assert user is not None
    borrowed = {"totp_id": user.password_id, "code": "000000"}
    problem(await client.put("/v1/auth/totp", json=borrowed), 422, "wrong_code")
    assert (await log_in(client)).status_code == 200
    await with_totp(world, client)
    problem(await client.post("/v1/auth/totp", json={"password": PASSWORD}), 409, "totp_enabled")
    problem(await client.post("/v1/auth/totp/remove", json={"password": "stolen session"}), 403, "wrong_password")
    assert (await client.post("/v1/auth/totp/remove", json={"password": PASSWORD})).status_code == 204
    assert (await log_in(client)).status_code == 200


# --- mass assignment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "extra"),
    [
        ("POST", "/v1/auth/login", {"mail": MAIL, "password": PASSWORD}, {"roles": ["owner"]}),
        ("POST", "/v1/users", {"mail": "bo@x.org", "name": "Bo", "roles": ["kiosk"]}, {"workspace_id": "hafen"}),
        ("PATCH", "/v1/users/{own}", {"name": "Bo"}, {"workspace_id": "hafen"}),
        ("PATCH", "/v1/users/{own}", {"name": "Bo"}, {"password_id": "0" * 32}),
        ("POST", "/v1/keys", {"name": "k", "scopes": ["tickets:read"]}, {"workspace_id": "hafen"}),
        ("POST", "/v1/keys", {"name": "k", "scopes": ["tickets:read"]}, {"mac": "0" * 64}),
        ("PUT", "/v1/workspaces/main", {"name": "Main"}, {"workspace_id": "hafen"}),
        ("PUT", "/v1/auth/password", {"old": PASSWORD, "new": "five words do it too"}, {"user_id": f"U-{'0' * 32}"}),
    ],
)
async def test_a_body_cannot_bring_along_what_is_not_its_to_say(
    world: World, method: str, path: str, body: dict[str, Any], extra: dict[str, Any]
) -> None:
    client = await world.logged_in("owner")
    own = (await client.get("/v1/auth/me")).json()["id"]
    sent = len(world.sent)
    answer = await client.request(method, path.format(own=own), json={**body, **extra})
    assert problem(answer, 422, "validation")["errors"][0]["field"] == next(iter(extra))
    assert len(world.sent) == sent
    assert (await client.request(method, path.format(own=own), json=body)).status_code < 300


@pytest.mark.parametrize("scopes", [["everything"], ["tickets:read", "root"], []])
async def test_a_key_opens_known_scopes_only(world: World, scopes: list[Scope]) -> None:
    client = await world.logged_in("owner")
    problem(await client.post("/v1/keys", json={"name": "k", "scopes": scopes}), 422, "validation")
