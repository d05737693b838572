"""Writes: a command goes to its topic, and the answer is the event it led to."""

import asyncio
from collections import Counter
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID, uuid5

from connectors.bus.records import Outgoing, Publisher, command_record
from connectors.bus.stage import WorkerStop
from connectors.clock.clock import Clock, new_id
from connectors.errors import Transient
from processors.gateway.config import Policy
from processors.gateway.views import Outcome, ReadModel
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Event, Message
from topics.registry import topic_of

SOURCE = "gateway"

TRACE: ContextVar[tuple[str | None, str | None]] = ContextVar("trace", default=(None, None))
"""``traceparent`` and ``tracestate`` of the request at hand: what it leads to goes on with the caller's trace."""

WISH: ContextVar["Wish | None"] = ContextVar("wish", default=None)
"""The wish of the request at hand, when its caller gave it a key: its commands get ids that a repetition gets again."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person, an API key, a service, the holder of a signed link, the provider of a webhook, or whoever has
    the shop's machine.

    Every command carries it in its envelope.
    """

    kind: Literal["user", "api_key", "service", "link", "webhook", "operator"]
    id: str

    @property
    def actor(self) -> str:
        """Return the caller as events name whoever did something."""
        return f"{self.kind}:{self.id}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


def stable_id(caller: Caller, *parts: str) -> UUID:
    """Return the id that the same caller gets for the same wish each time (UUIDv5)."""
    return uuid5(NAMESPACE, "/".join(("gateway", caller.kind, caller.id, *parts)))


@dataclass(slots=True)
class Wish:
    """What a caller wants done once: its own key, and where it sent it (``POST /v1/tasks/.../complete``)."""

    caller: Caller
    place: str
    key: str
    _made: Counter[str] = field(default_factory=Counter)

    def id_of(self, *parts: str) -> UUID:
        """Return the id of one thing that the wish makes: the same for each repetition, another for a second thing."""
        name = "/".join(parts)
        self._made[name] += 1
        return stable_id(self.caller, self.place, self.key, name, str(self._made[name]))


def wished_id(*parts: str) -> UUID:
    """Return an id for what the request at hand makes: repeatable when it has a key, else fresh (UUIDv7)."""
    wish = WISH.get()
    return new_id() if wish is None else wish.id_of(*parts)


class Commands:
    """Sends commands for callers and waits for what becomes of them."""

    def __init__(self, publisher: Publisher, views: ReadModel, clock: Clock, policy: Policy) -> None:
        self._publisher = publisher
        self._views = views
        self._clock = clock
        self._policy = policy

    async def tell(self, message: Message, *, correlation_id: str, caller: Caller, id: UUID | None = None) -> UUID:  # noqa: A002 - the CloudEvents name of it
        """Write a command and return its id. Without ``id`` it gets one of the wish at hand.

        Raises:
            Transient: the log did not acknowledge it in time. It may be there nevertheless: the caller repeats it
                with the same id.
        """
        message_id = id or wished_id(message.TYPE, str(getattr(message, topic_of(message.TYPE).key)))
        traceparent, tracestate = TRACE.get()
        record = command_record(
            message,
            source=SOURCE,
            now=self._clock.now(),
            correlation_id=correlation_id,
            message_id=message_id,
            auth_type=caller.kind,
            auth_id=caller.id,
            traceparent=traceparent,
            tracestate=tracestate,
        )
        await _publish(self._publisher, record, self._policy)
        return message_id

    async def ask(
        self,
        message: Message,
        *,
        correlation_id: str,
        caller: Caller,
        answers: Collection[type[Event]],
        id: UUID | None = None,  # noqa: A002 - the CloudEvents name of it
    ) -> Outcome | None:
        """Write a command and return the first of ``answers`` it led to; None when none came in time."""
        command_id = await self.tell(message, correlation_id=correlation_id, caller=caller, id=id)
        return await self._views.outcome_of(command_id, self._policy.outcome_wait_s, answers)


async def publish_soon(
    publisher: Publisher, message: Message, clock: Clock, policy: Policy, *, correlation_id: str
) -> None:
    """Write what the edge itself has to say, of nobody's wish; raises as :meth:`Commands.tell` does."""
    record = command_record(message, source=SOURCE, now=clock.now(), correlation_id=correlation_id, message_id=new_id())
    await _publish(publisher, record, policy)


async def _publish(publisher: Publisher, record: Outgoing, policy: Policy) -> None:
    try:
        await asyncio.wait_for(publisher.publish([record]), policy.publish_wait_s)
    except TimeoutError as error:
        raise Transient(f"the log did not acknowledge in {policy.publish_wait_s:g} s; try again") from error
    except WorkerStop as error:
        raise Transient(f"the log does not take the command now: {error}") from error
