"""Incoming webhooks: from a good signature to one fact on the log, however often and wherever it is delivered."""

import hashlib
import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import uuid5

from prometheus_client import Counter

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobStore
from connectors.clock.clock import Clock
from connectors.webhooks.port import Delivery
from processors.gateway.commands import Caller, Commands
from schemas.core.envelope import NAMESPACE
from schemas.hooks import WebhookReceived

log = logging.getLogger(__name__)

BUCKET = "hooks"
KEPT = timedelta(hours=24)
MOST_KEPT = 10_000
HOOKS = Counter("noizylab_hooks", "Incoming webhooks by what became of them.", ["provider", "result"])


class Hooks:
    """Takes deliveries. What came before, as far as this process remembers it, is answered without doing it again.

    Another replica, or this one after a restart, writes the same record under the same id, and readers drop it.
    """

    def __init__(self, commands: Commands, blobs: BlobStore, clock: Clock) -> None:
        self._commands, self._blobs, self._clock = commands, blobs, clock
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    async def take(self, provider: str, delivery: Delivery, body: bytes, media_type: str) -> bool:
        """Return once the log has the fact; False when this process had it already.

        Raises:
            Transient: the object store or the log is away; the provider repeats.
        """
        hook_id = _hook_id(provider, delivery.delivery_id)
        now = self._clock.now()
        if hook_id in self._seen and now - self._seen[hook_id] < KEPT:
            HOOKS.labels(provider, "repeated").inc()
            return False
        payload = await put_content(self._blobs, BUCKET, body, media_type, clock=self._clock) if body else None
        event = WebhookReceived(
            hook_id=hook_id,
            provider=provider,
            delivery_id=delivery.delivery_id,
            hook_type=delivery.hook_type,
            verified_with=delivery.verified_with,
            payload=payload,
            received_at=now,
        )
        caller = Caller("webhook", provider)
        await self._commands.tell(event, correlation_id=hook_id, caller=caller, id=uuid5(NAMESPACE, f"hook/{hook_id}"))
        self._seen[hook_id] = now
        self._seen.move_to_end(hook_id)
        if len(self._seen) > MOST_KEPT:
            self._seen.popitem(last=False)
        HOOKS.labels(provider, "received").inc()
        return True


def refused(provider: str, reason: str) -> None:
    """Note why a request was not believed: here, and not in the answer."""
    HOOKS.labels(provider, reason).inc()
    log.warning("a webhook for %s is refused: %s", provider, reason)


def _hook_id(provider: str, delivery_id: str) -> str:
    return "H-" + hashlib.sha256(f"{provider}/{delivery_id}".encode()).hexdigest()[:32]
