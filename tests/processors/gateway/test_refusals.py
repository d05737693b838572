"""Every refusal is a fact, and an attack is not a flood of them."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.clock.clock import SettableClock
from connectors.errors import Transient
from processors.gateway.edge.refusals import KINDS_EACH, KINDS_IN_ALL, Kind, RefusalCounter, RefusalLog
from schemas.refusals import RequestRefused
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view

KIND = Kind("api_key:Ab12Cd34", "GET", "/v1/tickets", 403, "missing_scope")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, more={"address_key": b"k" * 32})


async def told(world: World) -> list[RequestRefused]:
    await world.app.state.edge.close()
    return [message for _, message in world.sent if isinstance(message, RequestRefused)]


async def test_says_who_where_and_why_and_nothing_of_what(world: World) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with world.client("tickets:read") as client:
        headers = {"X-Request-Id": "r-1", "traceparent": trace}
        await client.post(f"/v1/tasks/{TICKET}/secret-task/complete", json={"by": "Erika"}, headers=headers)
    [key] = world.keyring.list()
    [fact] = await told(world)
    assert fact == RequestRefused(
        who=f"api_key:{key.id}",
        method="POST",
        route="/v1/tasks/{ticket_id}/{task_id}/complete",
        status=403,
        code="missing_scope",
        count=1,
        first_at=NOW,
        last_at=NOW,
        request_id="r-1",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    )
    assert b"Erika" not in fact.to_json()
    assert b"secret-task" not in fact.to_json()


async def test_a_caller_who_is_nobody_is_a_hash_of_the_address(world: World) -> None:
    async with world.client() as client:
        await client.get("/v1/tickets", headers={"Authorization": "Bearer nzl_test_aaaaaaaa_guess"})
    [fact] = await told(world)
    assert (fact.status, fact.code, fact.route) == (401, "unauthorized", "/v1/tickets")
    assert fact.who == f"address:{world.app.state.edge.refusals.address('127.0.0.1')}"
    assert b"127.0.0.1" not in fact.to_json()
    assert b"nzl_" not in fact.to_json()


async def test_tells_every_kind_of_refusal_apart_and_no_success(world: World) -> None:
    async with world.client("admin") as client:
        await client.get("/v1/tickets")
        await client.get("/v1/tickets/T-0404")
        await client.post("/v1/stock/receipts", json={})
        await client.post("/v1/stock/receipts", content=b"x" * 300_000)
        while (await client.get("/v1/tickets")).status_code != 429:
            pass
    facts = await told(world)
    assert [(one.status, one.code) for one in facts] == [
        (422, "validation"), (413, "too_large"), (429, "rate_limited"),
    ]  # fmt: skip


async def test_a_404_is_one_where_it_hides_something(world: World) -> None:
    world.feed(ticket_view())
    stranger = world.key("tickets:read", workspace_id="hafen")
    async with world.client(key=stranger) as client:
        problem(await client.get(f"/v1/tickets/{TICKET}"), 404, "not_found")
        problem(await client.get("/v1/tickets/T-0404"), 404, "not_found")
        await client.get("/v1/nowhere")
    [fact] = await told(world)
    assert (fact.status, fact.code) == (404, "other_workspace")


async def test_a_thousand_refusals_are_two_facts(world: World) -> None:
    async with world.client("tickets:read") as client:
        for _ in range(100):
            await client.get("/v1/stock")
            world.clock.advance(timedelta(milliseconds=100))
    first, rest = await told(world)
    assert (first.count, rest.count) == (1, 99)
    assert rest.first_at == NOW + timedelta(milliseconds=100)
    assert rest.last_at == NOW + timedelta(milliseconds=9900)


async def test_the_answer_does_not_wait_for_the_log(world: World) -> None:
    world.down = Transient("no broker")
    async with world.client("tickets:read") as client:
        assert (await client.get("/v1/stock")).status_code == 403
    assert await told(world) == []
    world.down = None
    async with world.client("tickets:read") as client:
        await client.get("/v1/stock")
    assert len(await told(world)) == 1


async def test_writes_by_itself_at_once_and_at_the_end_of_the_window() -> None:
    written: list[int] = []
    more = asyncio.Event()

    class Log:
        async def publish(self, records: object) -> None:
            written.extend(RequestRefused.model_validate_json(one.value).count for one in records)  # type: ignore[attr-defined]  # of the kinds that are sent here
            more.set()

    refusals = RefusalLog(Log(), SettableClock(NOW), b"k" * 32, window_s=0.1)  # type: ignore[arg-type]  # typed for more than is given here
    for expected in ([1], [1, 2], [1, 2, 1]):
        more.clear()
        if expected != [1, 2]:
            for _ in range(3 if expected == [1] else 1):
                refusals.note(KIND, None, None)
        await asyncio.wait_for(more.wait(), 5)
        assert written == expected
        if expected == [1, 2]:
            await asyncio.sleep(0)
    await refusals.close()
    assert written == [1, 2, 1]


def test_an_attack_with_many_faces_is_bounded() -> None:
    counter = RefusalCounter()
    firsts = [counter.add(Kind("api_key:one", "GET", f"/{n}", 403, "missing_scope"), NOW) for n in range(1000)]
    assert sum(first is not None for first in firsts) == KINDS_EACH + 1
    crowd = [counter.add(Kind(f"address:{n}", "GET", "/", 401, "unauthorized"), NOW) for n in range(10_000)]
    assert sum(first is not None for first in crowd) <= KINDS_IN_ALL
    counted = sum(fact.count for fact in counter.end())
    told_at_once = sum(first is not None for first in (*firsts, *crowd))
    assert counted + told_at_once == 11_000
    assert list(counter.end()) == []
