"""A subscription from its beginning to its end, and every way a try can go."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.webhooks.config import Policy
from processors.webhooks.state import RECENT_MAX, evolve
from schemas.core.message import Message
from schemas.core.outcome import Emit
from schemas.webhooks import (
    AmendWebhook,
    DeliveryAttempted,
    ProbeWebhook,
    RemoveWebhook,
    ReplayDelivery,
    WebhookPaused,
    WebhookRefused,
    WebhookSet,
    WebhookView,
)
from tests.processors.webhooks.builders import ID, NOW, POLICY, WEBHOOK, Book, add, attempt, queue


def emitted(book: Book, command: Message) -> list[Any]:
    outcome = book.tell(command)
    assert isinstance(outcome, Emit), outcome
    return list(outcome.messages)


def amend(**changes: Any) -> AmendWebhook:
    return AmendWebhook(webhook_id=WEBHOOK, actor="ada", **changes)


def test_is_added_once() -> None:
    book = Book(workspace_id="north", description="Books")
    assert (book.known.status, book.known.workspace_id, book.known.description) == ("active", "north", "Books")
    assert book.says(add()) == ["drop:duplicate"]


def test_changes_what_is_given_and_keeps_the_rest() -> None:
    book = Book()
    book.now = NOW + timedelta(hours=1)
    [event] = emitted(book, amend(types=("noizylab.ticket.moved.v1",)))
    assert isinstance(event, WebhookSet)
    assert (event.url, event.types, event.scopes) == (
        "https://hooks.example/in", ("noizylab.ticket.moved.v1",), ("tickets:read",),
    )  # fmt: skip
    assert (book.known.created_at, book.known.changed_at) == (NOW, book.now)
    assert emitted(book, amend(scopes=(), description=""))[0].scopes == ()


def test_a_new_secret_is_the_next_version_and_its_hour_is_kept() -> None:
    book = Book()
    book.tell(amend(rotate_secret=True))
    assert (book.known.secret_version, book.known.rotated_at) == (2, NOW)
    book.now = NOW + timedelta(days=1)
    book.tell(amend(description="x"))
    assert (book.known.secret_version, book.known.rotated_at) == (2, NOW)


def test_is_paused_and_taken_up_by_request_and_keeps_what_waits() -> None:
    book = Book()
    book.tell(queue())
    book.tell(amend(enabled=False))
    assert (book.known.status, book.known.paused_because) == ("paused", "by_request")
    assert book.says(queue(2)) == ["drop:paused"]
    book.tell(amend(description="still"))
    assert book.known.status == "paused"
    book.tell(amend(enabled=True))
    assert (book.known.status, book.known.paused_because, len(book.known.waiting)) == ("active", None, 1)


def test_after_its_end_it_does_nothing_more() -> None:
    book = Book()
    book.tell(queue())
    assert book.says(RemoveWebhook(webhook_id=WEBHOOK, actor="ada")) == ["WebhookRemoved"]
    assert (book.known.status, book.known.waiting, book.known.recent) == ("removed", (), ())
    assert book.says(queue(2)) == ["drop:no_webhook"]
    assert book.says(attempt(status=200)) == ["drop:no_webhook"]
    for wish in (amend(enabled=True), ProbeWebhook(webhook_id=WEBHOOK, actor="ada")):
        [refusal] = emitted(book, wish)
        assert (refusal.reason, refusal.detail) == ("no_webhook", "the subscription was removed; add a new one")


def test_hears_nothing_about_one_that_was_never_added() -> None:
    book = Book()
    book.view = None
    for wish in (queue(), attempt(status=200), amend(), RemoveWebhook(webhook_id=WEBHOOK, actor="ada")):
        assert book.says(wish) == ["drop:no_webhook"]


# --- deliveries


def test_an_event_waits_once_and_is_due_at_once() -> None:
    book = Book()
    assert book.says(queue()) == ["DeliveryQueued"]
    assert book.says(queue()) == ["drop:duplicate"]
    [waiting] = book.known.waiting
    assert (waiting.next_at, waiting.attempts, waiting.status) == (NOW, 0, "waiting")
    book.tell(attempt(status=204))
    assert book.says(queue()) == ["drop:duplicate"]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    book = Book()
    book.tell(queue())
    [event] = emitted(book, attempt(status=status))
    assert (event.outcome, event.next_at) == ("delivered", None)
    assert (book.known.delivered, book.known.waiting, book.known.recent[0].last_status) == (1, (), status)
    assert book.says(attempt(status=500)) == ["drop:already_settled"]


FAILURES: list[dict[str, Any]] = [{"status": code} for code in (199, 301, 302, 400, 401, 404, 429, 500, 503)]


@pytest.mark.parametrize("result", [*FAILURES, {"error": "timeout"}, {"error": "address_refused"}])
def test_anything_else_is_tried_again(result: dict[str, Any]) -> None:
    book = Book()
    book.tell(queue())
    [event] = emitted(book, attempt(**result))
    assert event.outcome == "retrying"
    assert 4 <= (event.next_at - NOW).total_seconds() <= 6
    assert book.known.waiting[0].next_at == event.next_at
    assert book.known.failures_in_a_row == 1


def test_waits_longer_each_time_and_gives_up_after_the_last() -> None:
    book = Book()
    book.tell(queue())
    waits = []
    for tried in range(1, len(POLICY.retry_after) + 1):
        [event] = emitted(book, attempt(tried=tried, status=500))
        waits.append((event.next_at - NOW).total_seconds())
    for wait, planned in zip(waits, POLICY.retry_after, strict=True):
        assert 0.8 <= wait / planned.total_seconds() <= 1.2
    [last] = emitted(book, attempt(tried=len(waits) + 1, status=500))
    assert (last.outcome, last.next_at) == ("given_up", None)
    assert (book.known.given_up, book.known.waiting, book.known.recent[0].attempts) == (1, (), 8)


def test_what_failed_together_does_not_come_back_together() -> None:
    book = Book()
    waits = set()
    for number in range(20):
        book.tell(queue(number))
        [event] = emitted(book, attempt(number, status=500))
        waits.add(event.next_at)
    assert len(waits) == 20


def test_an_event_that_is_gone_from_the_log_is_given_up() -> None:
    book = Book()
    book.tell(queue())
    assert emitted(book, attempt(error="event_gone"))[0].outcome == "given_up"


def test_a_second_report_of_the_same_try_changes_nothing() -> None:
    book = Book()
    book.tell(queue())
    book.tell(attempt(status=500))
    assert book.says(attempt(status=500)) == ["drop:stale"]
    assert book.says(attempt(tried=3, status=200)) == ["drop:stale"]
    assert book.says(attempt(tried=2, status=200)) == ["DeliveryAttempted"]


def test_an_address_that_says_it_is_gone_is_left_alone() -> None:
    book = Book()
    book.tell(queue())
    book.tell(queue(2))
    given_up, paused = emitted(book, attempt(status=410))
    assert (given_up.outcome, paused.reason) == ("given_up", "address_gone")
    assert (book.known.status, len(book.known.waiting)) == ("paused", 1)


def test_an_address_that_fails_too_often_is_left_alone_until_taken_up_again() -> None:
    book = Book(Policy(pause_after_failures=3))
    for number in range(4):
        book.tell(queue(number))
    book.tell(attempt(0, status=500))
    book.tell(attempt(1, status=200))
    assert book.known.failures_in_a_row == 0
    book.tell(attempt(2, status=500))
    book.tell(attempt(3, status=500))
    assert book.says(attempt(3, tried=2, status=500)) == ["DeliveryAttempted", "WebhookPaused"]
    assert book.known.paused_because == "too_many_failures"
    assert book.says(attempt(3, tried=3, status=500)) == ["DeliveryAttempted"]
    book.tell(amend(enabled=True))
    assert (book.known.status, book.known.failures_in_a_row) == ("active", 0)


def test_one_that_falls_too_far_behind_is_paused() -> None:
    book = Book(Policy(waiting_max=2))
    assert [book.says(queue(number))[0] for number in range(4)] == [
        "DeliveryQueued", "DeliveryQueued", "WebhookPaused", "drop:paused",
    ]  # fmt: skip
    assert book.known.paused_because == "too_far_behind"


# --- by hand


def test_a_finished_delivery_is_sent_once_more_under_its_id() -> None:
    book = Book()
    book.tell(queue())
    again = ReplayDelivery(webhook_id=WEBHOOK, delivery_id=queue().delivery_id, actor="ada")
    [waits] = emitted(book, again)
    assert isinstance(waits, WebhookRefused)
    assert waits.reason == "still_waiting"
    book.tell(attempt(status=200))
    [queued] = emitted(book, again)
    assert (queued.event, queued.delivery_id) == (queue().event, queue().delivery_id)
    assert (book.known.recent, book.known.waiting[0].attempts) == ((), 0)
    [unknown] = emitted(book, again.model_copy(update={"delivery_id": "D-" + "f" * 32}))
    assert unknown.reason == "no_delivery"


def test_a_probe_carries_no_event_and_needs_a_subscription_that_is_not_paused() -> None:
    book = Book()
    wish = ProbeWebhook(webhook_id=WEBHOOK, actor="ada")
    [queued] = emitted(book, wish)
    assert (queued.event, queued.delivery_id) == (None, f"D-{ID.hex}")
    assert book.says(wish) == ["drop:duplicate"]
    book.tell(attempt(int(ID.hex, 16), status=200))
    book.tell(amend(enabled=False))
    again = ReplayDelivery(webhook_id=WEBHOOK, delivery_id=queued.delivery_id, actor="ada")
    [refusal] = emitted(book, again)
    assert (refusal.reason, "by_request" in refusal.detail) == ("paused", True)


# --- whatever happens

wishes = st.one_of(
    st.builds(queue, st.integers(0, 5)),
    st.builds(
        lambda number, tried, status, error: attempt(
            number, tried=tried, status=status, error=None if status else error
        ),
        st.integers(0, 5),
        st.integers(1, 9),
        st.sampled_from([None, 200, 410, 500]),
        st.sampled_from(["timeout", "event_gone"]),
    ),
    st.builds(amend, enabled=st.sampled_from([None, True, False]), rotate_secret=st.booleans()),
    st.just(ProbeWebhook(webhook_id=WEBHOOK, actor="ada")),
    st.builds(
        lambda number: ReplayDelivery(webhook_id=WEBHOOK, delivery_id=f"D-{number:032x}", actor="ada"),
        st.integers(0, 5),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(wishes, max_size=60))
def test_no_delivery_is_ever_lost_or_in_two_places(story: list[Message]) -> None:
    book = Book(Policy(pause_after_failures=8, waiting_max=4))
    queued = 0
    for command in story:
        queued += "DeliveryQueued" in book.says(command)
        view = book.known
        ids = [one.delivery_id for one in (*view.waiting, *view.recent)]
        assert len(set(ids)) == len(ids)
        assert queued == len(view.waiting) + view.delivered + view.given_up
        assert len(view.waiting) <= 4
        assert all(one.next_at is not None for one in view.waiting)
        assert WebhookView.model_validate_json(view.to_json()) == view


def test_remembers_no_more_than_it_says() -> None:
    book = Book()
    for number in range(RECENT_MAX + 5):
        book.tell(queue(number))
        book.tell(attempt(number, status=200))
    assert len(book.known.recent) == RECENT_MAX
    assert book.known.recent[0].delivery_id == queue(RECENT_MAX + 4).delivery_id
    assert book.known.delivered == RECENT_MAX + 5


def test_a_log_that_does_not_begin_with_the_subscription_is_not_ours() -> None:
    paused = WebhookPaused(webhook_id=WEBHOOK, reason="x", paused_at=NOW)
    with pytest.raises(ValueError, match="never added"):
        evolve(None, paused)


def test_a_try_of_what_does_not_wait_changes_nothing() -> None:
    book = Book()
    stray = DeliveryAttempted(
        webhook_id=WEBHOOK, delivery_id="D-" + "0" * 32, attempt=1, outcome="delivered", duration_ms=1, attempted_at=NOW
    )
    assert evolve(book.known, stray) == book.known
