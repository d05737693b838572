"""Topics of messages to customers."""

from datetime import timedelta

from schemas.notifications import (
    NotificationDeferred,
    NotificationFailed,
    NotificationSent,
    NotifyCustomer,
    OutboxView,
    SendDue,
)
from topics.topic import Compact, Delete, Topic

NOTIFICATION_COMMANDS = Topic(
    name="notifications.commands.v1",
    owner="notify",
    summary="Wishes to tell a customer something.",
    carries=(NotifyCustomer, SendDue),
    key="ticket_id",
)
NOTIFICATION_EVENTS = Topic(
    name="notifications.events.v1",
    owner="notify",
    summary="What became of each message.",
    carries=(NotificationSent, NotificationDeferred, NotificationFailed),
    key="ticket_id",
    cleanup=Delete(timedelta(days=365)),
)
NOTIFICATION_VIEWS = Topic(
    name="notifications.views.v1",
    owner="notify",
    summary="The outbox of each ticket.",
    carries=(OutboxView,),
    key="ticket_id",
    cleanup=Compact(),
)
