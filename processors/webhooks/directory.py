"""Who subscribes to what, and which workspace each ticket belongs to: folded out of two view topics. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.webhooks import WebhookView, covers
from topics.tickets import TICKET_VIEWS
from topics.webhooks import WEBHOOK_VIEWS

FOLDED = (WEBHOOK_VIEWS, TICKET_VIEWS)


class Directory:
    """The subscriptions and the tickets' workspaces, as of the records taken. Of two versions the higher one counts."""

    def __init__(self) -> None:
        self._webhooks: dict[str, tuple[int, WebhookView]] = {}
        self._tickets: dict[str, str] = {}
        self.unreadable = 0

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Take one record of a view topic; one that cannot be read is counted and left out."""
        if key is None:
            return
        name = key.decode("utf-8", "replace")
        if value is None:
            (self._webhooks if topic == WEBHOOK_VIEWS.name else self._tickets).pop(name, None)
            return
        try:
            record = orjson.loads(value)
            if topic == TICKET_VIEWS.name:
                self._tickets[name] = str(record["state"].get("workspace_id", DEFAULT_WORKSPACE))
            elif topic == WEBHOOK_VIEWS.name:
                self._take_webhook(name, int(record["version"]), record["state"])
        except (ValueError, KeyError, TypeError, AttributeError):
            self.unreadable += 1

    def _take_webhook(self, name: str, version: int, state: Any) -> None:
        known = self._webhooks.get(name)
        if known is None or version >= known[0]:
            self._webhooks[name] = version, WebhookView.model_validate(state)

    def wanting(self, message_type: str) -> list[WebhookView]:
        """Return the active subscriptions to a type, of all workspaces."""
        active = (view for _, view in self._webhooks.values() if view.status == "active")
        return [view for view in active if any(covers(pattern, message_type) for pattern in view.types)]

    def workspace_of(self, data: Mapping[str, Any]) -> str | None:
        """Return whose an event is; None while the view of its ticket is not there.

        It is what the event says, else what its ticket says. What is about no ticket is the first workspace's.
        """
        said = data.get("workspace_id")
        if isinstance(said, str):
            return said
        ticket_id = data.get("ticket_id")
        return self._tickets.get(ticket_id) if isinstance(ticket_id, str) else DEFAULT_WORKSPACE
