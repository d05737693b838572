"""Topics of the webhooks that we send."""

from datetime import timedelta

from schemas.webhooks import (
    AddWebhook,
    AmendWebhook,
    DeliveryAttempted,
    DeliveryQueued,
    ProbeWebhook,
    QueueDelivery,
    RecordAttempt,
    RemoveWebhook,
    ReplayDelivery,
    WebhookPaused,
    WebhookRefused,
    WebhookRemoved,
    WebhookSet,
    WebhookView,
)
from topics.topic import Compact, Delete, Topic

WEBHOOK_COMMANDS = Topic(
    name="webhooks.commands.v1",
    owner="webhooks",
    summary="Wishes about subscriptions, deliveries to make, and how each try ended.",
    carries=(
        AddWebhook,
        AmendWebhook,
        RemoveWebhook,
        ProbeWebhook,
        QueueDelivery,
        ReplayDelivery,
        RecordAttempt,
    ),
    key="webhook_id",
)
WEBHOOK_EVENTS = Topic(
    name="webhooks.events.v1",
    owner="webhooks",
    summary="The life of subscriptions and of their deliveries.",
    carries=(WebhookSet, WebhookRemoved, WebhookRefused, WebhookPaused, DeliveryQueued, DeliveryAttempted),
    key="webhook_id",
    cleanup=Delete(timedelta(days=365)),
)
WEBHOOK_VIEWS = Topic(
    name="webhooks.views.v1",
    owner="webhooks",
    summary="Each subscription with what waits and what was delivered last.",
    carries=(WebhookView,),
    key="webhook_id",
    cleanup=Compact(),
)
