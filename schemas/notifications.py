"""Messages to customers: the wish, what became of it, and the outbox of a ticket. Addresses stay in the vault."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.ids import Code, CustomerId, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.time import UtcTime

NotificationChannel = Literal["mail", "sms", "push", "in_app"]


class NotifyCustomer(Command):
    """Tell a customer something, from a template, in their language, through a channel they chose."""

    TYPE: ClassVar[str] = "noizylab.customer.notify.v1"

    ticket_id: TicketId
    customer_id: CustomerId
    template: Code
    language: str | None = None
    values: dict[Code, str | int | None] = Field(default_factory=dict)


class SendDue(Command):
    """The outbox clock: a deferred notification's time has come."""

    TYPE: ClassVar[str] = "noizylab.notification.send_due.v1"

    ticket_id: TicketId
    notification_id: str


class NotificationSent(Event):
    """A message was handed to the channel; ``provider_id`` is the channel's own name for it."""

    TYPE: ClassVar[str] = "noizylab.notification.sent.v1"

    ticket_id: TicketId
    notification_id: str
    template: Code
    channel: NotificationChannel
    provider_id: str
    sent_at: UtcTime


class NotificationDeferred(Event):
    """A message waits in the outbox for the end of the customer's quiet hours."""

    TYPE: ClassVar[str] = "noizylab.notification.deferred.v1"

    ticket_id: TicketId
    notification_id: str
    customer_id: CustomerId
    template: Code
    language: str | None = None
    values: dict[Code, str | int | None] = Field(default_factory=dict)
    channel: NotificationChannel
    not_before: UtcTime
    deferred_at: UtcTime


class NotificationFailed(Event):
    """A message cannot be sent; a person should reach the customer another way."""

    TYPE: ClassVar[str] = "noizylab.notification.failed.v1"

    ticket_id: TicketId
    notification_id: str
    template: Code
    reason: Code
    detail: str
    failed_at: UtcTime


class OutboxEntry(Value):
    """One notification of a ticket."""

    notification_id: str
    template: Code
    status: Literal["sent", "deferred", "failed"]
    channel: NotificationChannel | None = None
    deferred: NotificationDeferred | None = None


class OutboxView(View):
    """All notifications of a ticket, oldest first."""

    TYPE: ClassVar[str] = "noizylab.notification.outbox_view.v1"

    ticket_id: TicketId
    entries: tuple[OutboxEntry, ...] = ()
