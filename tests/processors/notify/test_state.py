from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from processors.notify.state import entry_of, evolve
from schemas.core.message import Event
from schemas.notifications import NotificationDeferred, NotificationFailed, NotificationSent, OutboxView

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def _sent(notification_id: str) -> NotificationSent:
    return NotificationSent(
        ticket_id="T-1001",
        notification_id=notification_id,
        template="quote_ready",
        channel="mail",
        provider_id="p",
        sent_at=NOON,
    )


def _deferred(notification_id: str) -> NotificationDeferred:
    return NotificationDeferred(
        ticket_id="T-1001",
        notification_id=notification_id,
        customer_id="C-1001",
        template="quote_ready",
        channel="sms",
        not_before=NOON + timedelta(hours=1),
        deferred_at=NOON,
    )


def _failed(notification_id: str) -> NotificationFailed:
    return NotificationFailed(
        ticket_id="T-1001",
        notification_id=notification_id,
        template="quote_ready",
        reason="no_contact",
        detail="",
        failed_at=NOON,
    )


def _fold(*events: Event) -> OutboxView:
    state = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return state


def test_keeps_messages_in_order_when_one_is_settled_later() -> None:
    state = _fold(_deferred("a"), _sent("b"), _sent("a"), _failed("c"))
    assert [(one.notification_id, one.status) for one in state.entries] == [
        ("a", "sent"),
        ("b", "sent"),
        ("c", "failed"),
    ]
    assert state.entries[0].deferred is None


def test_keeps_what_is_needed_to_send_later_when_deferred() -> None:
    entry = entry_of(_fold(_deferred("a")), "a")
    assert entry is not None
    assert entry.deferred == _deferred("a")


def test_knows_nothing_when_the_outbox_is_empty() -> None:
    assert entry_of(None, "a") is None


makers = st.sampled_from([_sent, _deferred, _failed])


@given(st.lists(st.tuples(makers, st.sampled_from("abc")), min_size=1, max_size=12))
def test_holds_one_entry_a_notification_and_the_last_word_when_events_repeat(pairs: list[tuple[object, str]]) -> None:
    events = [make(name) for make, name in pairs]  # type: ignore[operator]
    state = _fold(*events)
    names = [one.notification_id for one in state.entries]
    assert names == list(dict.fromkeys(name for _, name in pairs))
    assert evolve(state, events[-1]) == state
    assert {one.status for one in state.entries} <= {"sent", "deferred", "failed"}
