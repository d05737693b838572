"""Tries deliveries that are due, beside the stage: an address that is slow holds up nobody but itself.

What waits and when it is tried next stands in the log. A try is written down when it is over; a process that dies
before has tried once for nothing, and whoever takes over tries again, under the same id.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from connectors.callbacks.port import Answer, Callbacks
from connectors.callbacks.standard import secret_of, signed_headers
from connectors.clock.clock import Clock
from processors.webhooks.config import Policy
from processors.webhooks.deliveries import due, secret_versions
from schemas.core.message import View
from schemas.webhooks import RecordAttempt, WebhookDelivery, WebhookView

log = logging.getLogger(__name__)

USER_AGENT = "NoizyLab-Webhooks/1"
_Key = tuple[str, str]


class Dispatcher:
    """Runs a bounded number of tries, for each subscription and in all.

    ``body_of`` gives what is sent, None when the event is not in the log any more. ``record`` writes down how a try
    ended; after it the next look may see the old state for a moment, so what was written is remembered.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        master: str,
        body_of: Callable[[WebhookView, WebhookDelivery], Awaitable[bytes | None]],
        record: Callable[[RecordAttempt], Awaitable[object]],
        clock: Clock,
        policy: Policy,
    ) -> None:
        self._callbacks, self._master, self._body_of, self._record = callbacks, master, body_of, record
        self._clock, self._policy = clock, policy
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._written: dict[_Key, int] = {}
        self._busy: Counter[str] = Counter()

    def look(self, views: Iterable[View]) -> None:
        """Begin the tries that are due and have room."""
        known: set[_Key] = set()
        for view in views:
            if isinstance(view, WebhookView):
                known.update((view.webhook_id, one.delivery_id) for one in view.waiting)
                self._begin(view)
        self._written = {key: attempt for key, attempt in self._written.items() if key in known}

    def _begin(self, view: WebhookView) -> None:
        for delivery in due(view, self._clock.now()):
            if self._busy[view.webhook_id] >= self._policy.tries_at_once_each:
                return
            if len(self._tasks) >= self._policy.tries_at_once:
                return
            key = (view.webhook_id, delivery.delivery_id)
            if key in self._tasks or self._written.get(key, 0) > delivery.attempts:
                continue
            self._busy[view.webhook_id] += 1
            task = asyncio.create_task(self._try(view, delivery), name=f"webhook-{delivery.delivery_id}")
            self._tasks[key] = task
            task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: _Key, task: asyncio.Task[None]) -> None:
        del self._tasks[key]
        self._busy[key[0]] -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nothing was written down: the next look begins it again.
            log.warning("a try of webhook %s is repeated: %r", key[0], error)

    async def _try(self, view: WebhookView, delivery: WebhookDelivery) -> None:
        began = asyncio.get_running_loop().time()
        at = self._clock.now()
        body = await self._body_of(view, delivery)
        if body is None:
            answer = Answer(error="event_gone")
        else:
            secrets = [secret_of(self._master, view.webhook_id, one) for one in secret_versions(view, at, self._policy)]
            headers = signed_headers(secrets, delivery.delivery_id, at, body)
            headers |= {"Content-Type": "application/cloudevents+json", "User-Agent": USER_AGENT}
            answer = await self._callbacks.post(view.url, body, headers)
        attempt = delivery.attempts + 1
        await self._record(
            RecordAttempt(
                webhook_id=view.webhook_id,
                delivery_id=delivery.delivery_id,
                attempt=attempt,
                status=answer.status,
                error=answer.error,
                duration_ms=round((asyncio.get_running_loop().time() - began) * 1000),
                attempted_at=at,
            )
        )
        self._written[view.webhook_id, delivery.delivery_id] = attempt

    async def idle(self) -> None:
        """Return when no try is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def close(self) -> None:
        """Break off what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
