"""Webhooks on the log: which event goes to whom, what waits, and what became of it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid5

import orjson

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.lookup import LogFollower, LogLookup
from connectors.bus.records import Fetched, Outgoing, command_record
from connectors.callbacks.port import Callbacks
from processors.webhooks.config import Policy
from processors.webhooks.decide import decide
from processors.webhooks.deliveries import Visible, command_id, deliveries, event_body, ping_body
from processors.webhooks.directory import FOLDED, Directory
from processors.webhooks.dispatch import Dispatcher
from processors.webhooks.state import evolve
from schemas.core.envelope import NAMESPACE, Envelope, EnvelopeError
from schemas.core.message import Message
from schemas.core.outcome import Outcome
from schemas.webhooks import EventPlace, QueueDelivery, RecordAttempt, WebhookDelivery, WebhookView
from topics.registry import SUBSCRIBABLE
from topics.webhooks import WEBHOOK_COMMANDS, WEBHOOK_EVENTS, WEBHOOK_VIEWS

SOURCE = "webhooks"
SUBSCRIPTIONS = Aggregate(view=WEBHOOK_VIEWS, evolve=evolve)


class FanOut:
    """Turns batches of events into deliveries."""

    def __init__(
        self, app: App, directory: Directory, follower: LogFollower, lookup: LogLookup, policy: Policy
    ) -> None:
        self._app, self._directory, self._follower, self._lookup = app, directory, follower, lookup
        self._policy = policy

    async def take(self, records: Sequence[Fetched]) -> None:
        """Queue what a batch leads to. Whoever subscribed before the batch was read is known.

        Raises:
            Transient: the log does not answer; the batch is repeated, under the same ids.
        """
        await self._follower.catch_up()
        outgoing: list[Outgoing] = []
        for record in records:
            outgoing += await self._of(record)
        if outgoing:
            await self._app.publish(outgoing)

    async def _of(self, record: Fetched) -> list[Outgoing]:
        try:
            envelope = Envelope.from_headers(record.headers)
            webhooks = self._directory.wanting(envelope.type)
            data = orjson.loads(record.value or b"") if webhooks else {}
        except (EnvelopeError, ValueError):
            self._app.counts.dropped["unreadable"] += 1
            return []
        if not webhooks or not isinstance(data, dict):
            return []
        workspace = await self._workspace(data)
        if workspace is None:
            # Nobody may be told what cannot be shown to be theirs.
            self._app.counts.dropped["ticket_unknown"] += 1
            return []
        place = EventPlace(
            id=str(envelope.id),
            type=envelope.type,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
        found = deliveries(place, envelope.recorded_time, workspace, webhooks)
        if found:
            self._lookup.note(record)
        now = self._app.wall_clock.now()
        return [_queue_record(one, envelope, now) for one in found]

    async def _workspace(self, data: dict[str, object]) -> str | None:
        """Return whose an event is. The view of a ticket is written just after its first event: that is waited for."""
        deadline = asyncio.get_running_loop().time() + self._policy.ticket_wait_s
        while (found := self._directory.workspace_of(data)) is None:
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(0.05)
            await self._follower.catch_up()
        return found


def _queue_record(delivery: QueueDelivery, envelope: Envelope, now: datetime) -> Outgoing:
    return command_record(
        delivery,
        source=SOURCE,
        now=now,
        correlation_id=envelope.correlation_id,
        message_id=command_id(delivery),
        causation_id=envelope.id,
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
    )


def wire(
    app: App,
    callbacks: Callbacks,
    master: str,
    lookup: LogLookup,
    follower: LogFollower,
    directory: Directory,
    visible: Visible,
    policy: Policy,
) -> Dispatcher:
    """Send events to those who subscribed to them. Importing this module registers nothing.

    ``follower`` folds into ``directory``. The dispatcher that is returned wants to be closed.
    """
    app.follow(*FOLDED)
    fan_out = FanOut(app, directory, follower, lookup, policy)

    @app.sink(*SUBSCRIBABLE)
    async def queue_deliveries(records: Sequence[Fetched]) -> None:
        await fan_out.take(records)

    @app.agent(WEBHOOK_COMMANDS, emits=WEBHOOK_EVENTS, state=SUBSCRIPTIONS)
    async def keep_subscription(command: Message, envelope: Envelope, view: WebhookView | None) -> Outcome:
        return decide(command, envelope.id, view, app.wall_clock.now(), policy)

    async def body_of(view: WebhookView, delivery: WebhookDelivery) -> bytes | None:
        place = delivery.event
        if place is None:
            return ping_body(view, delivery)
        record = await lookup.read(place.topic, place.partition, place.offset)
        if record is None:
            return None
        envelope = Envelope.from_headers(record.headers)
        same = str(envelope.id) == place.id
        return event_body(envelope, record.value or b"{}", view.scopes, visible) if same else None

    async def record_attempt(done: RecordAttempt) -> None:
        name = f"webhook/{done.webhook_id}/{done.delivery_id}/{done.attempt}/{done.attempted_at.timestamp()}"
        await app.tell(done, correlation_id=done.webhook_id, id=uuid5(NAMESPACE, name))

    dispatcher = Dispatcher(callbacks, master, body_of, record_attempt, app.wall_clock, policy)

    @app.every(policy.look_every_s, tells=WEBHOOK_COMMANDS)
    async def try_what_is_due() -> None:
        dispatcher.look(app.states(SUBSCRIPTIONS))

    return dispatcher
