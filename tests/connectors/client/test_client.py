"""The Python client against the real edge: refusals, keys, patience, tags, pages, streams, sessions."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.client.auth import ApiKey, Session, Tokens
from connectors.client.calls import Client
from connectors.client.calls_async import AsyncClient
from connectors.client.core import Patience
from connectors.client.models import (
    Assign,
    BulkRequest,
    Login,
    NoteBody,
    TicketWritesMove,
    Unlocking,
)
from connectors.client.problems import Conflict, Forbidden, Invalid, NoAnswer, NotFound, RateLimited, Unavailable
from processors.gateway.config import Policy
from tests.processors.gateway.test_ticket_writes import owner_behind
from tests.processors.gateway.world import PASSWORD, TICKET, World, picture, ticket_view

ROOT = Path(__file__).resolve().parents[3]
QUICK = Patience(first_wait_s=0)
FORM = {
    "device": {"category": "laptop", "lock_state": "unlocked"},
    "complaint": "Does not start.",
    "customer": {"name": "Erika"},
    "channel": "kiosk",
    "consent_version": "2026-01",
}


@pytest.fixture
def shop(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.feed(ticket_view())
    return world


class ToApp(httpx.AsyncBaseTransport):
    """The way to an app in this process; keeps what went over it, and can break."""

    def __init__(self, world: World) -> None:
        self._way = httpx.ASGITransport(world.app)
        self.seen: list[tuple[httpx.Request, int]] = []
        self.break_after_answer = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._way.handle_async_request(request)
        self.seen.append((request, response.status_code))
        if self.break_after_answer:
            self.break_after_answer -= 1
            raise httpx.ReadError("cut off")
        return response


class SyncToApp(httpx.BaseTransport):
    """The same for callers that do not await."""

    def __init__(self, world: World) -> None:
        self._way = httpx.ASGITransport(world.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def whole() -> httpx.Response:
            response = await self._way.handle_async_request(request)
            body = await response.aread()
            return httpx.Response(response.status_code, headers=response.headers, content=body)

        return asyncio.run(whole())


def client_of(world: World, *scopes: Any, **more: Any) -> tuple[AsyncClient, ToApp]:
    way = ToApp(world)
    key = world.key(*(scopes or ("admin",)))
    return AsyncClient("http://edge", ApiKey(key), transport=way, patience=QUICK, **more), way


def scripted(*answers: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    left = list(answers)
    return lambda request: left.pop(0)


async def test_refusals_are_exceptions_that_say_everything(shop: World) -> None:
    shop.answer = owner_behind(shop.views)
    client, _ = client_of(shop, "tickets:read", "tickets:write")
    async with client:
        with pytest.raises(NotFound, match="there is no ticket T-none"):
            await client.get_ticket(ticket_id="T-none")
        with pytest.raises(Forbidden) as forbidden:
            await client.list_users()
        with pytest.raises(Conflict) as conflict:
            await client.move_ticket(ticket_id=TICKET, body=TicketWritesMove(to="collected", reason="wished"))
        with pytest.raises(Invalid) as invalid:
            await client.add_note(ticket_id=TICKET, body=NoteBody(kind="internal", text=""))
    assert forbidden.value.extra["scope"] == "admin"
    assert (conflict.value.code, conflict.value.extra["guard"]) == ("refused", "no_transition")
    assert [fault.field for fault in invalid.value.faults] == ["text"]


async def test_a_place_in_an_address_stays_one_segment(shop: World) -> None:
    client, way = client_of(shop)
    async with client:
        with pytest.raises((NotFound, Invalid)):
            await client.get_ticket(ticket_id=f"../users/{TICKET}?x")
    assert way.seen[0][0].url.raw_path == b"/v1/tickets/..%2Fusers%2FT-0001%3Fx"


async def test_a_write_whose_answer_is_lost_is_sent_again_with_its_key_and_done_once(shop: World) -> None:
    shop.answer = owner_behind(shop.views)
    client, way = client_of(shop)
    way.break_after_answer = 1
    async with client:
        noted = await client.add_note(ticket_id=TICKET, body=NoteBody(kind="internal", text="Once."))
        ticket = await client.get_ticket(ticket_id=TICKET)
    first, second = (request.headers["idempotency-key"] for request, _ in way.seen[:2])
    assert first == second
    assert noted.event is not None
    assert [note.note_id for note in ticket.notes] == [noted.note_id]


async def test_a_write_without_a_key_is_never_sent_twice(shop: World) -> None:
    client, way = client_of(shop)
    way.break_after_answer = 1
    wish = Unlocking(task="function_test", reason="looked at", unlocked_by="ada")
    async with client:
        with pytest.raises(NoAnswer, match="no gateway answers at http://edge"):
            await client.unlock_passcode(ticket_id=TICKET, body=wish)
    assert len(way.seen) == 1


async def test_waits_as_long_as_the_gateway_says_and_no_longer_than_its_patience(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(requests_per_minute=1))
    world.feed(ticket_view())
    client, way = client_of(world)
    async with client:
        await client.get_ticket(ticket_id=TICKET)
        with pytest.raises(RateLimited) as limited:
            await client.get_board()
    assert len(way.seen) == 2
    assert limited.value.retry_after_s is not None
    assert limited.value.retry_after_s > 30


def test_comes_again_after_a_503_and_gives_up_in_the_end() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "0"}, json={"code": "busy", "detail": "come again"})
    way = httpx.MockTransport(scripted(busy, busy, httpx.Response(200, json={"status": "alive"}), *[busy] * 4))
    with Client("http://edge", transport=way, patience=QUICK) as client:
        assert client.get_health().status == "alive"
        with pytest.raises(Unavailable, match="503 busy: come again"):
            client.get_health()


def test_an_answer_that_is_no_problem_is_quoted() -> None:
    way = httpx.MockTransport(scripted(httpx.Response(502, text="<h1>Bad Gateway</h1>")))
    with Client("http://edge", transport=way) as client, pytest.raises(Unavailable, match="502 error: <h1>Bad"):
        client.get_health()


async def test_what_did_not_change_is_not_sent_again(shop: World) -> None:
    client, way = client_of(shop)
    async with client:
        first = await client.get_ticket(ticket_id=TICKET)
        second = await client.get_ticket(ticket_id=TICKET)
        shop.feed(ticket_view(version=2, state="triage"))
        third = await client.get_ticket(ticket_id=TICKET)
    assert [status for _, status in way.seen] == [200, 304, 200]
    assert first == second
    assert third.state == "triage"


async def test_walks_through_all_pages_and_chooses_fields(shop: World) -> None:
    for number in range(2, 8):
        shop.feed(ticket_view(f"T-000{number}"))
    client, way = client_of(shop)
    async with client:
        found = [ticket.ticket_id async for ticket in client.list_tickets_each(limit=3, state=["received"])]
        some = await client.list_tickets_fields(fields="state", limit=1)
        one = await client.get_ticket_fields(ticket_id=TICKET, fields="state,device.category")
    assert sorted(found) == [f"T-000{number}" for number in range(1, 8)]
    assert [request.url.params.get("cursor") is None for request, _ in way.seen[:3]] == [True, False, False]
    assert set(some.tickets[0].model_dump()) == {"ticket_id", "state"}
    assert one.model_dump() == {"state": "received", "device": {"category": "laptop"}}


async def test_takes_a_device_in_and_brings_its_photo_back(shop: World) -> None:
    client, _ = client_of(shop)
    async with client:
        photos: list[Any] = [("front.jpg", picture(seed=1), "image/jpeg"), picture(seed=2)]
        taken = await client.take_in(intake=FORM, photos=photos)
        photo = b"".join([piece async for piece in client.get_ticket_image(ticket_id=taken.ticket_id, number=1)])
    assert (taken.status, taken.state) == ("opened", "received")
    assert photo.startswith(b"\xff\xd8")


async def test_lines_of_a_bulk_action_come_one_by_one(shop: World) -> None:
    client, _ = client_of(shop)
    wish = BulkRequest(ids=[TICKET, "T-none"], action=Assign(do="assign", technician="ada"), dry_run=True)
    async with client:
        lines = [line async for line in client.change_tickets_lines(body=wish)]
        whole = await client.change_tickets(body=wish)
    assert sorted(line["status"] for line in lines if "status" in line) == ["not_found", "would_send"]
    assert whole.counts == {"not_found": 1, "would_send": 1}


def test_a_stream_is_read_event_by_event_with_ids_to_go_on_from() -> None:
    sent = 'retry: 2000\n\n: still here\n\nid: a/0/1\nevent: one\ndata: {"n":1}\n\nid: a/0/2\ndata: {"n":\ndata: 2}\n\n'
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text=sent)

    with Client("http://edge", transport=httpx.MockTransport(answer)) as client:
        events = list(client.follow_ticket(ticket_id=TICKET, last_event_id="a/0/0"))
    assert [(event.id, event.event, event.data) for event in events] == [
        ("a/0/1", "one", {"n": 1}), ("a/0/2", "message", {"n": 2})
    ]  # fmt: skip
    assert asked[0].headers["last-event-id"] == "a/0/0"


async def test_a_session_renews_itself_once_however_many_calls_find_it_old(shop: World) -> None:
    await shop.user("owner")
    way = ToApp(shop)
    async with AsyncClient("http://edge", transport=way) as anybody:
        tokens = await anybody.log_in(body=Login(mail="ada@example.org", password=PASSWORD))
    kept: list[Tokens] = []
    auth = Session("http://edge", Tokens(tokens.access_token, tokens.refresh_token), kept.append)
    async with AsyncClient("http://edge", auth, transport=way, remembered=0) as client:
        assert (await client.get_me()).mail == "ada@example.org"
        shop.clock.advance(timedelta(hours=1))
        who = await asyncio.gather(*(client.get_me() for _ in range(5)))
        assert {one.session_id for one in who} == {tokens.session_id}
    assert len(kept) == 1
    assert [request.url.path for request, _ in way.seen].count("/v1/auth/refresh") == 1


def test_a_session_renews_itself_for_callers_that_do_not_wait(shop: World) -> None:
    asyncio.run(shop.user("owner"))
    with Client("http://edge", transport=SyncToApp(shop)) as anybody:
        tokens = anybody.log_in(body=Login(mail="ada@example.org", password=PASSWORD))
    auth = Session("http://edge", Tokens(tokens.access_token, tokens.refresh_token))
    shop.clock.advance(timedelta(hours=1))
    with Client("http://edge", auth, transport=SyncToApp(shop)) as client:
        assert client.get_me().kind == "user"


def test_the_example_of_the_readme_runs(shop: World, capsys: pytest.CaptureFixture[str]) -> None:
    shop.answer = owner_behind(shop.views)
    readme = (ROOT / "connectors" / "client" / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    way = SyncToApp(shop)
    here = example.replace("ApiKey(key))", "ApiKey(key), transport=way)")
    assert here != example
    exec(here, {"key": shop.key("admin"), "way": way})
    assert capsys.readouterr().out == "done triage\n"


async def pieces(iterator: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in iterator])


async def test_a_paper_comes_in_pieces_and_its_refusal_as_one(shop: World) -> None:
    client, _ = client_of(shop)
    async with client:
        assert (await pieces(client.get_label(ticket_id=TICKET, format="pdf"))).startswith(b"%PDF")
        with pytest.raises(NotFound):
            await pieces(client.get_label(ticket_id="T-none"))
