from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mail.port import OutgoingMail
from connectors.sms.port import OutgoingSms
from connectors.vault.port import Contact, QuietHours
from processors.notify.config import Policy
from processors.notify.decide import Desk, Send, addressee, choose_channel, due, plan, refused, sent
from processors.notify.state import evolve
from processors.notify.templates import Templates
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Reject
from schemas.notifications import (
    NotificationDeferred,
    NotificationFailed,
    NotificationSent,
    NotifyCustomer,
    OutboxView,
    SendDue,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 7, 0, tzinfo=UTC)
ID = UUID("018f0000-0000-7000-8000-000000000001")
DESK = Desk(Policy(shop_phone="+4930123456"), Templates.load(), frozenset({"mail", "sms"}))
ANNA = Contact(customer_id="C-1001", name="Anna", mail="anna@example.org", phone="+4915112345678", language="de")
NIGHT = QuietHours(time_zone="UTC", start=time(22), end=time(7))
BY_SMS = ANNA.model_copy(update={"channels": ("sms",), "quiet_hours": NIGHT})
WISH = NotifyCustomer(
    ticket_id="T-1001",
    customer_id="C-1001",
    template="quote_ready",
    values={"approve_url": "https://shop.example/q", "total_cents": 12900, "currency": "EUR", "device": None},
)
DUE = SendDue(ticket_id="T-1001", notification_id=str(ID))


def _plan(
    command: Message = WISH,
    contact: Contact | None = ANNA,
    state: OutboxView | None = None,
    now: datetime = NOON,
    desk: Desk = DESK,
) -> Send | Emit | Drop | Reject:
    return plan(command, ID, contact, state, now, desk)


def _failed(outcome: object) -> NotificationFailed:
    assert isinstance(outcome, Emit)
    [event] = outcome.messages
    assert isinstance(event, NotificationFailed)
    return event


def _waiting(contact: Contact = BY_SMS, now: datetime = MIDNIGHT) -> OutboxView:
    outcome = _plan(contact=contact, now=now)
    assert isinstance(outcome, Emit)
    [event] = outcome.messages
    assert isinstance(event, NotificationDeferred)
    return evolve(None, event)


def test_writes_a_mail_in_the_customers_language_when_mail_is_allowed() -> None:
    send = _plan()
    assert isinstance(send, Send)
    assert isinstance(send.message, OutgoingMail)
    assert (send.channel, send.notification_id) == ("mail", str(ID))
    assert send.message.message_id == f"<{ID}@noizylab>"
    assert (send.message.to, send.message.to_name) == ("anna@example.org", "Anna")
    assert send.message.subject == "Ihr Angebot ist fertig (T-1001)"
    assert "129,00\u00a0EUR" in send.message.text
    assert "Gerät:" not in send.message.text


def test_speaks_the_language_of_the_wish_when_it_names_one() -> None:
    send = _plan(WISH.model_copy(update={"language": "nl"}))
    assert isinstance(send, Send)
    assert isinstance(send.message, OutgoingMail)
    assert send.message.subject == "Uw offerte is klaar (T-1001)"


def test_sends_one_line_by_sms_when_the_customer_allows_only_that() -> None:
    send = _plan(contact=BY_SMS)
    assert isinstance(send, Send)
    assert isinstance(send.message, OutgoingSms)
    assert send.message.to == "+4915112345678"
    assert "\n" not in send.message.text


def test_signs_the_link_for_the_text_alone_when_the_wish_names_a_quote() -> None:
    desk = replace(DESK, approve_url=lambda ticket_id, quote_hash: f"https://shop.example/a/{ticket_id}/{quote_hash}")
    wish = WISH.model_copy(update={"values": {"quote_hash": "5f"}})
    send = _plan(wish, desk=desk)
    assert isinstance(send, Send)
    assert "https://shop.example/a/T-1001/5f\n" in send.message.text
    waiting = _plan(wish, BY_SMS, None, MIDNIGHT, desk)
    assert isinstance(waiting, Emit)
    assert b"https" not in waiting.messages[0].to_json()


def test_fails_when_the_quote_hash_makes_no_link() -> None:
    def refuse(ticket_id: str, quote_hash: str) -> str:
        raise ValueError(quote_hash)

    wish = WISH.model_copy(update={"values": {"quote_hash": "x"}})
    event = _failed(_plan(wish, desk=replace(DESK, approve_url=refuse)))
    assert (event.reason, "approve_url" in event.detail) == ("template_value_missing", True)


@pytest.mark.parametrize(
    ("changes", "shop", "expected"),
    [
        ({"channels": ("mail", "sms")}, {"mail", "sms"}, "mail"),
        ({"channels": ("sms", "mail")}, {"mail", "sms"}, "sms"),
        ({"channels": ("sms", "mail")}, {"mail"}, "mail"),
        ({"channels": ("push", "mail")}, {"mail", "sms"}, "mail"),
        ({"channels": ("sms", "mail"), "phone": None}, {"mail", "sms"}, "mail"),
        ({"channels": ("sms",)}, {"mail"}, None),
        ({"channels": ("mail",), "mail": None}, {"mail", "sms"}, None),
        ({"channels": ()}, {"mail", "sms"}, None),
        ({"channels": ("push", "in_app")}, {"mail", "sms"}, None),
    ],
)
def test_takes_the_first_choice_when_shop_and_address_allow(
    changes: dict[str, object], shop: frozenset[str], expected: str | None
) -> None:
    contact = ANNA.model_copy(update=changes)
    assert choose_channel(contact, frozenset(shop)) == expected  # type: ignore[arg-type]


def test_fails_when_the_customer_is_unknown() -> None:
    event = _failed(_plan(contact=None))
    assert (event.reason, event.notification_id, event.failed_at) == ("no_contact", str(ID), NOON)


def test_fails_when_no_channel_is_left() -> None:
    event = _failed(_plan(contact=BY_SMS, desk=replace(DESK, channels=frozenset({"mail"}))))
    assert event.reason == "no_channel"
    assert "allows sms; the shop sends mail" in event.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"template": "no_such"}, "template_unknown"),
        ({"values": {}}, "template_value_missing"),
        ({"values": {"approve_url": None}}, "template_value_missing"),
        ({"values": {"approve_url": "u", "total_cents": "x", "currency": "EUR"}}, "template_value_unfit"),
        ({"values": {"approve_url": "bell\a"}}, "template_value_unfit"),
        ({"values": {"approve_url": "u" * 20_000}}, "template_value_unfit"),
    ],
)
@pytest.mark.parametrize("now", [NOON, MIDNIGHT])
def test_fails_at_once_when_the_wish_cannot_be_worded(change: dict[str, object], reason: str, now: datetime) -> None:
    event = _failed(_plan(WISH.model_copy(update=change), now=now))
    assert event.reason == reason


def test_records_the_code_when_the_channel_refuses() -> None:
    send = _plan()
    assert isinstance(send, Send)
    event = _failed(refused(send, 550, NOON))
    assert event.reason == "channel_refused"
    assert event.detail == "mail refused the message for good (550); check the address with the customer"


def test_waits_for_the_morning_when_an_sms_would_ring_at_night() -> None:
    outcome = _plan(contact=BY_SMS, now=MIDNIGHT)
    assert isinstance(outcome, Emit)
    assert outcome.messages == (
        NotificationDeferred(
            ticket_id="T-1001",
            notification_id=str(ID),
            customer_id="C-1001",
            template="quote_ready",
            values=WISH.values,
            channel="sms",
            not_before=MORNING,
            deferred_at=MIDNIGHT,
        ),
    )


def test_sends_mail_at_night_when_quiet_hours_do_not_name_it() -> None:
    assert isinstance(_plan(contact=ANNA.model_copy(update={"quiet_hours": NIGHT}), now=MIDNIGHT), Send)
    silent = NIGHT.model_copy(update={"channels": ("mail",)})
    assert isinstance(_plan(contact=ANNA.model_copy(update={"quiet_hours": silent}), now=MIDNIGHT), Emit)


def test_sends_the_same_message_when_a_deferred_one_is_due() -> None:
    later, at_once = _plan(DUE, BY_SMS, _waiting(), MORNING), _plan(WISH, BY_SMS, None, NOON)
    assert isinstance(later, Send)
    assert later == at_once


def test_defers_again_when_quiet_hours_were_moved() -> None:
    later = NIGHT.model_copy(update={"end": time(9)})
    outcome = _plan(DUE, BY_SMS.model_copy(update={"quiet_hours": later}), _waiting(), MORNING)
    assert isinstance(outcome, Emit)
    [event] = outcome.messages
    assert isinstance(event, NotificationDeferred)
    assert event.not_before == MORNING + timedelta(hours=2)


def test_fails_when_the_customer_was_erased_while_a_message_waited() -> None:
    assert _failed(_plan(DUE, None, _waiting(), MORNING)).reason == "no_contact"


@pytest.mark.parametrize(
    ("command", "state", "now", "reason"),
    [
        (WISH, _waiting(), NOON, "duplicate"),
        (DUE, None, NOON, "unknown_notification"),
        (DUE, _waiting(), MORNING - timedelta(seconds=1), "not_due"),
        (
            DUE,
            evolve(
                _waiting(),
                NotificationSent(
                    ticket_id="T-1001",
                    notification_id=str(ID),
                    template="quote_ready",
                    channel="sms",
                    provider_id="x",
                    sent_at=MORNING,
                ),
            ),
            MORNING,
            "already_settled",
        ),
    ],
)
def test_drops_a_command_when_there_is_nothing_to_do(
    command: Message, state: OutboxView | None, now: datetime, reason: str
) -> None:
    assert _plan(command, BY_SMS, state, now) == Drop(reason)


def test_rejects_a_message_when_it_is_no_command_of_notify() -> None:
    assert isinstance(_plan(OutboxView(ticket_id="T-1001")), Reject)


def test_records_the_providers_id_when_a_message_was_sent() -> None:
    send = _plan()
    assert isinstance(send, Send)
    assert sent(send, "SM1", NOON).messages == (
        NotificationSent(
            ticket_id="T-1001",
            notification_id=str(ID),
            template="quote_ready",
            channel="mail",
            provider_id="SM1",
            sent_at=NOON,
        ),
    )


def test_names_the_addressee_when_a_command_needs_one() -> None:
    assert addressee(WISH, None) == "C-1001"
    assert addressee(DUE, _waiting()) == "C-1001"
    assert addressee(DUE, None) is None


def test_asks_for_each_waiting_message_when_its_time_has_come() -> None:
    view = _waiting()
    assert due([view], MORNING - timedelta(seconds=1)) == []
    [one] = due([view], MORNING)
    assert one.command == DUE
    assert due([view], MORNING + timedelta(days=1)) == [one]


contacts = st.none() | st.builds(
    Contact,
    customer_id=st.just("C-1001"),
    name=st.sampled_from(["", "Anna"]),
    mail=st.sampled_from([None, "anna@example.org"]),
    phone=st.sampled_from([None, "+4915112345678"]),
    language=st.sampled_from(["en", "de", "pl"]),
    channels=st.lists(st.sampled_from(["mail", "sms", "push", "in_app"]), max_size=3).map(tuple),
    quiet_hours=st.sampled_from([None, NIGHT]),
)
wishes = st.builds(
    NotifyCustomer,
    ticket_id=st.just("T-1001"),
    customer_id=st.just("C-1001"),
    template=st.sampled_from(["quote_ready", "person_will_call", "no_such"]),
    language=st.sampled_from([None, "fr", "x", ""]),
    values=st.dictionaries(
        st.sampled_from(["approve_url", "device", "total_cents", "currency", "customer_name", "ticket_id"]),
        st.none() | st.integers() | st.text(max_size=30),
    ),
)


@given(
    command=wishes | st.just(DUE),
    contact=contacts,
    state=st.sampled_from([None, _waiting(), OutboxView(ticket_id="T-1001")]),
    now=st.integers(0, 525_600).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
def test_answers_every_command_in_every_state_the_same_way_twice(
    command: Message, contact: Contact | None, state: OutboxView | None, now: datetime
) -> None:
    outcome = _plan(command, contact, state, now)
    assert outcome == _plan(command, contact, state, now)
    if isinstance(outcome, Send):
        assert contact is not None
        assert outcome.channel in contact.channels
        assert outcome.message.to in {contact.mail, contact.phone}
    if isinstance(outcome, Emit):
        assert len(outcome.messages) == 1
