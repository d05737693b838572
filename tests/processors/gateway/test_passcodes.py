import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import httpx
import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.aggregate import Held
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, record_of
from connectors.bus.restore import LogReader
from connectors.errors import Transient
from infra.broker import Broker, BrokerConfig
from processors.gateway.config import Policy
from processors.gateway.edge.app import create_app
from processors.gateway.edge.ledger import LEDGER_WORDS, ledger_of
from processors.gateway.edge.texts import TEXTS
from processors.gateway.views import ReadModel
from processors.tickets.passcodes.agent import wire_passcodes
from processors.tickets.passcodes.decide import PasscodePolicy, decide
from processors.tickets.passcodes.state import evolve
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Emit
from schemas.passcodes import PasscodeKind, PasscodePurged, PasscodeRefused, PasscodesView, PasscodeTask, PurgeReason
from schemas.tickets import TicketView
from tests.processors.gateway.world import NOW, TICKET, World, problem, ticket_view
from tests.schemas.examples import examples_of
from topics.passcodes import PASSCODE_VIEWS
from topics.registry import ALL
from topics.tickets import TICKET_VIEWS

URL = f"/v1/tickets/{TICKET}/passcode"
CODE = "48391721"
GIVEN = {"passcode": {"kind": "pin", "code": CODE}, "tasks": ["function_test"], "stored_by": "ann"}
WISH = {"task": "function_test", "reason": "camera test <b>", "unlocked_by": "bob"}


class Shop:
    """A shop whose owner of passcodes decides as the real one does, and whose whole log is kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: list[bytes] = []
        self.world.answer = self.answer
        self.world.feed(ticket_view(language="de"))

    def answer(self, command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        ticket_id: str = command.ticket_id  # type: ignore[attr-defined]  # of the kinds that are sent here
        view = self.world.views.view(PASSCODE_VIEWS, ticket_id, PasscodesView)
        outcome = decide(command, view, envelope.time, PasscodePolicy())
        answers: list[tuple[Event, View | None]] = []
        self.log += [command.to_json(), *(value for _, value in envelope.to_headers())]
        for event in outcome.messages if isinstance(outcome, Emit) else ():
            assert isinstance(event, Event)
            if isinstance(event, PasscodeRefused):
                answers.append((event, None))
            else:
                view = evolve(view or PasscodesView(ticket_id=ticket_id), event)
                answers.append((event, view))
            self.log += [event.to_json(), view.to_json() if view is not None else b""]
        return answers

    def staff(self) -> httpx.AsyncClient:
        return self.world.client("tickets:read", "tickets:write", "workflows:manage")


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def page_of(url: str) -> str:
    return url.removeprefix("http://shop.example")


async def test_is_given_once_opened_for_a_task_read_again_in_its_time_and_then_closed(shop: Shop) -> None:
    async with shop.staff() as client:
        stored = await client.put(URL, json=GIVEN)
        assert stored.status_code == 200
        opened = (await client.post(f"{URL}/unlock", json=WISH)).json()
        assert (opened["code"], opened["kind"], opened["unlock"]) == (CODE, "pin", 1)
        shop.world.clock.advance(timedelta(minutes=14))
        again = await client.post(f"{URL}/unlocks/1/read")
        assert (again.json()["code"], again.json()["read"]) == (CODE, 1)
        assert again.headers["cache-control"] == "no-store"
        shop.world.clock.advance(timedelta(minutes=1))
        refused = problem(await client.post(f"{URL}/unlocks/1/read"), 410, "passcode_refused")
        assert refused["reason"] == "expired"
        ledger = (await client.get(URL)).json()
    [one] = ledger["unlocks"]
    assert (one["unlocked_by"], one["reason"], one["reads"]) == ("bob", WISH["reason"], 1)
    assert one["caller"].startswith("api_key:")
    assert one["ended_at"] == one["open_until"]


async def test_the_code_is_in_two_answers_and_nowhere_else(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[httpx.Response] = []
    async with shop.staff() as client:
        answers.append(await client.put(URL, json=GIVEN))
        opened = await client.post(f"{URL}/unlock", json=WISH)
        answers += [await client.get(URL), await client.get(f"/v1/tickets/{TICKET}/timeline")]
        wrong = GIVEN | {"passcode": {"kind": "pattern", "code": CODE}, "stored_by": ""}
        answers += [await client.put(URL, json=wrong), await client.put(URL, content=f'{{"code": "{CODE}"')]
        answers += [await client.get(page_of(answers[1].json()["customer_page"]))]
        shop.world.down = Transient("away")
        answers += [await client.put(URL, json=GIVEN), await client.post(f"{URL}/unlock", json=WISH)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 422, 200, 503, 503]
    assert opened.json()["code"] == CODE
    stored = [path.read_bytes() for path in shop.world.path.rglob("*") if path.is_file()]
    written = [*shop.log, *stored, *(answer.content for answer in answers), *capfd.readouterr()]
    everything = b"".join(part if isinstance(part, bytes) else part.encode() for part in written) + caplog.text.encode()
    assert b"function_test" in everything
    assert CODE.encode() not in everything


async def test_another_person_may_open_it_too_and_reads_nobody_elses_unlock(shop: Shop) -> None:
    async with shop.staff() as bob, shop.staff() as cleo:
        await bob.put(URL, json=GIVEN)
        await bob.post(f"{URL}/unlock", json=WISH)
        problem(await cleo.post(f"{URL}/unlocks/1/read"), 404, "passcode_refused")
        second = await cleo.post(f"{URL}/unlock", json=WISH | {"unlocked_by": "cleo"})
        assert (second.json()["code"], second.json()["unlock"]) == (CODE, 2)
        one, two = (await bob.get(URL)).json()["unlocks"]
    assert one["caller"] != two["caller"]


async def test_whoever_takes_devices_in_can_store_a_passcode_and_not_read_it(shop: Shop) -> None:
    async with shop.world.client("tickets:write", "tickets:read") as kiosk:
        assert (await kiosk.put(URL, json=GIVEN)).status_code == 200
        problem(await kiosk.post(f"{URL}/unlock", json=WISH), 403, "missing_scope")
        problem(await kiosk.post(f"{URL}/unlocks/1/read"), 403, "missing_scope")


async def test_a_caller_opens_only_so_many_tickets_in_an_hour(shop: Shop) -> None:
    tickets = [f"T-{number:04}" for number in range(100, 100 + Policy().unlocks_per_hour + 1)]
    async with shop.staff() as curious, shop.staff() as other:
        for ticket in tickets:
            shop.world.feed(ticket_view(ticket))
            await curious.put(f"/v1/tickets/{ticket}/passcode", json=GIVEN)
        *most, last = [await curious.post(f"/v1/tickets/{ticket}/passcode/unlock", json=WISH) for ticket in tickets]
        assert {answer.status_code for answer in most} == {200}
        problem(last, 429, "too_many_unlocks")
        assert 0 < int(last.headers["retry-after"]) <= 3601
        url = f"/v1/tickets/{tickets[-1]}/passcode/unlock"
        assert (await other.post(url, json=WISH)).status_code == 200
        shop.world.clock.advance(timedelta(hours=1))
        assert (await curious.post(url, json=WISH)).status_code == 200


async def test_a_passcode_is_opened_only_so_often_and_the_refusal_says_when_again(shop: Shop) -> None:
    most = PasscodePolicy().unlocks_per_hour
    async with shop.staff() as client:
        await client.put(URL, json=GIVEN)
        for _ in range(most):
            assert (await client.post(f"{URL}/unlock", json=WISH)).status_code == 200
            shop.world.clock.advance(timedelta(minutes=1))
        refused = await client.post(f"{URL}/unlock", json=WISH)
        assert problem(refused, 429, "passcode_refused")["reason"] == "too_many_unlocks"
        wait = timedelta(seconds=int(refused.headers["retry-after"]))
        assert wait == timedelta(hours=1, seconds=1) - most * timedelta(minutes=1)
        shop.world.clock.advance(wait)
        assert (await client.post(f"{URL}/unlock", json=WISH)).status_code == 200


async def test_who_took_it_who_opened_it_and_why_lie_sealed_and_go_with_the_tickets_key(shop: Shop) -> None:
    given, wish = GIVEN | {"stored_by": "Annegret"}, WISH | {"reason": "Kamera geht nicht", "unlocked_by": "Roberta"}
    async with shop.staff() as client:
        await client.put(URL, json=given)
        await client.post(f"{URL}/unlock", json=wish)
        shown = (await client.get(URL)).json()
        page = page_of(shown["customer_page"])
        told = (await client.get(page)).text
        timeline = (await client.get(f"/v1/tickets/{TICKET}/timeline")).text
        log = b"".join(record.value or b"" for record in shop.world.records) + b"".join(shop.log)
        await shop.world.vault.forget_texts(TICKET)
        erased = (await client.get(URL)).json(), (await client.get(page)).text
    assert shown["passcodes"][0]["stored_by"] == "Annegret"
    assert (shown["unlocks"][0]["unlocked_by"], shown["unlocks"][0]["reason"]) == ("Roberta", "Kamera geht nicht")
    assert (erased[0]["unlocks"][0]["unlocked_by"], erased[0]["unlocks"][0]["task"]) == ("(erased)", "function_test")
    for word in ("Annegret", "Roberta", "Kamera"):
        assert word.encode() not in log
        assert word not in str(erased)
        assert word in timeline
    for word in ("Roberta", "Kamera geht nicht"):
        assert word in told
    assert "nzs1." not in told + timeline + str(erased)


async def test_a_passcode_taken_before_words_were_sealed_is_shown_as_it_is(shop: Shop) -> None:
    view = examples_of(PasscodesView)["full"].model_copy(update={"ticket_id": TICKET})
    assert isinstance(view, PasscodesView)
    shop.world.feed(view)
    async with shop.staff() as client:
        shown = (await client.get(URL)).json()
        told = (await client.get(page_of(shown["customer_page"]))).text
    assert shown["unlocks"][0]["unlocked_by"] == view.unlocks[0].unlocked_by
    assert view.unlocks[0].unlocked_by in told


async def test_an_opened_passcode_is_not_kept_as_an_answer(shop: Shop) -> None:
    async with shop.staff() as client:
        await client.put(URL, json=GIVEN)
        for path in ("unlock", "unlocks/1/read"):
            answer = await client.post(f"{URL}/{path}", json=WISH, headers={"Idempotency-Key": path})
            assert problem(answer, 422, "validation")["errors"][0]["field"] == "Idempotency-Key"


async def test_gives_nothing_out_before_the_ledger_has_it(shop: Shop) -> None:
    async with shop.staff() as client:
        await client.put(URL, json=GIVEN)
        shop.world.silent()
        problem(await client.post(f"{URL}/unlock", json=WISH), 503, "unavailable")
        problem(await client.put(URL, json=GIVEN), 503, "unavailable")
    kept = await shop.world.passcodes.open(TICKET, 2)
    assert kept is None


async def test_a_passcode_that_was_destroyed_while_it_arrived_does_not_stay(shop: Shop) -> None:
    def destroyed_at_once(command: Message, envelope: Envelope) -> Sequence[tuple[Event, View | None]]:
        [(stored, view)] = shop.answer(command, envelope)
        purged = PasscodePurged(ticket_id=TICKET, passcode=1, reason="erased", purged_at=envelope.time)
        assert isinstance(view, PasscodesView)
        return [(stored, view), (purged, evolve(view, purged))]

    shop.world.answer = destroyed_at_once
    async with shop.staff() as client:
        assert (await client.put(URL, json=GIVEN)).status_code == 200
    assert await shop.world.passcodes.open(TICKET, 1) is None


async def test_a_missing_code_is_said_and_not_made_up(shop: Shop) -> None:
    async with shop.staff() as client:
        await client.put(URL, json=GIVEN)
        await shop.world.passcodes.forget(TICKET, 1)
        problem(await client.post(f"{URL}/unlock", json=WISH), 410, "passcode_gone")


async def test_is_destroyed_on_request_and_the_ledger_stays(shop: Shop) -> None:
    async with shop.staff() as client:
        problem(await client.delete(URL), 404, "passcode_refused")
        await client.put(URL, json=GIVEN)
        assert (await client.delete(URL)).status_code == 204
        problem(await client.post(f"{URL}/unlock", json=WISH), 404, "passcode_refused")
        [one] = (await client.get(URL)).json()["passcodes"]
    assert one["purge_because"] == "asked"


async def test_nothing_is_kept_for_a_ticket_that_has_ended_or_is_not_there(shop: Shop) -> None:
    shop.world.feed(ticket_view(state="collected"))
    async with shop.staff() as client:
        problem(await client.put(URL, json=GIVEN), 409, "ticket_ended")
        for method, path in (
            ("GET", ""),
            ("PUT", ""),
            ("DELETE", ""),
            ("POST", "/unlock"),
            ("POST", "/unlocks/1/read"),
        ):
            body: dict[str, Any] | None = {"PUT": GIVEN, "POST": WISH}.get(method)
            answer = await client.request(method, f"/v1/tickets/T-9999/passcode{path}", json=body)
            problem(answer, 404, "not_found")


@pytest.mark.parametrize("language", sorted(TEXTS))
async def test_the_customer_reads_who_opened_it_in_their_language(shop: Shop, language: str) -> None:
    async with shop.staff() as client:
        await client.put(URL, json=GIVEN)
        await client.post(f"{URL}/unlock", json=WISH)
        await client.post(f"{URL}/unlocks/1/read")
        url = (await client.get(URL)).json()["customer_page"]
    async with shop.world.client() as customer:
        answer = await customer.get(page_of(url), headers={"Accept-Language": language})
    words, page = LEDGER_WORDS[language], answer.text
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'nonce-")
    for text in (words.title, words.tasks["function_test"], words.task, words.why, "09:15 UTC", "bob"):
        assert text.replace("'", "&#39;") in page
    assert "camera test &lt;b&gt;" in page
    assert words.never not in page


def test_every_word_of_the_ledger_has_a_text_in_every_language() -> None:
    full = examples_of(PasscodesView)["full"]
    assert isinstance(full, PasscodesView)
    for language, texts in TEXTS.items():
        words = LEDGER_WORDS[language]
        shown = ledger_of(full, texts)
        assert words.reasons["replaced"] in shown.passcodes[0]
        assert "{" not in "".join((*shown.passcodes, *(access.head for access in shown.accesses)))
        named = (words.kinds, words.tasks, words.reasons)
        assert [set(part) for part in named] == [
            set(get_args(kind)) for kind in (PasscodeKind, PasscodeTask, PurgeReason)
        ]


async def test_the_page_of_an_offer_leads_to_the_ledger_once_there_is_one(shop: Shop) -> None:
    offer = shop.world.with_quote()
    async with shop.staff() as client:
        before = (await client.get(offer)).text
        await client.put(URL, json=GIVEN)
        after = (await client.get(offer, headers={"Accept-Language": "nl"})).text
        path = page_of((await client.get(URL)).json()["customer_page"])
        shown = await client.get(path, headers={"Accept-Language": "nl"})
    assert LEDGER_WORDS["en"].link not in before
    assert f'<a href="{path}">{LEDGER_WORDS["nl"].link}</a>' in after
    assert LEDGER_WORDS["nl"].never in shown.text


async def test_a_link_that_was_changed_or_made_for_an_offer_opens_no_ledger(shop: Shop) -> None:
    offer = shop.world.with_quote()
    good = shop.world.signer.ledger_url(TICKET)
    async with shop.world.client() as customer:
        for token in (offer.removeprefix("/a/"), page_of(good).removeprefix("/p/")[:-1] + "!", "x" * 2000):
            assert (await customer.get(f"/p/{token}")).status_code == 404
        assert (await customer.get(page_of(good).replace("/p/", "/a/"))).status_code == 404
        empty = await customer.get(page_of(good), headers={"Accept-Language": "fr"})
        assert LEDGER_WORDS["fr"].none.replace("'", "&#39;") in empty.text
        gone = page_of(shop.world.signer.ledger_url("T-9999"))
        assert (await customer.get(gone)).status_code == 404


async def test_no_record_of_the_whole_log_holds_the_code(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    cluster = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(cluster, ALL, replicas=1)
    publisher, views = KafkaPublisher(cluster, client_id="test"), ReadModel()
    owner = App("tickets", cluster, publisher, clock=world.clock)
    wire_passcodes(owner, world.passcodes, PasscodePolicy())
    await publisher.start()
    try:
        await owner.start()
        await views.start(cluster)
        async with asyncio.timeout(60):
            await views.wait_ready()
            await _publish_ticket(publisher, views)
            deps = replace(world.app.state.edge.deps, publisher=publisher, views=views, policy=Policy())
            transport = httpx.ASGITransport(create_app(deps))
            headers = {"Authorization": f"Bearer {world.key('tickets:read', 'tickets:write', 'workflows:manage')}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://edge", headers=headers) as client:
                assert (await client.put(URL, json=GIVEN)).status_code == 200
                assert (await client.post(f"{URL}/unlock", json=WISH)).json()["code"] == CODE
                assert (await client.post(f"{URL}/unlocks/1/read")).json()["code"] == CODE
                assert (await client.delete(URL)).status_code == 204
                ledger = (await client.get(URL)).json()
            records = await _everything(cluster)
    finally:
        await views.stop()
        await owner.stop()
        await publisher.stop()
        await broker.stop()
    assert ledger["passcodes"][0]["purge_because"] == "asked"
    assert await world.passcodes.open(TICKET, 1) is None
    assert records.count(b"noizylab.passcode.") >= 8
    assert CODE.encode() not in records
    assert CODE not in caplog.text


async def _publish_ticket(publisher: KafkaPublisher, views: ReadModel) -> None:
    """Open a ticket on the log and wait until the edge knows it."""
    cause = uuid4()
    envelope = Envelope(uuid4(), "/noizylab/test", TicketView.TYPE, TICKET, NOW, NOW, TICKET, causation_id=cause)
    record = record_of(ticket_view(), TICKET_VIEWS.name, envelope)
    value = Held(ticket_view(), 1, (cause,)).to_value()
    await publisher.publish([Outgoing(record.topic, record.key, value, record.headers)])
    assert await views.settled(TICKET_VIEWS, TICKET, cause, 20)


async def _everything(cluster: Cluster) -> bytes:
    """Return keys, values and headers of all records of all topics, dead letters too."""
    parts: list[bytes] = []
    async with LogReader(cluster, "test-all") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in ALL])):
            parts += [record.key or b"", record.value or b"", *(value for _, value in record.headers)]
    return b"\n".join(parts)
