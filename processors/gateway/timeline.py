"""Timelines: the events of each ticket as they came in, bounded, and the live subscriptions to them."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from connectors.bus.records import Fetched
from schemas.core.envelope import Envelope


class CursorError(ValueError):
    """A cursor that is not ours; the message says what it looks like."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. ``data`` is its JSON as it lies in the log; it is read only when somebody asks."""

    envelope: Envelope
    data: bytes
    topic: str
    partition: int
    offset: int


Position = tuple[str, int]
Cursor = Mapping[Position, int]
"""For each partition of each events topic the last offset a reader has. A ticket's events come from several topics
whose order among each other is not fixed, so one number could skip an event after a restart; this cannot."""


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor as ``topic-partition-offset`` joined with commas, in a fixed order."""
    return ",".join(f"{topic}-{partition}-{offset}" for (topic, partition), offset in sorted(cursor.items()))


def read_cursor(text: str) -> Cursor:
    """Read what :func:`write_cursor` wrote.

    Raises:
        CursorError: anything else.
    """
    cursor: dict[Position, int] = {}
    for part in filter(None, text[:4096].split(",")):
        topic, _, numbers = part.rpartition("-")
        topic, _, partition = topic.rpartition("-")
        if not (topic and partition.isdecimal() and partition.isascii() and numbers.isdecimal() and numbers.isascii()):
            raise CursorError(f"{part[:80]!r} is not topic-partition-offset; send the id of the last event you got")
        cursor[topic, int(partition)] = int(numbers)
    return cursor


T = TypeVar("T")


@dataclass(slots=True)
class Subscription(Generic[T]):
    """A live reader. One that falls ``limit`` events behind is cut off, not waited for."""

    limit: int
    lost: bool = False
    _queue: deque[T] = field(default_factory=deque)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, entry: T) -> None:
        """Hand over an event without waiting."""
        if len(self._queue) >= self.limit:
            self.lost = True
        else:
            self._queue.append(entry)
        self._more.set()

    def take(self) -> T | None:
        """Return the next event, or None when there is none now."""
        return self._queue.popleft() if self._queue else None

    async def wait(self, timeout_s: float) -> bool:
        """Return True when something came within ``timeout_s``."""
        if self._queue or self.lost:
            return True
        self._more.clear()
        try:
            await asyncio.wait_for(self._more.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class _Timeline:
    entries: deque[Entry]
    seen: int = 0


class Timelines:
    """The newest events of the most recently active tickets.

    At most ``events_max`` events for each of ``tickets_max`` tickets are held; older ones are in the log and in the
    warehouse.
    """

    def __init__(self, *, events_max: int, tickets_max: int) -> None:
        self._events_max = events_max
        self._tickets_max = tickets_max
        self._held: OrderedDict[str, _Timeline] = OrderedDict()
        self._forgotten: set[str] = set()
        self._live: dict[str, list[Subscription[Entry]]] = {}

    def add(self, ticket_id: str, record: Fetched, envelope: Envelope) -> Entry | None:
        """Take one event; None when it is a repetition of one that is held."""
        timeline = self._held.get(ticket_id)
        if timeline is None:
            timeline = self._held[ticket_id] = _Timeline(deque(maxlen=self._events_max))
        self._held.move_to_end(ticket_id)
        if any(held.envelope.id_text == envelope.id_text for held in timeline.entries):
            return None
        entry = Entry(envelope, record.value or b"{}", record.topic, record.partition, record.offset)
        timeline.entries.append(entry)
        timeline.seen += 1
        if len(self._held) > self._tickets_max:
            self._forgotten.add(self._held.popitem(last=False)[0])
        for subscription in self._live.get(ticket_id, ()):
            subscription.offer(entry)
        return entry

    def of(self, ticket_id: str) -> tuple[Entry, ...]:
        """Return a ticket's events in the order they happened; those of one moment in the order they came in."""
        timeline = self._held.get(ticket_id)
        if timeline is None:
            return ()
        return tuple(sorted(timeline.entries, key=lambda entry: (entry.envelope.recorded_time, entry.envelope.time)))

    def holds(self, ticket_id: str) -> bool:
        """Whether events of the ticket are in memory."""
        return ticket_id in self._held

    def complete(self, ticket_id: str) -> bool:
        """Whether no event of the ticket was let go."""
        timeline = self._held.get(ticket_id)
        return ticket_id not in self._forgotten and (timeline is None or timeline.seen == len(timeline.entries))

    def after(self, ticket_id: str, cursor: Cursor) -> Iterator[Entry]:
        """Yield the held events that a reader with ``cursor`` does not have.

        In the order they came in, which within a partition is that of the offsets: a reader cut off half-way has
        then missed nothing that its cursor covers.
        """
        timeline = self._held.get(ticket_id)
        for entry in timeline.entries if timeline is not None else ():
            if entry.offset > cursor.get((entry.topic, entry.partition), -1):
                yield entry

    def subscribe(self, ticket_id: str, limit: int) -> Subscription[Entry]:
        """Start a live subscription; give it back with :meth:`unsubscribe`."""
        subscription: Subscription[Entry] = Subscription(limit)
        self._live.setdefault(ticket_id, []).append(subscription)
        return subscription

    def unsubscribe(self, ticket_id: str, subscription: Subscription[Entry]) -> None:
        """End a live subscription."""
        live = self._live.get(ticket_id, [])
        if subscription in live:
            live.remove(subscription)
        if not live:
            self._live.pop(ticket_id, None)

    @property
    def subscriptions(self) -> int:
        """Return the number of live subscriptions."""
        return sum(map(len, self._live.values()))
