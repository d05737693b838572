"""Gateways that count in one place, ``NOIZYLAB_LIMITS_URL``: what one has seen, the others know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from limits.aio.storage import MemoryStorage

from connectors.clock.clock import SettableClock
from connectors.signing.client import Signed
from connectors.signing.services import Grant, Service
from processors.gateway.config import Policy
from processors.gateway.edge.throttle import ACCOUNT_TRIES, ADDRESS_TRIES
from tests.processors.gateway.world import NOW, World, problem

MAIL = "ada@example.org"
PORTAL = Service("portal", b"portal's own key", Grant(scopes=frozenset({"tickets:read"})))


class Together(MemoryStorage):
    """One store of counts for all who name it, as a Redis is; ``away``: nobody answers for it."""

    STORAGE_SCHEME = ["async+together"]  # noqa: RUF012  # the base class's own form
    shared: ClassVar[dict[str, Any]] = {}
    away: ClassVar[bool] = False

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: str) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        mine = {name: getattr(self, name) for name in ("storage", "locks", "expirations", "events")}
        for name, value in mine.items():
            setattr(self, name, self.shared.setdefault(name, value))

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    async def acquire_entry(self, *arguments: Any, **named: Any) -> bool:
        self._answer()
        return await super().acquire_entry(*arguments, **named)

    async def incr(self, *arguments: Any, **named: Any) -> int:
        self._answer()
        return await super().incr(*arguments, **named)

    async def clear(self, key: str) -> None:
        self._answer()
        await super().clear(key)

    def _answer(self) -> None:
        if Together.away:
            raise ConnectionError("refused")


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    Together.shared.clear()
    yield
    Together.away = False


@pytest.fixture
def replicas(tmp_path: Path) -> tuple[World, FastAPI, FastAPI]:
    more = {"limits_url": "together://counts", "services": {"portal": PORTAL}.get}
    world = World(tmp_path, policy=Policy(outcome_wait_s=0.05, requests_per_minute=4), more=more)
    return world, world.app, world.replica()


def client(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge", **options)


async def tries(app: FastAPI, times: int, *, mail: str = MAIL) -> list[int]:
    async with client(app) as guesser:
        return [
            (await guesser.post("/v1/auth/login", json={"mail": mail, "password": "x"})).status_code
            for _ in range(times)
        ]


async def test_a_guesser_has_as_many_tries_in_all_as_at_one(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    world, one, other = replicas
    await world.user()
    assert await tries(one, ACCOUNT_TRIES - 3) == [401] * (ACCOUNT_TRIES - 3)
    assert await tries(other, 4) == [401] * 3 + [429]
    assert await tries(one, 1) == [429]
    assert await tries(one, 1, mail="bo@example.org") == [401]


async def test_an_address_has_as_many_in_all(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    _, one, other = replicas
    for n in range(ADDRESS_TRIES):
        assert await tries((one, other)[n % 2], 1, mail=f"m{n}@example.org") == [401]
    assert await tries(one, 1, mail="last@example.org") == [429]
    assert await tries(other, 1, mail="last@example.org") == [429]


async def test_a_good_login_at_one_forgets_the_tries_at_all(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    world, one, other = replicas
    await world.logged_in(app=other)
    for app in (one, other):
        assert await tries(app, ACCOUNT_TRIES - 1) == [401] * (ACCOUNT_TRIES - 1)
        async with client(app) as owner:
            good = await owner.post("/v1/auth/login", json={"mail": MAIL, "password": "four words do nicely"})
            assert good.status_code == 200


async def test_a_signed_call_counts_once_over_all(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    _, one, other = replicas
    signed = Signed("portal", PORTAL.key, SettableClock(NOW))
    headers = {"Authorization": signed.header("GET", b"/v1/tickets")}
    async with client(one) as first, client(other) as second:
        assert (await first.get("/v1/tickets", headers=headers)).status_code == 200
        problem(await second.get("/v1/tickets", headers=headers), 401, "unauthorized")
        fresh = {"Authorization": signed.header("GET", b"/v1/tickets")}
        assert (await second.get("/v1/tickets", headers=fresh)).status_code == 200


async def test_a_caller_has_one_rate_over_all(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    world, one, other = replicas
    headers = {"X-API-Key": world.key("tickets:read")}
    async with client(one, headers=headers) as first, client(other, headers=headers) as second:
        codes = [(await (first, second)[n % 2].get("/v1/tickets")).status_code for n in range(6)]
    assert codes == [200] * 4 + [429] * 2


async def test_each_counts_alone_while_their_storage_is_away(replicas: tuple[World, FastAPI, FastAPI]) -> None:
    world, one, other = replicas
    await world.user()
    Together.away = True
    assert await tries(one, ACCOUNT_TRIES + 1) == [401] * ACCOUNT_TRIES + [429]
    assert await tries(other, 1) == [401]
    headers = {"Authorization": Signed("portal", PORTAL.key, SettableClock(NOW)).header("GET", b"/v1/tickets")}
    async with client(one) as replayer:
        assert (await replayer.get("/v1/tickets", headers=headers)).status_code == 200
        problem(await replayer.get("/v1/tickets", headers=headers), 401, "unauthorized")
    async with client(other) as owner:
        good = await owner.post("/v1/auth/login", json={"mail": MAIL, "password": "four words do nicely"})
        assert good.status_code == 200, "tries that cannot be forgotten are no reason to keep the owner out"
