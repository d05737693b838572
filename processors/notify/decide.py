"""What becomes of a wish to tell a customer something. Sending lies between ``plan`` and ``sent`` or ``refused``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from pydantic import ValidationError

from connectors.mail.port import OutgoingMail
from connectors.sms.port import OutgoingSms
from connectors.vault.port import Contact
from processors.notify.config import Policy
from processors.notify.quiet import quiet_until
from processors.notify.state import entry_of
from processors.notify.templates import Part, Templates, Unrendered, spoken
from schemas.core.envelope import NAMESPACE
from schemas.core.ids import CustomerId
from schemas.core.message import Message, View
from schemas.core.outcome import Drop, Emit, Reject
from schemas.core.time import rfc3339
from schemas.notifications import (
    NotificationChannel,
    NotificationDeferred,
    NotificationFailed,
    NotificationSent,
    NotifyCustomer,
    OutboxView,
    SendDue,
)

SendingChannel = Literal["mail", "sms"]
_SUBJECT_MAX = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What a decision reads besides the command: the shop's settings, its texts, and the channels it can send by.

    ``approve_url(ticket_id, quote_hash)`` is pure and gives the address where a quote is answered.
    """

    policy: Policy
    templates: Templates
    channels: frozenset[SendingChannel] = frozenset({"mail"})
    approve_url: Callable[[str, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """A finished message, ready to hand over."""

    ticket_id: str
    notification_id: str
    template: str
    channel: SendingChannel
    message: OutgoingMail | OutgoingSms


@dataclass(frozen=True, slots=True)
class Due:
    """A deferred message whose time has come: the command to write, under an id that the same wait always gives."""

    command: SendDue
    id: UUID


Wish = NotifyCustomer | NotificationDeferred


def plan(
    command: Message,
    command_id: UUID,
    contact: Contact | None,
    state: OutboxView | None,
    now: datetime,
    desk: Desk,
) -> Send | Emit | Drop | Reject:
    """Decide what to do about a wish, or about a deferred one whose time has come.

    A text is written before anything else can wait on it: a wish that cannot be worded fails now, not tomorrow.
    """
    match command:
        case NotifyCustomer():
            notification_id = str(command_id)
            if entry_of(state, notification_id) is not None:
                return Drop("duplicate")
            return _handle(command, notification_id, contact, now, desk)
        case SendDue():
            entry = entry_of(state, command.notification_id)
            if entry is None:
                return Drop("unknown_notification")
            if entry.deferred is None:
                return Drop("already_settled")
            if now < entry.deferred.not_before:
                return Drop("not_due")
            return _handle(entry.deferred, command.notification_id, contact, now, desk)
        case _:
            return Reject("not_a_command_of_notify", type(command).__name__)


def addressee(command: Message, state: OutboxView | None) -> CustomerId | None:
    """Return whose contact ``plan`` needs, or None when it needs nobody's."""
    if isinstance(command, NotifyCustomer):
        return command.customer_id
    if isinstance(command, SendDue):
        entry = entry_of(state, command.notification_id)
        if entry is not None and entry.deferred is not None:
            return entry.deferred.customer_id
    return None


def sent(send: Send, provider_id: str, now: datetime) -> Emit:
    """Record that a message was handed over."""
    return Emit.of(
        NotificationSent(
            ticket_id=send.ticket_id,
            notification_id=send.notification_id,
            template=send.template,
            channel=send.channel,
            provider_id=provider_id,
            sent_at=now,
        )
    )


def refused(send: Send, code: int, now: datetime) -> Emit:
    """Record that the channel refused a message for good, with its code; its words may quote addresses."""
    return _failed(
        send.ticket_id,
        send.notification_id,
        send.template,
        "channel_refused",
        f"{send.channel} refused the message for good ({code}); check the address with the customer",
        now,
    )


def due(views: Iterable[View], now: datetime) -> list[Due]:
    """Return a command for every deferred message whose time has come."""
    found = []
    for view in views:
        for entry in view.entries if isinstance(view, OutboxView) else ():
            waiting = entry.deferred
            if waiting is not None and waiting.not_before <= now:
                name = f"{waiting.notification_id}/due/{rfc3339(waiting.not_before)}"
                command = SendDue(ticket_id=waiting.ticket_id, notification_id=waiting.notification_id)
                found.append(Due(command, uuid5(NAMESPACE, name)))
    return found


def choose_channel(contact: Contact, channels: frozenset[SendingChannel]) -> SendingChannel | None:
    """Return the customer's first choice that the shop can send by and that has an address."""
    for wanted in contact.channels:
        if wanted == "mail" and "mail" in channels and contact.mail:
            return "mail"
        if wanted == "sms" and "sms" in channels and contact.phone:
            return "sms"
    return None


def _handle(wish: Wish, notification_id: str, contact: Contact | None, now: datetime, desk: Desk) -> Send | Emit:
    def failed(reason: str, detail: str) -> Emit:
        return _failed(wish.ticket_id, notification_id, wish.template, reason, detail, now)

    if contact is None:
        return failed("no_contact", f"customer {wish.customer_id} is not in the vault; ask at the counter")
    channel = choose_channel(contact, desk.channels)
    if channel is None:
        allowed = ", ".join(contact.channels) or "nothing"
        return failed("no_channel", f"the customer allows {allowed}; the shop sends {', '.join(sorted(desk.channels))}")
    message = _worded(wish, notification_id, channel, contact, desk)
    if isinstance(message, Unrendered):
        return failed(message.reason, message.detail)
    not_before = _wait(contact, channel, now)
    if not_before is not None:
        return Emit.of(_deferred(wish, notification_id, channel, not_before, now))
    return Send(wish.ticket_id, notification_id, wish.template, channel, message)


def _wait(contact: Contact, channel: NotificationChannel, now: datetime) -> datetime | None:
    hours = contact.quiet_hours
    return quiet_until(hours, now) if hours is not None and channel in hours.channels else None


def _worded(
    wish: Wish, notification_id: str, channel: SendingChannel, contact: Contact, desk: Desk
) -> OutgoingMail | OutgoingSms | Unrendered:
    language = spoken(wish.language or contact.language, desk.policy.fallback_language)
    values = _with_link(wish, desk) | {
        "customer_name": contact.name or None,
        "ticket_id": wish.ticket_id,
        "shop_name": desk.policy.shop_name,
        "shop_phone": desk.policy.shop_phone,
    }
    parts: tuple[Part, ...] = ("subject", "txt") if channel == "mail" else ("sms",)
    texts = []
    for part in parts:
        text = desk.templates.render(wish.template, language, part, values)
        if isinstance(text, Unrendered):
            return text
        texts.append(text)
    try:
        return _message(f"<{notification_id}@noizylab>", contact, texts)
    except ValidationError as error:
        faults = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors(include_input=False))
        return Unrendered("template_value_unfit", f"{wish.template}.{language}: {faults}")


def _with_link(wish: Wish, desk: Desk) -> dict[str, str | int | None]:
    """Add the address where the wish's quote is answered: only to the text, since whoever holds it may answer.

    The log, deferred messages included, names the quote and never the link. A hash that is none gives no link, and
    the text that needs one says so.
    """
    quote_hash = wish.values.get("quote_hash")
    if desk.approve_url is None or not isinstance(quote_hash, str) or wish.values.get("approve_url") is not None:
        return dict(wish.values)
    try:
        return {**wish.values, "approve_url": desk.approve_url(wish.ticket_id, quote_hash)}
    except ValueError:
        return dict(wish.values)


def _message(message_id: str, contact: Contact, texts: list[str]) -> OutgoingMail | OutgoingSms:
    if len(texts) == 1:
        return OutgoingSms(message_id=message_id, to=contact.phone or "", text=" ".join(texts[0].split()))
    subject, text = texts
    return OutgoingMail(
        message_id=message_id,
        to=contact.mail or "",
        to_name=contact.name or None,
        subject=" ".join(subject.split())[:_SUBJECT_MAX],
        text=text.strip() + "\n",
    )


def _deferred(
    wish: Wish, notification_id: str, channel: SendingChannel, not_before: datetime, now: datetime
) -> NotificationDeferred:
    return NotificationDeferred(
        ticket_id=wish.ticket_id,
        notification_id=notification_id,
        customer_id=wish.customer_id,
        template=wish.template,
        language=wish.language,
        values=wish.values,
        channel=channel,
        not_before=not_before,
        deferred_at=now,
    )


def _failed(ticket_id: str, notification_id: str, template: str, reason: str, detail: str, now: datetime) -> Emit:
    return Emit.of(
        NotificationFailed(
            ticket_id=ticket_id,
            notification_id=notification_id,
            template=template,
            reason=reason,
            detail=detail,
            failed_at=now,
        )
    )
