"""A held state: what of it is read when, and the bytes in which it lies in the log."""

from uuid import UUID

import pytest

from connectors.bus.aggregate import RECENT_CAUSES, Aggregate, Held, fold
from schemas.core.message import Event, Message
from schemas.notifications import NotificationSent, OutboxView
from topics.notifications import NOTIFICATION_VIEWS

STATE = OutboxView(ticket_id="T-0001", entries=())
VALUE = (
    b'{"version":3,"causes":["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002"],'
    b'"state":{"ticket_id":"T-0001","entries":[]}}'
)
HELD = Held(STATE, 3, [UUID(int=1), UUID(int=2)])


def after(held: Held | None, cause: int) -> Held:
    event = NotificationSent.model_construct()
    assert isinstance(event, Event)
    return fold(Aggregate(NOTIFICATION_VIEWS, lambda state, event: STATE), "T-0001", held, event, str(UUID(int=cause)))


def test_writes_the_bytes_that_lie_in_the_log_and_reads_them_back() -> None:
    assert HELD.to_value() == VALUE
    for read in (Held.from_value(VALUE, OutboxView), Held.unread(VALUE, OutboxView)):
        assert read == HELD
        assert read.to_value() == VALUE
        assert (read.version, read.kind, read.causes) == (3, OutboxView.TYPE, (UUID(int=1), UUID(int=2)))


def test_knows_what_it_has_seen_whether_it_was_read_or_not() -> None:
    for held in (HELD, Held.unread(VALUE, OutboxView), after(Held.unread(VALUE, OutboxView), 2)):
        assert held.has_seen(UUID(int=2))
        assert not held.has_seen(UUID(int=3))


def test_a_state_that_cannot_be_read_is_an_error_when_it_is_asked_for() -> None:
    held = Held.unread(VALUE.replace(b"T-0001", b"?"), OutboxView)
    assert held.version == 3
    with pytest.raises(ValueError, match="ticket_id"):
        _ = held.state
    with pytest.raises(ValueError, match="is not a view"):
        Held.from_value(b'{"version":1,"causes":[],"state":{}}', NotARealView)


class NotARealView(Message):
    TYPE = "noizylab.test.no.view.v1"


def test_forgets_the_oldest_causes_and_leaves_what_it_came_from_alone() -> None:
    held = after(None, 0)
    for cause in range(1, RECENT_CAUSES + 10):
        before = held.causes
        following = after(held, cause)
        assert held.causes == before
        held = following
    assert held.version == RECENT_CAUSES + 10
    assert held.causes == tuple(UUID(int=cause) for cause in range(10, RECENT_CAUSES + 10))
