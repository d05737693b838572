"""Writes: a command goes to its topic, and the answer is the event it led to."""

import asyncio
from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

from connectors.bus.records import Publisher, command_record
from connectors.bus.stage import WorkerStop
from connectors.clock.clock import Clock, new_id
from connectors.errors import Transient
from processors.gateway.config import Policy
from processors.gateway.views import Outcome, ReadModel
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Event, Message

SOURCE = "gateway"

TRACE: ContextVar[tuple[str | None, str | None]] = ContextVar("trace", default=(None, None))
"""``traceparent`` and ``tracestate`` of the request at hand: what it leads to goes on with the caller's trace."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person, an API key, a service, the holder of a signed link, the provider of a webhook, or whoever has
    the shop's machine.

    Every command carries it in its envelope.
    """

    kind: Literal["user", "api_key", "service", "link", "webhook", "operator"]
    id: str


def stable_id(caller: Caller, *parts: str) -> UUID:
    """Return the id that the same caller gets for the same wish each time (UUIDv5)."""
    return uuid5(NAMESPACE, "/".join(("gateway", caller.kind, caller.id, *parts)))


class Commands:
    """Sends commands for callers and waits for what becomes of them."""

    def __init__(self, publisher: Publisher, views: ReadModel, clock: Clock, policy: Policy) -> None:
        self._publisher = publisher
        self._views = views
        self._clock = clock
        self._policy = policy

    async def tell(self, message: Message, *, correlation_id: str, caller: Caller, id: UUID | None = None) -> UUID:  # noqa: A002
        """Write a command and return its id.

        Raises:
            Transient: the log did not acknowledge it in time. It may be there nevertheless: the caller repeats it
                with the same id.
        """
        message_id = id or new_id()
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
        try:
            await asyncio.wait_for(self._publisher.publish([record]), self._policy.publish_wait_s)
        except TimeoutError as error:
            raise Transient(f"the log did not acknowledge in {self._policy.publish_wait_s:g} s; try again") from error
        except WorkerStop as error:
            raise Transient(f"the log does not take the command now: {error}") from error
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
