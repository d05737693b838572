"""The same key, the same answer: in one gateway, in several, and over the log alone."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.bus.stage import WorkerStop
from processors.gateway.answers import Answers, Verdict
from processors.gateway.config import Policy
from processors.gateway.edge.sealing import Answer, Seal, SealBroken
from schemas.edge import RequestAnswered, RequestClaimed
from tests.processors.gateway.test_work import RECEIPT
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view

URL = "/v1/stock/receipts"
KEY = {"Idempotency-Key": "order 7"}
DONE = f"/v1/tasks/{TICKET}/t1/complete"


async def test_gives_the_same_answer_byte_for_byte_and_does_nothing_twice(world: World) -> None:
    async with world.client("inventory:write") as client:
        first = await client.post(URL, json=RECEIPT, headers=KEY)
        world.clock.advance(timedelta(hours=23, minutes=59))
        second = await client.post(URL, json=RECEIPT, headers=KEY)
    assert (second.status_code, second.content) == (first.status_code, first.content) == (201, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(world.sent) == 1


async def test_does_it_anew_when_a_day_has_passed(world: World) -> None:
    async with world.client("inventory:write") as client:
        await client.post(URL, json=RECEIPT, headers=KEY)
        world.clock.advance(timedelta(hours=24))
        assert "idempotency-replayed" not in (await client.post(URL, json=RECEIPT, headers=KEY)).headers
    assert len(world.sent) == 2


async def test_every_replica_repeats_what_one_has_answered(world: World) -> None:
    key = world.key("inventory:write")
    async with world.client(key=key) as one, world.client(key=key, app=world.replica()) as other:
        first = await one.post(URL, json=RECEIPT, headers=KEY)
        second = await other.post(URL, json=RECEIPT, headers=KEY)
    assert second.content == first.content
    assert len(world.sent) == 1


async def test_one_of_many_at_once_does_it_whichever_replica_they_come_to(world: World) -> None:
    key = world.key("inventory:write")
    apps = [world.app, world.replica(), world.replica()]
    answers = await asyncio.gather(*(_post(world, key, app) for app in apps for _ in range(4)))
    assert len(world.sent) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    good = {answer.content for answer in answers if answer.status_code == 201}
    assert len(good) == 1


async def _post(world: World, key: str, app: Any) -> Any:
    async with world.client(key=key, app=app) as client:
        return await client.post(URL, json=RECEIPT, headers=KEY)


async def test_is_a_conflict_while_the_first_is_at_work_and_good_again_after_it(world: World) -> None:
    world.feed(ticket_view())
    world.silent()
    async with world.client("workflows:manage") as client:
        working = asyncio.create_task(client.post(DONE, json={"by": "ada"}, headers=KEY))
        while not world.sent:
            await asyncio.sleep(0)
        busy = await client.post(DONE, json={"by": "ada"}, headers=KEY)
        problem(busy, 409, "idempotency_key_in_use")
        assert busy.headers["retry-after"] == "2"
        assert (await working).status_code == 202
        # 202 is no final answer: the next one asks again, with the same command.
        assert (await client.post(DONE, json={"by": "ada"}, headers=KEY)).status_code == 202
        reused = await client.post(DONE, json={"by": "eve"}, headers=KEY)
        problem(reused, 422, "idempotency_key_reused")
    assert len(world.sent) == 2
    assert world.sent[0][0].id == world.sent[1][0].id


async def test_a_replica_at_work_holds_its_key_for_longer_than_a_claim_lasts(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(claim_s=0.3))
    claimed: set[str] = set()
    renewed = asyncio.Event()
    publish = world.publish

    async def noting(records: Any) -> None:
        await publish(records)
        claimed.update(json.loads(one.value)["claimed_at"] for one in records if b'"claimed_at"' in one.value)
        if len(claimed) > 1:
            renewed.set()

    world.publish = noting  # type: ignore[method-assign]  # the test listens in
    world.feed(ticket_view())
    world.silent()
    async with world.client("workflows:manage") as client:
        working = asyncio.create_task(client.post(DONE, json={"by": "ada"}, headers=KEY))
        while not world.sent:
            await asyncio.sleep(0)
        world.clock.advance(timedelta(seconds=0.2))
        await asyncio.wait_for(renewed.wait(), 5)
        world.clock.advance(timedelta(seconds=0.2))
        problem(await client.post(DONE, json={"by": "ada"}, headers=KEY), 409, "idempotency_key_in_use")
        assert (await working).status_code == 202
    assert len(world.sent) == 1


async def test_what_was_not_there_is_looked_for_again(world: World) -> None:
    async with world.client("workflows:manage") as client:
        problem(await client.post(DONE, json={"by": "ada"}, headers=KEY), 404, "not_found")
        world.feed(ticket_view())
        assert (await client.post(DONE, json={"by": "ada"}, headers=KEY)).status_code == 200
        problem(await client.post(DONE, json={"by": "eve"}, headers=KEY), 422, "idempotency_key_reused")


async def test_refuses_a_key_that_was_used_for_another_body_path_or_query(world: World) -> None:
    world.feed(ticket_view())
    async with world.client("admin") as client:
        await client.post(URL, json=RECEIPT, headers=KEY)
        for url, body in ((URL, RECEIPT | {"quantity": 6}), (f"{URL}?x=1", RECEIPT), (DONE, {"by": "ada"})):
            problem(await client.post(url, json=body, headers=KEY), 422, "idempotency_key_reused")
        assert (await client.post(URL, json=RECEIPT, headers=KEY)).headers["idempotency-replayed"] == "true"
    async with world.client("admin") as somebody_else:
        assert (await somebody_else.post(URL, json=RECEIPT | {"quantity": 6}, headers=KEY)).status_code == 201
    assert len(world.sent) == 2


async def test_keeps_a_refusal_but_not_a_failure(world: World) -> None:
    async with world.client("inventory:write") as client:
        wrong = RECEIPT | {"quantity": 0}
        first = await client.post(URL, json=wrong, headers=KEY)
        again = await client.post(URL, json=wrong, headers=KEY)
        problem(again, 422, "validation")
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        publish = world.publish

        async def only_claims(records: Any) -> None:
            if any(record.topic != "edge.answers.v1" for record in records):
                raise WorkerStop("unacknowledged")
            await publish(records)

        world.publish = only_claims  # type: ignore[method-assign]  # the test listens in
        other = {"Idempotency-Key": "b"}
        problem(await client.post(URL, json=RECEIPT, headers=other), 503, "unavailable")
        world.publish = publish  # type: ignore[method-assign]  # the test listens in
        assert (await client.post(URL, json=RECEIPT, headers=other)).status_code == 201


async def test_is_unavailable_and_does_nothing_when_the_log_cannot_say_who_was_first(world: World) -> None:
    replica = world.replica()
    del world.models[1:]  # its read model hears nothing any more
    key = world.key("inventory:write")
    async with world.client(key=key, app=replica) as client:
        problem(await client.post(URL, json=RECEIPT, headers=KEY), 503, "unavailable")
    async with world.client(key=key) as client:
        assert (await client.post(URL, json=RECEIPT, headers=KEY)).status_code == 201
    world.down = WorkerStop("unacknowledged")
    async with world.client("inventory:write") as client:
        problem(await client.post(URL, json=RECEIPT, headers=KEY), 503, "unavailable")
    assert len(world.sent) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "umlaut ä"])
async def test_names_the_header_when_a_key_is_none(world: World, key: str) -> None:
    async with world.client("inventory:write") as client:
        headers = {"Idempotency-Key": key.encode("latin-1")}
        body = problem(await client.post(URL, json=RECEIPT, headers=headers), 422, "validation")  # type: ignore[arg-type]  # typed for more than is given here
    assert body["errors"][0]["field"] == "Idempotency-Key"
    assert not world.sent


async def test_asks_for_the_right_before_it_repeats_anything(world: World) -> None:
    key = world.key("inventory:write")
    async with world.client(key=key) as client:
        await client.post(URL, json=RECEIPT, headers=KEY)
        assert world.keyring.revoke(key.split("_")[2])
        problem(await client.post(URL, json=RECEIPT, headers=KEY), 401, "unauthorized")


async def test_the_log_holds_neither_key_nor_caller_nor_answer(world: World) -> None:
    written: list[bytes] = []
    publish = world.publish

    async def noting(records: Any) -> None:
        written.extend(record.value for record in records if record.topic == "edge.answers.v1")
        await publish(records)

    world.publish = noting  # type: ignore[method-assign]  # the test listens in
    key = world.key("inventory:write")
    async with world.client(key=key) as client:
        await client.post(URL, json=RECEIPT, headers={"Idempotency-Key": "visible-key"})
    assert len(written) == 2
    for secret in ("visible-key", key, key.split("_")[2], "dc_jack", "PO-7"):
        assert secret.encode() not in b"".join(written)


async def test_an_answer_too_long_to_keep_is_sent_and_the_next_asks_again(tmp_path: Path) -> None:
    world = World(tmp_path, policy=Policy(answer_max_bytes=10))
    async with world.client("inventory:write") as client:
        for _ in range(2):
            answer = await client.post(URL, json=RECEIPT, headers=KEY)
            assert answer.json()["quantity"] == 5
            assert "idempotency-replayed" not in answer.headers
    assert world.sent[0][0].id == world.sent[1][0].id


# --- the fold alone ------------------------------------------------------------------------------------------------


def _claim(key: str = "a" * 64, at: timedelta = timedelta()) -> RequestClaimed:
    return RequestClaimed(
        request_key=key, claim_id=uuid4(), claimed_at=NOW + at, held_until=NOW + at + timedelta(seconds=60)
    )


def _answer(claim: RequestClaimed, sealed: str | None = "AAAA", at: timedelta = timedelta()) -> RequestAnswered:
    return RequestAnswered(
        request_key=claim.request_key,
        claim_id=claim.claim_id,
        answered_at=NOW + at,
        sealed=sealed,
        fingerprint="f" * 64,
    )


async def _verdict(answers: Answers, claim: RequestClaimed) -> Verdict | None:
    answers.expect(claim.claim_id)
    answers.apply(claim)
    return await answers.verdict(claim.claim_id, 1)


def _answers(keys_max: int = 9, sealed_max: int = 99) -> Answers:
    return Answers(kept_for=timedelta(hours=24), keys_max=keys_max, sealed_max=sealed_max)


async def test_a_claim_whose_replica_died_can_be_taken_when_it_has_run_out_and_its_late_answer_counts_no_more() -> None:
    answers = _answers()
    dead, early, late = _claim(), _claim(at=timedelta(seconds=59)), _claim(at=timedelta(seconds=60))
    assert await _verdict(answers, dead) == Verdict(True)
    assert await _verdict(answers, early) == Verdict(False)
    assert await _verdict(answers, late) == Verdict(True)
    answers.apply(_answer(dead, "BBBB", at=timedelta(seconds=61)))
    answers.apply(_answer(late, "CCCC", at=timedelta(seconds=62)))
    assert await _verdict(answers, _claim(at=timedelta(hours=1))) == Verdict(False, "f" * 64, "CCCC")


async def test_a_claim_that_is_renewed_holds_on_until_it_is_answered_or_taken() -> None:
    answers = _answers()
    working = _claim()
    assert await _verdict(answers, working) == Verdict(True)
    answers.apply(_renewed(working, timedelta(seconds=50)))
    assert await _verdict(answers, _claim(at=timedelta(seconds=109))) == Verdict(False)
    taken = _claim(at=timedelta(seconds=110))
    assert await _verdict(answers, taken) == Verdict(True)
    answers.apply(_renewed(working, timedelta(seconds=111)))
    answers.apply(_answer(working, "BBBB", at=timedelta(seconds=112)))
    answers.apply(_answer(taken, None, at=timedelta(seconds=113)))
    answers.apply(_renewed(taken, timedelta(seconds=114)))
    assert await _verdict(answers, _claim(at=timedelta(seconds=115))) == Verdict(True, "f" * 64)


def _renewed(claim: RequestClaimed, at: timedelta) -> RequestClaimed:
    return claim.model_copy(update={"claimed_at": NOW + at, "held_until": NOW + at + timedelta(seconds=60)})


async def test_holds_no_more_keys_and_bytes_than_allowed_the_oldest_go_first() -> None:
    answers = _answers(keys_max=3, sealed_max=8)
    for name in "abcd":
        answers.apply(claim := _claim(name * 64))
        answers.apply(_answer(claim, "AAAA"))
    assert len(answers) == 2
    assert await _verdict(answers, _claim("b" * 64)) == Verdict(True)
    assert await _verdict(answers, _claim("d" * 64)) == Verdict(False, "f" * 64, "AAAA")
    for name in "0123":
        answers.apply(_claim(name * 64))
    assert len(answers) == 3


def test_an_answer_opens_for_the_same_caller_and_key_only() -> None:
    answer = Answer(201, (("location", "/v1/tickets/T-1"),), b'{"key":"shown once"}')
    seal = Seal.of(b"s" * 32, "api_key", "k1", "a")
    sealed = seal.close(answer)
    assert Seal.of(b"s" * 32, "api_key", "k1", "a").open(sealed) == answer
    for other in (Seal.of(b"s" * 32, "api_key", "k2", "a"), Seal.of(b"t" * 32, "api_key", "k1", "a")):
        with pytest.raises(SealBroken, match="does not open"):
            other.open(sealed)
    with pytest.raises(SealBroken):
        seal.open(sealed[:-8])
    assert Seal.of(b"s" * 32, "link", "a", "b").name != Seal.of(b"s" * 32, "link", "a/b", "").name
