"""Access tokens: what is refused because it is not exactly ours, and the keys that sign."""

import base64
import hashlib
import hmac
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from connectors.errors import Misconfigured
from processors.gateway.edge.tokens import ALGORITHM, SessionKeys
from tests.processors.gateway.test_sessions import bearer
from tests.processors.gateway.world import World, problem


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, body, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(one + "==")) for one in (header, body))  # type: ignore[return-value]  # two parts


def signed(header: dict[str, Any], body: dict[str, Any], key: OKPKey) -> str:
    return jwt.encode(header, body, key, algorithms=[ALGORITHM])


Forge = Callable[[dict[str, Any], dict[str, Any], OKPKey, OKPKey], str]
FORGERIES: dict[str, Forge] = {
    "no signature": lambda h, b, own, evil: f"{part({**h, 'alg': 'none'})}.{part(b)}.",
    "no algorithm": lambda h, b, own, evil: f"{part({k: v for k, v in h.items() if k != 'alg'})}.{part(b)}.",
    "HS256 with the public key": lambda h, b, own, evil: hs256(h, b, raw_public(own)),
    "HS256 with the public key as it is published": lambda h, b, own, evil: hs256(h, b, published(own)),
    "HS256 with an empty key": lambda h, b, own, evil: hs256(h, b, b""),
    "none in capitals": lambda h, b, own, evil: f"{part({**h, 'alg': 'NONE'})}.{part(b)}.",
    "our signature without an algorithm": lambda h, b, own, evil: resigned({**h, "alg": "none"}, h, b, own),
    "a key of one's own under our name": lambda h, b, own, evil: signed(h, b, evil),
    "a key of one's own under its name": lambda h, b, own, evil: signed({**h, "kid": evil.thumbprint()}, b, evil),
    "a key brought along": lambda h, b, own, evil: signed({**h, "jwk": evil.as_dict(private=False)}, b, evil),
    "a path for a key id": lambda h, b, own, evil: signed({**h, "kid": "../../session-keys.json"}, b, evil),
    "a query for a key id": lambda h, b, own, evil: signed({**h, "kid": "' OR 1=1 --"}, b, evil),
    "an address for a key": lambda h, b, own, evil: signed({**h, "jku": "http://evil.example/keys"}, b, evil),
    "an address for a certificate": lambda h, b, own, evil: signed({**h, "x5u": "http://evil.example/c"}, b, evil),
    "a certificate brought along": lambda h, b, own, evil: signed({**h, "x5c": ["AAAA"]}, b, evil),
    "a key id with an end": lambda h, b, own, evil: signed({**h, "kid": h["kid"] + "\0"}, b, own),
    "a null device for a key": lambda h, b, own, evil: signed({**h, "kid": "/dev/null"}, b, evil),
    "no key id": lambda h, b, own, evil: signed({k: v for k, v in h.items() if k != "kid"}, b, own),
    "another type": lambda h, b, own, evil: signed({**h, "typ": "JWT"}, b, own),
    "another audience": lambda h, b, own, evil: signed(h, {**b, "aud": "http://other"}, own),
    "another issuer": lambda h, b, own, evil: signed(h, {**b, "iss": "http://other"}, own),
    "an old one": lambda h, b, own, evil: signed(h, {**b, "exp": b["iat"]}, own),
    "one of tomorrow": lambda h, b, own, evil: signed(h, {**b, "iat": b["iat"] + 86_400}, own),
    "an end that never comes": lambda h, b, own, evil: signed(h, {**b, "exp": 1e300}, own),
    "an end that is no number": lambda h, b, own, evil: signed(h, {**b, "exp": "never"}, own),
    "a critical extension": lambda h, b, own, evil: f"{part({**h, 'crit': ['x'], 'x': 1})}.{part(b)}.{part(b'0' * 64)}",
    "another workspace": lambda h, b, own, evil: signed(h, {**b, "ws": "hafen"}, own),
    "another session": lambda h, b, own, evil: signed(h, {**b, "sid": "0" * 32}, own),
    "another user": lambda h, b, own, evil: signed(h, {**b, "sub": f"U-{'0' * 32}"}, own),
    "a user that is a list": lambda h, b, own, evil: signed(h, {**b, "sub": [b["sub"]]}, own),
    **{
        f"one without {name}": lambda h, b, own, evil, name=name: signed(  # type: ignore[misc]  # one loop variable bound by default
            h, {key: value for key, value in b.items() if key != name}, own
        )
        for name in ("iss", "aud", "sub", "sid", "ws", "roles", "iat", "exp", "jti")
    },
}


def hs256(header: dict[str, Any], body: dict[str, Any], secret: bytes) -> str:
    text = f"{part({**header, 'alg': 'HS256'})}.{part(body)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def raw_public(own: OKPKey) -> bytes:
    return base64.urlsafe_b64decode(str(own.as_dict(private=False)["x"]) + "==")


def published(own: OKPKey) -> bytes:
    return json.dumps(own.as_dict(private=False)).encode()


def resigned(header: dict[str, Any], real: dict[str, Any], body: dict[str, Any], own: OKPKey) -> str:
    return f"{part(header)}.{part(body)}.{signed(real, body, own).rpartition('.')[2]}"


@pytest.mark.parametrize("name", FORGERIES)
async def test_refuses_every_token_that_is_not_exactly_ours(world: World, name: str) -> None:
    client = await world.logged_in()
    token = client.headers["Authorization"].removeprefix("Bearer ")
    header, body = opened(token)
    own, evil = world.credentials.keys.newest, OKPKey.generate_key("Ed25519")
    assert header == {"alg": ALGORITHM, "typ": "at+jwt", "kid": own.thumbprint()}
    forged = FORGERIES[name](header, body, own, evil)
    problem(await client.get("/v1/auth/me", headers=bearer(forged)), 401, "unauthorized")
    assert (await client.get("/v1/auth/me", headers=bearer(signed(header, body, own)))).status_code == 200


async def test_refuses_a_token_with_any_part_changed(world: World) -> None:
    client = await world.logged_in()
    token = client.headers["Authorization"].removeprefix("Bearer ")
    for at in range(0, len(token), 23):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert (await client.get("/v1/auth/me", headers=bearer(changed))).status_code == 401, at


async def test_a_token_is_good_for_ten_minutes(world: World) -> None:
    client = await world.logged_in()
    world.clock.advance(timedelta(minutes=9, seconds=59))
    assert (await client.get("/v1/auth/me")).status_code == 200
    world.clock.advance(timedelta(seconds=1))
    problem(await client.get("/v1/auth/me"), 401, "unauthorized")


async def test_what_a_user_may_do_changes_at_once_whatever_the_token_remembers(world: World) -> None:
    admin = await world.logged_in("owner")
    client = await world.logged_in("front_desk", mail="bo@example.org")
    user_id = (await client.get("/v1/auth/me")).json()["id"]
    assert (await client.get("/v1/figures")).status_code == 200
    assert (await admin.patch(f"/v1/users/{user_id}", json={"roles": ["kiosk"]})).status_code == 200
    problem(await client.get("/v1/figures"), 403, "missing_scope")
    assert (await admin.patch(f"/v1/users/{user_id}", json={"disabled": True})).status_code == 200
    problem(await client.get("/v1/auth/me"), 401, "unauthorized")


# --- the keys that sign --------------------------------------------------------------------------------------------


async def test_a_new_key_signs_at_once_and_the_one_before_still_verifies(world: World) -> None:
    client = await world.logged_in()
    before = world.credentials.keys.newest.thumbprint()
    tool = SessionKeys(world.path / "session-keys.json")
    fresh = tool.rotate()
    assert world.credentials.keys.newest.thumbprint() == fresh != before
    assert (await client.get("/v1/auth/me")).status_code == 200
    published = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert [one["kid"] for one in published] == [before, fresh]
    assert all("d" not in one for one in published)
    tool.rotate()
    tool.rotate()
    problem(await client.get("/v1/auth/me"), 401, "unauthorized")


def test_the_file_of_keys_is_for_its_owner_alone_and_says_when_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "session-keys.json"
    keys = SessionKeys(path)
    assert keys.newest.thumbprint() == SessionKeys(path).newest.thumbprint()
    keys.rotate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for damaged in ("{}", '{"keys": []}', '{"keys": [{"kty": "oct"}]}', "no json"):
        path.write_text(damaged)
        with pytest.raises(Misconfigured, match="holds no signing keys"):
            SessionKeys(path).public()
