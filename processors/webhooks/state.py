"""A subscription after each of its events."""

from schemas.core.message import Event
from schemas.webhooks import (
    DeliveryAttempted,
    DeliveryQueued,
    WebhookDelivery,
    WebhookPaused,
    WebhookRemoved,
    WebhookSet,
    WebhookView,
)

RECENT_MAX = 100


def evolve(state: WebhookView | None, event: Event) -> WebhookView:
    """Return the subscription after an event. A refusal changes nothing.

    Raises:
        ValueError: the first event of a subscription does not set it up: the log is not ours.
    """
    if isinstance(event, WebhookSet):
        return _set(state, event)
    if state is None:
        raise ValueError(f"{event.TYPE} of a subscription that was never added; look for what else writes here")
    match event:
        case WebhookRemoved():
            gone = {"status": "removed", "changed_at": event.removed_at, "waiting": (), "recent": ()}
            return state.model_copy(update=gone)
        case WebhookPaused():
            paused = {"status": "paused", "paused_because": event.reason, "changed_at": event.paused_at}
            return state.model_copy(update=paused)
        case DeliveryQueued():
            return _queued(state, event)
        case DeliveryAttempted():
            return _attempted(state, event)
        case _:
            return state


def delivery_of(deliveries: tuple[WebhookDelivery, ...], delivery_id: str) -> WebhookDelivery | None:
    """Return a delivery by its id, or None."""
    return next((one for one in deliveries if one.delivery_id == delivery_id), None)


def _set(state: WebhookView | None, event: WebhookSet) -> WebhookView:
    said = event.model_dump(include={"url", "types", "scopes", "description", "secret_version", "rotated_at"})
    if state is None:
        said |= {"webhook_id": event.webhook_id, "workspace_id": event.workspace_id, "created_at": event.set_at}
        state = WebhookView(status="active", changed_at=event.set_at, **said)
    status: dict[str, object] = {"status": "active", "paused_because": None}
    if not event.enabled:
        status = {"status": "paused", "paused_because": state.paused_because or "by_request"}
    elif state.status != "active":
        status["failures_in_a_row"] = 0
    return state.model_copy(update={**said, **status, "changed_at": event.set_at})


def _queued(state: WebhookView, event: DeliveryQueued) -> WebhookView:
    fresh = WebhookDelivery(
        delivery_id=event.delivery_id,
        event=event.event,
        status="waiting",
        next_at=event.queued_at,
        queued_at=event.queued_at,
    )
    recent = tuple(one for one in state.recent if one.delivery_id != event.delivery_id)
    return state.model_copy(update={"waiting": (*state.waiting, fresh), "recent": recent})


def _attempted(state: WebhookView, event: DeliveryAttempted) -> WebhookView:
    before = delivery_of(state.waiting, event.delivery_id)
    if before is None:
        return state
    tried = before.model_copy(
        update={
            "status": "waiting" if event.outcome == "retrying" else event.outcome,
            "attempts": event.attempt,
            "next_at": event.next_at,
            "last_status": event.status,
            "last_error": event.error,
            "last_duration_ms": event.duration_ms,
            "attempted_at": event.attempted_at,
        }
    )
    good = event.outcome == "delivered"
    counts: dict[str, object] = {"failures_in_a_row": 0 if good else state.failures_in_a_row + 1}
    if event.outcome == "retrying":
        waiting = tuple(tried if one is before else one for one in state.waiting)
        return state.model_copy(update={**counts, "waiting": waiting})
    counts["delivered" if good else "given_up"] = (state.delivered if good else state.given_up) + 1
    waiting = tuple(one for one in state.waiting if one is not before)
    recent = (tried, *state.recent)[:RECENT_MAX]
    return state.model_copy(update={**counts, "waiting": waiting, "recent": recent})
