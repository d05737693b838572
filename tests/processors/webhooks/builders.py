"""Subscriptions, events and their places, as the tests of webhooks need them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from processors.webhooks.config import Policy
from processors.webhooks.decide import decide
from processors.webhooks.state import evolve
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome
from schemas.webhooks import AddWebhook, EventPlace, QueueDelivery, RecordAttempt, WebhookView

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WEBHOOK = "W-0001"
ID = UUID("018f6b8f-20c4-7d19-b6a2-53e07f91d8bc")
POLICY = Policy()


def add(webhook_id: str = WEBHOOK, **changes: Any) -> AddWebhook:
    base = {
        "webhook_id": webhook_id,
        "url": "https://hooks.example/in",
        "types": ("noizylab.quote.*",),
        "scopes": ("tickets:read",),
        "actor": "Ab12Cd34",
    }
    return AddWebhook.model_validate(base | changes)


def place(number: int = 1) -> EventPlace:
    return EventPlace(
        id=str(UUID(int=number)), type="noizylab.quote.blocked.v1", topic="quotes.events.v1", partition=0, offset=number
    )


def queue(number: int = 1, webhook_id: str = WEBHOOK) -> QueueDelivery:
    return QueueDelivery(webhook_id=webhook_id, delivery_id=f"D-{number:032x}", event=place(number))


def attempt(number: int = 1, *, tried: int = 1, at: datetime = NOW, **result: Any) -> RecordAttempt:
    return RecordAttempt(
        webhook_id=WEBHOOK, delivery_id=f"D-{number:032x}", attempt=tried, duration_ms=5, attempted_at=at, **result
    )


class Book:
    """One subscription, told things by hand."""

    def __init__(self, policy: Policy = POLICY, **changes: Any) -> None:
        self.policy = policy
        self.now = NOW
        self.view: WebhookView | None = None
        self.tell(add(**changes))

    def tell(self, command: Message) -> Outcome:
        outcome = decide(command, ID, self.view, self.now, self.policy)
        if isinstance(outcome, Emit):
            for event in outcome.messages:
                self.view = evolve(self.view, event)  # type: ignore[arg-type]  # decisions emit events alone
        return outcome

    def says(self, command: Message) -> list[str]:
        """Tell it, and return the short names of what it led to, or why nothing."""
        outcome = self.tell(command)
        if isinstance(outcome, Drop):
            return [f"drop:{outcome.reason}"]
        assert isinstance(outcome, Emit)
        return [type(message).__name__ for message in outcome.messages]

    @property
    def known(self) -> WebhookView:
        assert self.view is not None
        return self.view
