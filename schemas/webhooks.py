"""Webhooks that we send: subscriptions, their deliveries, and what became of each try."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.core.ids import DEFAULT_WORKSPACE, Code, MessageType, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

WebhookId = Annotated[str, StringConstraints(pattern=r"^W-[0-9A-Za-z-]{4,60}$")]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^D-[0-9a-f]{32}$")]
"""Made of event and subscription, and the same at every try: readers know a repetition by it."""
TypePattern = Annotated[
    str, StringConstraints(pattern=r"^noizylab(\.[a-z][a-z0-9_]*){0,3}\.(\*|v[1-9][0-9]*)$", max_length=200)
]
"""A message type, or the beginning of some with a star: ``noizylab.quote.*``, ``noizylab.*``."""
WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]+$", max_length=2000)]
Patterns = Annotated[tuple[TypePattern, ...], Field(min_length=1, max_length=50)]
ScopeName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(:[a-z]+)?$", max_length=40)]
AttemptOutcome = Literal["delivered", "retrying", "given_up"]


def covers(pattern: str, message_type: str) -> bool:
    """Whether a pattern is this type, or with a star begins as it does."""
    return message_type.startswith(pattern[:-1]) if pattern.endswith(".*") else message_type == pattern


class EventPlace(Value):
    """Where an event lies in the log. A delivery names the event and does not repeat it."""

    id: str = Field(pattern=r"^[0-9a-f-]{36}$")
    type: MessageType
    topic: str = Field(min_length=1, max_length=200)
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class AddWebhook(Command):
    """Send events of these types to an address. ``scopes`` say what of them it may see."""

    TYPE: ClassVar[str] = "noizylab.webhook.add.v1"

    webhook_id: WebhookId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    url: WebhookUrl
    types: Patterns
    scopes: tuple[ScopeName, ...] = ()
    description: ShortText = ""
    actor: ShortText


class AmendWebhook(Command):
    """Change what is given; what is not given stays. ``enabled`` true takes up a paused subscription again."""

    TYPE: ClassVar[str] = "noizylab.webhook.amend.v1"

    webhook_id: WebhookId
    url: WebhookUrl | None = None
    types: Patterns | None = None
    scopes: tuple[ScopeName, ...] | None = None
    description: ShortText | None = None
    enabled: bool | None = None
    rotate_secret: bool = False
    actor: ShortText


class RemoveWebhook(Command):
    """Send nothing more to an address."""

    TYPE: ClassVar[str] = "noizylab.webhook.remove.v1"

    webhook_id: WebhookId
    actor: ShortText


class ProbeWebhook(Command):
    """Send an event that says nothing, to see whether it arrives."""

    TYPE: ClassVar[str] = "noizylab.webhook.probe.v1"

    webhook_id: WebhookId
    actor: ShortText


class QueueDelivery(Command):
    """An event matches a subscription."""

    TYPE: ClassVar[str] = "noizylab.webhook.queue_delivery.v1"

    webhook_id: WebhookId
    delivery_id: DeliveryId
    event: EventPlace


class ReplayDelivery(Command):
    """Send a finished delivery once more, under the same id."""

    TYPE: ClassVar[str] = "noizylab.webhook.replay_delivery.v1"

    webhook_id: WebhookId
    delivery_id: DeliveryId
    actor: ShortText


class RecordAttempt(Command):
    """One try is over. ``status`` is the answer's; without an answer ``error`` says what happened."""

    TYPE: ClassVar[str] = "noizylab.webhook.record_attempt.v1"

    webhook_id: WebhookId
    delivery_id: DeliveryId
    attempt: int = Field(ge=1)
    status: int | None = Field(default=None, ge=100, le=599)
    error: Code | None = None
    duration_ms: int = Field(ge=0)
    attempted_at: UtcTime


class WebhookSet(Event):
    """A subscription as it is from now on. The secret is derived from its id and ``secret_version``."""

    TYPE: ClassVar[str] = "noizylab.webhook.set.v1"

    webhook_id: WebhookId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    url: WebhookUrl
    types: Patterns
    scopes: tuple[ScopeName, ...] = ()
    description: ShortText = ""
    enabled: bool = True
    secret_version: int = Field(default=1, ge=1)
    rotated_at: UtcTime | None = None
    actor: ShortText
    set_at: UtcTime


class WebhookRemoved(Event):
    """Nothing more is sent to this subscription; what waited is dropped."""

    TYPE: ClassVar[str] = "noizylab.webhook.removed.v1"

    webhook_id: WebhookId
    actor: ShortText
    removed_at: UtcTime


class WebhookRefused(Event):
    """A wish about a subscription that cannot be done; ``detail`` says what to do instead."""

    TYPE: ClassVar[str] = "noizylab.webhook.refused.v1"

    webhook_id: WebhookId
    reason: Code
    detail: str
    refused_at: UtcTime


class WebhookPaused(Event):
    """Nothing is sent until somebody takes the subscription up again: the address is gone, or fails too often."""

    TYPE: ClassVar[str] = "noizylab.webhook.paused.v1"

    webhook_id: WebhookId
    reason: Code
    paused_at: UtcTime


class DeliveryQueued(Event):
    """A delivery waits for its first try. ``event`` absent: a probe."""

    TYPE: ClassVar[str] = "noizylab.webhook.delivery_queued.v1"

    webhook_id: WebhookId
    delivery_id: DeliveryId
    event: EventPlace | None = None
    queued_at: UtcTime


class DeliveryAttempted(Event):
    """A delivery was tried. ``next_at``: when again, if it is retried."""

    TYPE: ClassVar[str] = "noizylab.webhook.delivery_attempted.v1"

    webhook_id: WebhookId
    delivery_id: DeliveryId
    attempt: int = Field(ge=1)
    outcome: AttemptOutcome
    status: int | None = None
    error: Code | None = None
    duration_ms: int = Field(ge=0)
    attempted_at: UtcTime
    next_at: UtcTime | None = None


class WebhookDelivery(Value):
    """One delivery as it stands: what it carries, how often it was tried, and how the last try ended."""

    delivery_id: DeliveryId
    event: EventPlace | None = None
    status: Literal["waiting", "delivered", "given_up"]
    attempts: int = Field(default=0, ge=0)
    next_at: UtcTime | None = None
    last_status: int | None = None
    last_error: Code | None = None
    last_duration_ms: int | None = None
    queued_at: UtcTime
    attempted_at: UtcTime | None = None


class WebhookView(View):
    """A subscription with what waits, and the newest of what is finished, newest first."""

    TYPE: ClassVar[str] = "noizylab.webhook.view.v1"

    webhook_id: WebhookId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    url: WebhookUrl
    types: Patterns
    scopes: tuple[ScopeName, ...] = ()
    description: ShortText = ""
    status: Literal["active", "paused", "removed"]
    paused_because: Code | None = None
    secret_version: int = Field(default=1, ge=1)
    rotated_at: UtcTime | None = None
    created_at: UtcTime
    changed_at: UtcTime
    failures_in_a_row: int = Field(default=0, ge=0)
    delivered: int = Field(default=0, ge=0)
    given_up: int = Field(default=0, ge=0)
    waiting: tuple[WebhookDelivery, ...] = ()
    recent: tuple[WebhookDelivery, ...] = ()
