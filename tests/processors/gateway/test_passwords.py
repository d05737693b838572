"""Passwords: how one is chosen and changed, and what makes a good one."""

import asyncio
from datetime import timedelta

import pytest

from processors.gateway.access.sessions import open_session
from processors.gateway.edge.passwords import Passwords, faults_in
from schemas.access import AccessRefused, OpenSession, UserView
from schemas.core.outcome import Emit
from tests.processors.gateway.test_sessions import MAIL, bare, bearer, log_in
from tests.processors.gateway.world import PASSWORD, World, problem
from topics.access import ACCESS_VIEWS


async def test_an_invitation_lets_its_holder_choose_a_password_once(world: World) -> None:
    admin = await world.logged_in("owner")
    invited = (await admin.post("/v1/users", json={"mail": "bo@x.org", "name": "Bo", "roles": ["kiosk"]})).json()
    async with bare(world) as client:
        problem(await log_in(client, mail="bo@x.org"), 401, "wrong_credentials")
        weak = {"token": invited["token"], "password": "password123"}
        problem(await client.post("/v1/auth/password", json=weak), 422, "validation")
        body = {"token": invited["token"], "password": PASSWORD}
        assert (await client.post("/v1/auth/password", json=body)).status_code == 204
        problem(await client.post("/v1/auth/password", json=body), 410, "link_spent")
        assert (await log_in(client, mail="bo@x.org")).status_code == 200


async def test_a_link_is_good_until_it_is_old_or_another_one_is_made(world: World) -> None:
    admin = await world.logged_in("owner")
    invited = (await admin.post("/v1/users", json={"mail": "bo@x.org", "name": "Bo", "roles": ["kiosk"]})).json()
    second = (await admin.post(f"/v1/users/{invited['user_id']}/link")).json()
    async with bare(world) as client:
        for token in (invited["token"], second["token"][:-1] + "_", "nzi_", "x"):
            answer = await client.post("/v1/auth/password", json={"token": token, "password": PASSWORD})
            problem(answer, 410, "link_spent")
        world.clock.advance(timedelta(hours=48))
        answer = await client.post("/v1/auth/password", json={"token": second["token"], "password": PASSWORD})
        problem(answer, 410, "link_spent")


async def test_a_changed_password_ends_every_other_session_and_the_old_password(world: World) -> None:
    client = await world.logged_in()
    elsewhere = bearer((await log_in(client)).json()["access_token"])
    fresh = "a new one, and longer"
    wrong = {"old": "not the old one", "new": fresh}
    problem(await client.put("/v1/auth/password", json=wrong), 403, "wrong_password")
    assert (await client.put("/v1/auth/password", json={"old": PASSWORD, "new": fresh})).status_code == 204
    assert (await client.get("/v1/auth/me")).status_code == 200
    problem(await client.get("/v1/auth/me", headers=elsewhere), 401, "unauthorized")
    problem(await log_in(client), 401, "wrong_credentials")
    assert (await log_in(client, password=fresh)).status_code == 200


async def test_a_login_with_a_password_that_was_changed_meanwhile_is_refused(world: World) -> None:
    user_id = await world.user()
    user = world.views.view(ACCESS_VIEWS, user_id, UserView)
    assert user is not None
    command = OpenSession(
        access_id=user_id, session_id="1" * 32, password_id="2" * 32, expires_at=world.clock.now() + timedelta(days=1)
    )
    outcome = open_session(command, user, world.clock.now())
    assert isinstance(outcome, Emit)
    assert [type(message) for message in outcome.messages] == [AccessRefused]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"), ("x" * 201, "too_long"), ("password123", "too_common"), ("Passwort2024!", "too_common"),
        ("1234567890", "too_common"), ("aaaaaaaaaaaa", "too_common"), ("abcdefghijklm", "too_common"),
        ("ada@example.org", "is_address"), ("qwertyuiop", "too_common"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_a_password(password: str, code: str) -> None:
    [fault] = faults_in(password, mail=MAIL)
    assert (fault.field, fault.code) == ("password", code)
    assert password not in fault.detail


@pytest.mark.parametrize("password", [PASSWORD, "correct horse battery", "Frühling am Wannsee", "x7#kQ2!mP9z"])
def test_takes_a_password_that_is_long_enough_and_not_the_first_one_tried(password: str) -> None:
    assert faults_in(password, mail=MAIL) == []


async def test_a_password_is_the_same_however_its_letters_were_typed() -> None:
    passwords = Passwords(memory_kib=64, passes=1)
    kept = await passwords.hash("fr\u00fchling am see")
    assert await passwords.check(kept, "fru\u0308hling am see")
    assert not await passwords.check(kept, "fruhling am see")
    assert not await passwords.check("no hash", "fruhling am see")


def test_the_shipped_parameters_are_those_of_the_design() -> None:
    kept = asyncio.run(Passwords().hash(PASSWORD))
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
