"""Rates, requests at once, slow bodies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from limits.aio.storage import MemoryStorage

from connectors.errors import Misconfigured
from processors.gateway.config import Policy
from processors.gateway.edge.limits import RateLimits
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.throttle import ACCOUNT_TRIES, Throttle
from tests.processors.gateway.test_work import RECEIPT
from tests.processors.gateway.world import World, problem


async def _admitted(limits: RateLimits, times: int, per_minute: int | None = None) -> int:
    done = 0
    for _ in range(times):
        try:
            await limits.key("k1", per_minute)
        except Problem as refused:
            if refused.status_code != 429:
                raise
            continue
        done += 1
    return done


async def test_a_caller_has_its_own_limit_when_it_has_one_and_else_the_usual() -> None:
    limits = RateLimits(Policy(requests_per_minute=4))
    assert await _admitted(limits, 9) == 4
    assert await _admitted(limits, 9, per_minute=2) == 2


async def test_what_is_done_to_many_things_is_counted_by_thing() -> None:
    limits = RateLimits(Policy(bulk_items_per_minute=1_000))
    assert (await limits.bulk("k1", 600)).remaining == 400
    with pytest.raises(Problem, match="more than 1000 items in a minute") as refused:
        await limits.bulk("k1", 500)
    assert refused.value.headers is not None
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
    assert refused.value.headers["RateLimit-Policy"] == '"minute";q=1000;w=60'
    assert (await limits.bulk("k1", 400)).remaining == 0
    assert (await limits.bulk("k2", 1_000)).remaining == 0


class _Away(MemoryStorage):
    """A store of counts that nobody answers for, as the library meets it."""

    STORAGE_SCHEME = ["async+away"]  # noqa: RUF012  # the base class's own form

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    async def acquire_entry(self, *_: Any, **__: Any) -> bool:
        raise ConnectionError("refused")

    async def get_moving_window(self, *_: Any, **__: Any) -> tuple[float, int]:
        raise ConnectionError("refused")


async def test_counts_in_this_process_while_the_storage_of_counts_is_away() -> None:
    assert await _admitted(RateLimits(Policy(requests_per_minute=3), "away://counts"), 5) == 3


class _Unfit(MemoryStorage):
    """A store whose client is of a version that the library does not know."""

    STORAGE_SCHEME = ["async+unfit"]  # noqa: RUF012  # the base class's own form

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    async def get_moving_window(self, *_: Any, **__: Any) -> tuple[float, int]:
        raise RuntimeError("no pool")


class _Shared(MemoryStorage):
    """One store of counts for all who name it, as a server would be."""

    STORAGE_SCHEME = ["async+shared"]  # noqa: RUF012  # the base class's own form
    _state: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self._state:
            self._state.update(self.__dict__)
        self.__dict__ = self._state


async def test_replicas_that_share_a_storage_of_counts_let_a_caller_through_as_often_as_one() -> None:
    one, other = [RateLimits(Policy(requests_per_minute=4), "shared://counts") for _ in range(2)]
    assert await _admitted(one, 3) == 3
    assert await _admitted(other, 3) == 1
    assert await _admitted(one, 1) == 0


async def test_replicas_that_share_a_storage_of_counts_let_nobody_guess_more_often() -> None:
    one, other = Throttle("shared://counts"), Throttle("shared://counts")
    assert await _tries(one, 7) == 7
    assert await _tries(other, 7) == ACCOUNT_TRIES - 7
    await other.succeeded("ada")
    assert await _tries(one, 1) == 1


async def test_guesses_are_counted_in_this_process_while_the_storage_of_counts_is_away() -> None:
    assert await _tries(Throttle("away://counts"), ACCOUNT_TRIES + 2) == ACCOUNT_TRIES


async def _tries(throttle: Throttle, times: int) -> int:
    done = 0
    for _ in range(times):
        with suppress(Problem):
            await throttle.attempt("ada", "192.0.2.1")
            done += 1
    return done


async def test_a_storage_that_is_away_at_the_start_may_come_and_one_that_cannot_work_is_named() -> None:
    await RateLimits(Policy()).check()
    await RateLimits(Policy(), "away://counts").check()
    with pytest.raises(Misconfigured, match=r"NOIZYLAB_LIMITS_URL .* no pool.* limits\[async-redis\]"):
        await RateLimits(Policy(), "unfit://counts").check()


@pytest.mark.parametrize("url", ["nothing://x", "nonsense", "redis://localhost:1"])
def test_names_the_setting_when_counts_cannot_be_kept_there(url: str) -> None:
    with pytest.raises(Misconfigured, match="NOIZYLAB_LIMITS_URL"):
        RateLimits(Policy(), url)


async def test_a_stranger_sees_what_is_left_as_well(world: World) -> None:
    async with world.client() as client:
        answer = await client.get("/v1/tickets")
    problem(answer, 401, "unauthorized")
    assert answer.headers["ratelimit-policy"] == '"minute";q=60;w=60'
    assert answer.headers["ratelimit"].startswith('"minute";r=59;t=')


# --- at once -------------------------------------------------------------------------------------------------------


async def test_refuses_at_once_what_is_more_than_it_takes_and_is_still_alive(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(in_flight_max=1, outcome_wait_s=0.05))
    world.silent()
    async with world.client("inventory:write") as client:
        working = asyncio.create_task(client.post("/v1/stock/receipts", json=RECEIPT))
        while not world.sent:
            await asyncio.sleep(0)
        refused = await client.post("/v1/stock/receipts", json=RECEIPT)
        problem(refused, 503, "busy")
        assert refused.headers["retry-after"] == "2"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/healthz")).status_code == 200
        assert (await working).status_code == 202
        assert (await client.post("/v1/stock/receipts", json=RECEIPT)).status_code == 202


async def test_one_caller_does_not_take_the_place_of_others(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(in_flight_per_caller_max=1, outcome_wait_s=0.05))
    world.silent()
    key = world.key("inventory:write", "inventory:read")
    async with world.client(key=key) as client, world.client("inventory:read") as other:
        working = asyncio.create_task(client.post("/v1/stock/receipts", json=RECEIPT))
        while not world.sent:
            await asyncio.sleep(0)
        problem(await client.get("/v1/stock"), 503, "busy")
        assert (await other.get("/v1/stock")).status_code == 200
        await working
        assert (await client.get("/v1/stock")).status_code == 200
    flights = world.app.state.edge.flights
    assert (flights.count, dict(flights.callers)) == (0, {})


# --- slow bodies ---------------------------------------------------------------------------------------------------


async def test_cuts_off_a_body_that_does_not_come(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(body_grace_s=0.02))
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with world.client("inventory:write") as client:
        answer = await client.post("/v1/stock/receipts", content=body())
    problem(answer, 408, "too_slow")
    assert answer.headers["connection"] == "close"
    assert not world.sent


async def test_cuts_off_a_body_that_drips_although_each_piece_is_in_time(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(body_grace_s=0.1, body_min_bytes_per_s=1_000_000))
    pieces = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" "
            await asyncio.sleep(0.01)  # the slowness is what is tested

    async with world.client("inventory:write") as client:
        problem(await client.post("/v1/stock/receipts", content=body()), 408, "too_slow")
    assert 2 <= pieces <= 11
