"""Topics of what comes in from outside."""

from datetime import timedelta

from schemas.hooks import WebhookReceived
from topics.topic import Delete, Topic

HOOK_EVENTS = Topic(
    name="hooks.events.v1",
    owner="gateway",
    summary="What providers told us by webhook, after their signature was checked.",
    carries=(WebhookReceived,),
    key="hook_id",
    cleanup=Delete(timedelta(days=365)),
)
