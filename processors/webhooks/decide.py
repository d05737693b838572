"""What becomes of a wish about a subscription, of an event that matches one, and of a try that is over. Pure."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from processors.webhooks.config import Policy
from processors.webhooks.state import RECENT_MAX, delivery_of
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.webhooks import (
    AddWebhook,
    AmendWebhook,
    DeliveryAttempted,
    DeliveryQueued,
    EventPlace,
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

GONE = 410
"""RFC 9110 section 15.5.11: the address is not there any more, and its owner wants no more requests."""
_FINAL = frozenset({"event_gone"})
"""Errors that no further try can mend."""


def decide(command: Message, command_id: UUID, state: WebhookView | None, now: datetime, policy: Policy) -> Outcome:
    """Return what a command leads to."""
    if isinstance(command, AddWebhook):
        return Drop("duplicate") if state is not None else _added(command, now)
    if state is None:
        return Drop("no_webhook")  # the edge sends nothing for one that is not there
    if state.status == "removed":
        return _after_the_end(command, now)
    match command:
        case AmendWebhook():
            return _amended(command, state, now)
        case RemoveWebhook():
            return Emit.of(WebhookRemoved(webhook_id=state.webhook_id, actor=command.actor, removed_at=now))
        case ProbeWebhook():
            return _probed(command_id, state, now, policy)
        case QueueDelivery():
            return _matched(command, state, now, policy)
        case ReplayDelivery():
            return _replayed(command, state, now, policy)
        case RecordAttempt():
            return _tried(command, state, now, policy)
        case _:
            return Reject("not_a_command_of_webhooks", type(command).__name__)


def _after_the_end(command: Message, now: datetime) -> Outcome:
    if isinstance(command, AmendWebhook | RemoveWebhook | ProbeWebhook | ReplayDelivery):
        detail = "the subscription was removed; add a new one"
        return Emit.of(_refused(command.webhook_id, "no_webhook", detail, now))
    return Drop("no_webhook")


def _added(command: AddWebhook, now: datetime) -> Emit:
    return Emit.of(WebhookSet(set_at=now, **command.model_dump()))


def _amended(command: AmendWebhook, state: WebhookView, now: datetime) -> Emit:
    given = command.model_dump(include={"url", "types", "scopes", "description"}, exclude_none=True)
    kept = state.model_dump(include={"webhook_id", "workspace_id", "url", "types", "scopes", "description"})
    enabled = command.enabled if command.enabled is not None else state.status == "active"
    secret = {"secret_version": state.secret_version, "rotated_at": state.rotated_at}
    if command.rotate_secret:
        secret = {"secret_version": state.secret_version + 1, "rotated_at": now}
    return Emit.of(WebhookSet(enabled=enabled, actor=command.actor, set_at=now, **kept | given | secret))


def _matched(command: QueueDelivery, state: WebhookView, now: datetime, policy: Policy) -> Outcome:
    if state.status != "active":
        return Drop("paused")
    if delivery_of((*state.waiting, *state.recent), command.delivery_id) is not None:
        return Drop("duplicate")
    if len(state.waiting) >= policy.waiting_max:
        return Emit.of(_paused(state, "too_far_behind", now))
    queued = DeliveryQueued(
        webhook_id=state.webhook_id, delivery_id=command.delivery_id, event=command.event, queued_at=now
    )
    return Emit.of(queued)


def _probed(command_id: UUID, state: WebhookView, now: datetime, policy: Policy) -> Outcome:
    delivery_id = f"D-{command_id.hex}"
    if delivery_of((*state.waiting, *state.recent), delivery_id) is not None:
        return Drop("duplicate")
    return _queue(state, delivery_id, None, now, policy)


def _replayed(command: ReplayDelivery, state: WebhookView, now: datetime, policy: Policy) -> Outcome:
    if delivery_of(state.waiting, command.delivery_id) is not None:
        return _refuse(state, "still_waiting", "this delivery is still being tried; wait for its next try", now)
    done = delivery_of(state.recent, command.delivery_id)
    if done is None:
        detail = f"this delivery is not among the newest {RECENT_MAX}; read the event itself"
        return _refuse(state, "no_delivery", detail, now)
    return _queue(state, done.delivery_id, done.event, now, policy)


def _queue(state: WebhookView, delivery_id: str, event: EventPlace | None, now: datetime, policy: Policy) -> Outcome:
    if state.status != "active":
        detail = f"the subscription is paused ({state.paused_because}); take it up again first"
        return _refuse(state, "paused", detail, now)
    if len(state.waiting) >= policy.waiting_max:
        return _refuse(state, "too_far_behind", f"{len(state.waiting)} deliveries wait; try again when they went", now)
    return Emit.of(DeliveryQueued(webhook_id=state.webhook_id, delivery_id=delivery_id, event=event, queued_at=now))


def _tried(command: RecordAttempt, state: WebhookView, now: datetime, policy: Policy) -> Outcome:
    delivery = delivery_of(state.waiting, command.delivery_id)
    if delivery is None:
        return Drop("already_settled")
    if command.attempt != delivery.attempts + 1:
        return Drop("stale")
    attempted = DeliveryAttempted(
        outcome="delivered" if _is_good(command) else "given_up",
        **command.model_dump(),
    )
    if attempted.outcome == "delivered":
        return Emit.of(attempted)
    if command.status == GONE:
        return Emit.of(attempted, _paused(state, "address_gone", now))
    if command.attempt <= len(policy.retry_after) and command.error not in _FINAL:
        wait_s = _wait_s(command, policy)
        next_at = datetime.fromtimestamp(command.attempted_at.timestamp() + wait_s, command.attempted_at.tzinfo)
        attempted = attempted.model_copy(update={"outcome": "retrying", "next_at": next_at})
    if state.status == "active" and state.failures_in_a_row + 1 >= policy.pause_after_failures:
        return Emit.of(attempted, _paused(state, "too_many_failures", now))
    return Emit.of(attempted)


def _is_good(command: RecordAttempt) -> bool:
    return command.status is not None and 200 <= command.status < 300


def _wait_s(command: RecordAttempt, policy: Policy) -> float:
    """Return the wait after a failure, in whole milliseconds. The jitter comes from the ids: a replay agrees."""
    drawn = sha256(f"{command.delivery_id}/{command.attempt}".encode()).digest()
    share = int.from_bytes(drawn[:8]) / 2**64 * 2 - 1
    return round(policy.retry_after[command.attempt - 1].total_seconds() * (1 + policy.jitter * share), 3)


def _paused(state: WebhookView, reason: str, now: datetime) -> WebhookPaused:
    return WebhookPaused(webhook_id=state.webhook_id, reason=reason, paused_at=now)


def _refuse(state: WebhookView, reason: str, detail: str, now: datetime) -> Emit:
    return Emit.of(_refused(state.webhook_id, reason, detail, now))


def _refused(webhook_id: str, reason: str, detail: str, now: datetime) -> WebhookRefused:
    return WebhookRefused(webhook_id=webhook_id, reason=reason, detail=detail, refused_at=now)
