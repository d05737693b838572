"""Reads the whole log of a live shop and lets a test wait until something is on it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from connectors.errors import Transient
from schemas.core.envelope import Envelope, EnvelopeError
from schemas.core.message import Message
from topics.registry import DEAD_LETTERS, EVENTS, class_of

T = TypeVar("T")
M = TypeVar("M", bound=Message)

WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of the log, its first writing only."""

    topic: str
    envelope: Envelope
    message: Message


class Following:
    """Every event and dead letter of the log, kept up to date by a task. Survives the death of the broker."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._positions: set[tuple[str, int, int]] = set()
        self._ids: set[object] = set()
        self._changed = asyncio.Condition()
        self._events: dict[str, list[Heard]] = defaultdict(list)
        self.letters: list[dict[str, str]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Following":
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def events(self, ticket_id: str) -> list[Heard]:
        """Return what is known of a ticket, in the order it was read."""
        return self._events[ticket_id]

    def of(self, ticket_id: str, kind: type[M]) -> list[M]:
        """Return a ticket's events of one type."""
        return [heard.message for heard in self._events[ticket_id] if isinstance(heard.message, kind)]

    def told(self, ticket_id: str) -> dict[str, list[str]]:
        """Return the types of a ticket's events by topic: within a topic their order is that of the log."""
        found: dict[str, list[str]] = defaultdict(list)
        for heard in self._events[ticket_id]:
            found[heard.topic].append(heard.envelope.type)
        return dict(found)

    async def until(self, what: str, look: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
        """Return what ``look`` finds, looking again after every batch of the log; fails when it takes too long."""
        try:
            async with asyncio.timeout(within_s), self._changed:
                while not (found := look()):
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"no {what} in {within_s:.0f} s; the log holds\n{self._story()}") from None

    async def first(self, ticket_id: str, *kinds: type[M], within_s: float = WITHIN_S) -> M:
        """Return the first event of a ticket that is one of ``kinds``, waiting for it."""
        what = f"{' or '.join(kind.__name__ for kind in kinds)} of {ticket_id}"
        return await self.until(
            what, lambda: next((found for kind in kinds for found in self.of(ticket_id, kind)), None), within_s
        )

    def _story(self) -> str:
        lines = [f"{ticket}: {[one.envelope.type for one in heard]}" for ticket, heard in self._events.items()]
        return "\n".join([*lines, *(f"letter {letter}" for letter in self.letters)])

    async def _follow(self) -> None:
        topics = [topic.name for topic in (*EVENTS, *DEAD_LETTERS)]
        while True:
            with suppress(Transient, OSError):
                async with LogReader(self._cluster, "noizylab-scenario") as reader:
                    async for batch in reader.follow(await reader.partitions(topics), from_start=True):
                        async with self._changed:
                            for record in self._new(batch):
                                self._take(record)
                            self._changed.notify_all()
            await asyncio.sleep(0.1)

    def _new(self, batch: list[Fetched]) -> Iterator[Fetched]:
        for record in batch:
            position = (record.topic, record.partition, record.offset)
            if position not in self._positions:
                self._positions.add(position)
                yield record

    def _take(self, record: Fetched) -> None:
        if record.topic.startswith("dlq."):
            headers = {name: value.decode(errors="replace") for name, value in record.headers}
            self.letters.append({**headers, "value": (record.value or b"").decode(errors="replace")})
            return
        with suppress(EnvelopeError):
            envelope = Envelope.from_headers(record.headers)
            message = class_of(envelope.type).model_validate_json(record.value or b"")
            ticket_id = getattr(message, "ticket_id", None)
            if ticket_id is not None and envelope.id not in self._ids:
                self._ids.add(envelope.id)
                self._events[ticket_id].append(Heard(record.topic, envelope, message))
