"""Tries over real sockets: what is sent, how many at once, and what happens when a report of one is lost."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.callbacks.https import HttpsCallbacks
from connectors.callbacks.standard import secret_of
from connectors.clock.clock import SettableClock
from connectors.errors import Transient
from processors.webhooks.config import Policy
from processors.webhooks.dispatch import Dispatcher
from schemas.webhooks import AmendWebhook, RecordAttempt, WebhookDelivery, WebhookView
from tests.processors.webhooks.builders import NOW, WEBHOOK, Book, queue
from tests.support.fakes.endpoint import Endpoint, endpoint


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


class Shop:
    """A dispatcher whose reports go straight into the books."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.clock = SettableClock(NOW)
        self.books: dict[str, Book] = {}
        self.reports: list[RecordAttempt] = []
        self.lost = 0
        self.gone = False
        self.dispatcher = Dispatcher(
            HttpsCallbacks(local=True), "master", self.body_of, self.record, self.clock, self.policy
        )

    def book(self, port: int, webhook_id: str = WEBHOOK) -> Book:
        made = self.books[webhook_id] = Book(self.policy, webhook_id=webhook_id, url=f"http://127.0.0.1:{port}/in")
        return made

    async def body_of(self, view: WebhookView, delivery: WebhookDelivery) -> bytes | None:
        return None if self.gone else b'{"delivery":"%b"}' % delivery.delivery_id.encode()

    async def record(self, done: RecordAttempt) -> None:
        if self.lost:
            self.lost -= 1
            raise Transient("the log is away")
        self.reports.append(done)
        self.books[done.webhook_id].tell(done)

    def look(self) -> None:
        self.dispatcher.look([book.known for book in self.books.values()])

    async def look_and_wait(self) -> None:
        self.look()
        await self.dispatcher.idle()


async def test_signs_what_it_sends_under_an_id_that_does_not_change(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    server.answers = [500]
    await shop.look_and_wait()
    shop.clock.advance(timedelta(seconds=10))
    await shop.look_and_wait()
    assert book.known.delivered == 1
    first, second = server.got
    secret = secret_of("master", WEBHOOK, 1)
    for (_, headers, body), seconds in ((first, 0), (second, 10)):
        at = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
        assert (headers["webhook-id"], headers["webhook-timestamp"]) == (queue().delivery_id, at)
        signed = f"{queue().delivery_id}.{at}.".encode() + body
        assert headers["webhook-signature"] == "v1," + b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        assert headers["content-type"] == "application/cloudevents+json"
    assert first[2] == second[2]


async def test_signs_with_both_secrets_while_one_is_changed(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(AmendWebhook(webhook_id=WEBHOOK, rotate_secret=True, actor="ada"))
    book.tell(queue())
    await shop.look_and_wait()
    assert len(server.got[0][1]["webhook-signature"].split()) == 2


async def test_does_nothing_before_the_time_has_come(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    server.answers = [503]
    await shop.look_and_wait()
    shop.clock.advance(timedelta(seconds=3))
    await shop.look_and_wait()
    assert len(server.got) == 1


async def test_a_slow_address_holds_up_nobody_but_itself(server: Endpoint) -> None:
    shop = Shop(Policy(tries_at_once_each=2))
    with endpoint() as slow:
        slow.gate.clear()
        slow_book, book = shop.book(slow.port, "W-slow"), shop.book(server.port)
        for number in range(5):
            slow_book.tell(queue(number, "W-slow"))
            book.tell(queue(number))
        while book.known.delivered < 5:
            shop.look()
            await asyncio.sleep(0.01)
        await asyncio.to_thread(slow.wait_for, 2)
        shop.look()
        assert len(slow.got) == 2
        assert slow_book.known.delivered == 0
        slow.gate.set()
        while slow_book.known.delivered < 5:
            shop.look()
            await asyncio.sleep(0.01)


async def test_runs_no_more_tries_in_all_than_it_may(server: Endpoint) -> None:
    shop = Shop(Policy(tries_at_once=3))
    server.gate.clear()
    for name in ("W-0001", "W-0002"):
        book = shop.book(server.port, name)
        for number in range(4):
            book.tell(queue(number, name))
    shop.look()
    await asyncio.to_thread(server.wait_for, 3)
    shop.look()
    server.gate.set()
    await shop.dispatcher.idle()
    assert len(shop.reports) == 3


async def test_does_not_try_again_while_its_report_is_on_its_way(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    before = book.known
    await shop.look_and_wait()
    shop.dispatcher.look([before])
    await shop.dispatcher.idle()
    assert len(server.got) == 1


async def test_tries_again_when_its_report_is_lost(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    shop.lost = 1
    await shop.look_and_wait()
    assert (len(server.got), book.known.delivered) == (1, 0)
    await shop.look_and_wait()
    assert (len(server.got), book.known.delivered) == (2, 1)
    assert server.got[0][1]["webhook-id"] == server.got[1][1]["webhook-id"]


async def test_another_process_takes_over_what_one_broke_off(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    server.gate.clear()
    shop.look()
    await asyncio.to_thread(server.wait_for, 1)
    await shop.dispatcher.close()
    assert shop.reports == []
    server.gate.set()
    after = Shop()
    after.books = shop.books
    await after.look_and_wait()
    assert book.known.delivered == 1


async def test_says_when_the_event_is_gone(server: Endpoint) -> None:
    shop = Shop()
    book = shop.book(server.port)
    book.tell(queue())
    shop.gone = True
    await shop.look_and_wait()
    assert (book.known.given_up, book.known.recent[0].last_error, server.got) == (1, "event_gone", [])
