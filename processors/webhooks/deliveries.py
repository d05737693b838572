"""From an event to the deliveries it leads to, and to the body that a subscription may see. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from processors.webhooks.config import Policy
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.time import rfc3339
from schemas.webhooks import EventPlace, QueueDelivery, WebhookDelivery, WebhookView

PING_TYPE = "noizylab.webhook.ping.v1"
"""A probe's type. It lies in no log: it is made when it is sent."""

Visible = Callable[[str, Mapping[str, Any], Collection[str]], Mapping[str, Any]]
"""Message type, data and scopes to the data that these scopes open."""


def deliveries(
    place: EventPlace, recorded_at: datetime, workspace: str, webhooks: Iterable[WebhookView]
) -> list[QueueDelivery]:
    """Return a delivery for each subscription of the event's workspace that was there when it happened."""
    return [
        QueueDelivery(webhook_id=one.webhook_id, delivery_id=_delivery_id(place.id, one.webhook_id), event=place)
        for one in webhooks
        if one.workspace_id == workspace and one.created_at <= recorded_at
    ]


def command_id(delivery: QueueDelivery) -> UUID:
    """Return the id of the command, the same however often the event is read."""
    return uuid5(NAMESPACE, f"webhook/{delivery.webhook_id}/{delivery.delivery_id}")


def event_body(envelope: Envelope, data: bytes, scopes: Collection[str], visible: Visible) -> bytes:
    """Return an event as a structured CloudEvent, without what the scopes do not open."""
    shown = visible(envelope.type, orjson.loads(data), scopes)
    return orjson.dumps({**envelope.to_json_attributes(), "data": shown})


def ping_body(view: WebhookView, delivery: WebhookDelivery) -> bytes:
    """Return a probe's CloudEvent, the same at every try."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(UUID(hex=delivery.delivery_id.removeprefix("D-"))),
            "source": "/noizylab/webhooks",
            "type": PING_TYPE,
            "subject": view.webhook_id,
            "time": rfc3339(delivery.queued_at),
            "datacontenttype": "application/json",
            "data": {"webhook_id": view.webhook_id},
        }
    )


def secret_versions(view: WebhookView, now: datetime, policy: Policy) -> tuple[int, ...]:
    """Return which secrets sign now: the newest, and beside it for a while the one before."""
    changing = view.rotated_at is not None and now - view.rotated_at < policy.secrets_overlap
    return (view.secret_version, view.secret_version - 1) if changing else (view.secret_version,)


def due(view: WebhookView, now: datetime) -> list[WebhookDelivery]:
    """Return the deliveries whose time has come, the longest waiting first."""
    if view.status != "active":
        return []
    ready = ((one.next_at, one) for one in view.waiting if one.next_at is not None and one.next_at <= now)
    return [one for _, one in sorted(ready, key=lambda pair: pair[0])]


def _delivery_id(event_id: str, webhook_id: str) -> str:
    return "D-" + uuid5(NAMESPACE, f"webhook/{event_id}/{webhook_id}").hex
