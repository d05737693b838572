"""Two gateways behind one log: no caller can tell which of them answers, nor that one has died."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from connectors.client.auth import ApiKey
from connectors.client.calls_async import AsyncClient
from infra.demo.intakes import DemoIntake, built_in_intakes
from schemas.core.message import Event
from schemas.ticket_records import NoteAdded
from schemas.tickets import TicketOpened
from tests.scenarios.live import eventually, hand_in_bare, read_stream
from tests.scenarios.pair import MAIL, PASSWORD, Pair, Replica, heard, two_gateways, when_free
from topics.tickets import TICKET_COMMANDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

M = TypeVar("M", bound=Event)
KEY_LIMIT = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with two_gateways(tmp_path_factory.mktemp("two") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def intake() -> DemoIntake:
    """One customer with two photographs of a drawn board."""
    return next(built_in_intakes(1, width_px=1200))


async def note(replica: Replica, ticket_id: str, text: str, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"kind": "internal", "text": text}
    return await replica.client.post(f"/v1/tickets/{ticket_id}/notes", json=body, headers=headers)


async def told(pair: Pair, ticket_id: str, kind: type[M]) -> list[M]:
    """Return all events of a kind that a ticket has had so far: one more note, read back, ends the list."""
    last = (await note(pair.other, ticket_id, "The end.")).json()["event"]["note_id"]
    log = pair.shop.log
    await log.until("last note", lambda: last in [event.note_id for event in log.of(ticket_id, NoteAdded)])
    return [event for event in log.of(ticket_id, kind) if getattr(event, "note_id", None) != last]


async def test_what_is_written_at_one_is_read_at_the_other_with_the_same_etag(pair: Pair, intake: DemoIntake) -> None:
    opened = await hand_in_bare(pair.one.client, intake.form, intake.photos)
    assert opened.status_code == 201, opened.text
    path = f"/v1/tickets/{opened.json()['ticket_id']}"
    assert (await note(pair.one, opened.json()["ticket_id"], "Bent at a corner.")).status_code == 201

    async def noted() -> httpx.Response | None:
        answer = await pair.other.client.get(path)
        return answer if answer.status_code == 200 and "Bent at a corner." in answer.text else None

    there, here = await eventually("note at the other", noted), await pair.one.client.get(path)
    assert (there.content, there.headers["etag"]) == (here.content, here.headers["etag"])
    unchanged = await pair.one.client.get(path, headers={"If-None-Match": there.headers["etag"]})
    assert unchanged.status_code == 304


async def test_a_key_holds_over_both_byte_for_byte(pair: Pair, intake: DemoIntake) -> None:
    first, second = [
        await hand_in_bare(replica.client, intake.form, intake.photos, **{"Idempotency-Key": "door 1"})
        for replica in pair.both
    ]
    assert (first.status_code, second.status_code) == (201, 201)
    assert (second.content, second.headers["location"]) == (first.content, first.headers["location"])
    assert second.headers["idempotency-replayed"] == "true"
    assert len(await told(pair, first.json()["ticket_id"], TicketOpened)) == 1


async def test_a_key_holds_when_both_are_asked_at_the_same_moment(pair: Pair) -> None:
    ticket_id = await pair.opened()
    sent = [(replica, number) for number in range(3) for replica in pair.both * 3]
    answers = await asyncio.gather(
        *(when_free(lambda a=replica, n=number: note(a, ticket_id, f"Said {n}.", f"n {n}")) for replica, number in sent)
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 3
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 3
    assert len(await told(pair, ticket_id, NoteAdded)) == 3


async def _log_in(replica: Replica) -> Any:
    answer = await replica.client.post("/v1/auth/login", json={"mail": MAIL, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _refresh(replica: Replica, token: str) -> httpx.Response:
    return await replica.client.post("/v1/auth/refresh", json={"refresh_token": token})


async def _is_shut_out(pair: Pair, access_token: str) -> None:
    async def look() -> bool:
        headers = {"Authorization": f"Bearer {access_token}"}
        return {(await one.client.get("/v1/auth/me", headers=headers)).status_code for one in pair.both} == {401}

    await eventually("end of the session at both", look)


async def test_a_session_of_one_is_good_at_the_other_at_once_and_a_spent_token_ends_it_at_both(pair: Pair) -> None:
    tokens = await _log_in(pair.one)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await pair.other.client.get("/v1/auth/me", headers=headers)).status_code == 200
    newest = tokens
    for replica in (pair.other, pair.one):
        answer = await _refresh(replica, newest["refresh_token"])
        assert answer.status_code == 200
        newest = answer.json()
    assert (await _refresh(pair.other, tokens["refresh_token"])).status_code == 401
    assert (await _refresh(pair.one, newest["refresh_token"])).status_code == 401
    await _is_shut_out(pair, newest["access_token"])


async def test_a_refresh_token_shown_to_both_at_the_same_moment_gives_one_next_token(pair: Pair) -> None:
    """Within the grace for a lost answer; two different ones would let a thief go on beside the person."""
    tokens = await _log_in(pair.one)
    answers = await asyncio.gather(*(_refresh(replica, tokens["refresh_token"]) for replica in pair.both))
    assert [answer.status_code for answer in answers] == [200, 200]
    [shared] = {answer.json()["refresh_token"] for answer in answers}
    assert shared != tokens["refresh_token"]


async def test_counted_in_memory_each_lets_a_caller_have_its_whole_rate(pair: Pair) -> None:
    wish = {"name": "till", "scopes": ["tickets:read"], "per_minute": KEY_LIMIT}
    key = (await pair.one.client.post("/v1/keys", json=wish)).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}

    async def known() -> bool:
        return (await pair.other.client.get("/v1/tickets", headers=headers)).status_code == 200

    await eventually("key at the other", known)
    used = {pair.one.port: 0, pair.other.port: 1}
    for replica in pair.both:
        statuses = [(await replica.client.get("/v1/tickets", headers=headers)).status_code for _ in range(5)]
        admitted = KEY_LIMIT - used[replica.port]
        assert statuses == [200] * admitted + [429] * (5 - admitted)


async def _opens(replica: Replica, ticket: str) -> bool:
    try:
        async with replica.listen(f"ticket={ticket}", key=False) as reader:
            return '"hello"' in str(await asyncio.wait_for(reader.recv(), 10))
    except InvalidStatus as refused:
        return refused.response.status_code != 401


async def test_a_ticket_for_a_socket_opens_one_at_the_other_and_only_once(pair: Pair) -> None:
    ticket = (await pair.one.client.post("/v1/live/tickets")).json()["ticket"]
    assert await _opens(pair.other, ticket)
    assert not await _opens(pair.one, ticket)
    assert not await _opens(pair.other, ticket)
    contested = (await pair.other.client.post("/v1/live/tickets")).json()["ticket"]
    assert sorted(await asyncio.gather(*(_opens(replica, contested) for replica in pair.both))) == [False, True]


async def test_a_live_reader_goes_on_at_the_other_where_it_was(pair: Pair) -> None:
    ticket_id = await pair.opened()
    query = f"tickets={ticket_id}&types={NoteAdded.TYPE}"
    async with pair.one.listen(query) as reader:
        await reader.recv()
        await note(pair.one, ticket_id, "Heard at one.")
        [first] = await heard(reader, 1)
    missed = [(await note(replica, ticket_id, "Missed.")).json()["event"]["note_id"] for replica in pair.both]
    async with pair.other.listen(f"{query}&after={first['id']}") as reader:
        back = list(await heard(reader, 2))
        live = (await note(pair.one, ticket_id, "Heard at the other.")).json()["event"]["note_id"]
        back += await heard(reader, 1)
    assert [frame["event"]["data"]["note_id"] for frame in back] == [*missed, live]


async def test_a_stream_of_one_ticket_goes_on_at_the_other_where_it_was(pair: Pair) -> None:
    ticket_id = await pair.opened()
    key = ApiKey(pair.one.client.headers["Authorization"].removeprefix("Bearer "))
    async with AsyncClient(f"http://127.0.0.1:{pair.one.port}", key) as client:
        [*_, last] = await read_stream(client, ticket_id, TicketOpened.TYPE)
    await note(pair.one, ticket_id, "Missed.")
    async with AsyncClient(f"http://127.0.0.1:{pair.other.port}", key) as client:
        frames = await read_stream(client, ticket_id, NoteAdded.TYPE, last.id)
    assert TicketOpened.TYPE not in [frame.event for frame in frames]


@pytest.mark.long
async def test_when_one_is_killed_before_it_can_answer_the_other_gives_each_write_its_one_outcome(
    pair: Pair, intake: DemoIntake
) -> None:
    ticket_id = await pair.opened()
    wishes: list[Callable[[Replica], Awaitable[httpx.Response]]] = [
        *((lambda at, n=n: note(at, ticket_id, f"Said {n}.", f"kill {n}")) for n in range(4)),
        lambda at: hand_in_bare(at.client, intake.form, intake.photos, **{"Idempotency-Key": "kill intake"}),
    ]
    before = await pair.records(TICKET_COMMANDS)
    workers = pair.shop.shop.supervisor.pid("workers")
    assert workers is not None
    os.kill(workers, signal.SIGSTOP)
    try:
        cut = [asyncio.create_task(wish(pair.one)) for wish in wishes]

        async def sent() -> bool:
            return await pair.records(TICKET_COMMANDS) == before + len(wishes)

        await eventually("commands on the log", sent)
        pair.one.node.kill()
    finally:
        os.kill(workers, signal.SIGCONT)
    ends = await asyncio.gather(*cut, return_exceptions=True)
    assert any(isinstance(end, httpx.TransportError) for end in ends), ends
    answers = await asyncio.gather(*(when_free(lambda w=wish: w(pair.other)) for wish in wishes))
    assert [answer.status_code for answer in answers] == [201] * len(wishes)
    assert len(await told(pair, ticket_id, NoteAdded)) == 4
    assert len(await told(pair, answers[-1].json()["ticket_id"], TicketOpened)) == 1
    await pair.one.start()
    again = [await wish(pair.one) for wish in wishes]
    assert [answer.content for answer in again] == [answer.content for answer in answers]
    assert all(answer.headers["idempotency-replayed"] == "true" for answer in again)


@pytest.mark.long
async def test_when_one_is_killed_in_the_middle_of_many_writes_none_is_lost_and_none_is_done_twice(pair: Pair) -> None:
    ticket_id = await pair.opened()
    answered: dict[str, bytes] = {}
    cut: list[str] = []
    enough = asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(1000):
            key = f"storm {writer} {number}"
            try:
                answer = await note(pair.one, ticket_id, key, key)
            except httpx.TransportError:
                cut.append(key)
                return
            assert answer.status_code == 201, answer.text
            answered[key] = answer.content
            if len(answered) >= 30:
                enough.set()

    writing = [asyncio.create_task(write(writer)) for writer in range(6)]
    await asyncio.wait_for(enough.wait(), 30)
    pair.one.node.kill()
    await asyncio.gather(*writing)
    assert len(cut) == len(writing)
    for key, content in answered.items():
        again = await note(pair.other, ticket_id, key, key)
        assert (again.content, again.headers["idempotency-replayed"]) == (content, "true")
    late = await asyncio.gather(*(when_free(lambda k=key: note(pair.other, ticket_id, k, k)) for key in cut))
    assert {answer.status_code for answer in late} == {201}
    noted = [event.note_id for event in await told(pair, ticket_id, NoteAdded)]
    assert len(noted) == len({*noted}) == len(answered) + len(cut)
    await pair.one.start()
