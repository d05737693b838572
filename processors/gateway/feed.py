"""The events of all tickets, in the order this process read them: held a while for who resumes, handed to who listens.

Each partition has a ring of its own, so that a busy topic does not push the past of a quiet one out, and so that after
a restart, which reads topic by topic, each holds its newest again.
"""

from collections import deque
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field

import orjson

from processors.gateway.timeline import Cursor, Entry, Position, Subscription, write_cursor
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.tickets import IntakeRefused, TicketMoved, TicketOpened


@dataclass(frozen=True, slots=True)
class Item:
    """An event with what it is chosen by. ``state`` is the ticket's after it; ``number`` counts as they came in."""

    entry: Entry
    ticket_id: str
    workspace_id: str | None
    state: str | None
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader wants to hear of: its workspace, and of that the types, tickets and states it names; none: all."""

    workspace_id: str
    types: Collection[str] = ()
    ticket_ids: Collection[str] = ()
    states: Collection[str] = ()

    def takes(self, item: Item) -> bool:
        """Whether an event is wanted. One of a ticket whose workspace is not known is nobody's."""
        return (
            item.workspace_id == self.workspace_id
            and (not self.types or item.entry.envelope.type in self.types)
            and (not self.ticket_ids or item.ticket_id in self.ticket_ids)
            and (not self.states or item.state in self.states)
        )


@dataclass(slots=True)
class News:
    """An event on its way to its readers. What it looks like is made once for all readers of one kind."""

    item: Item
    cursor: str
    _made: dict[Hashable, str] = field(default_factory=dict)

    def text(self, kind: Hashable, make: Callable[["News"], str]) -> str:
        """Return the text for readers of a kind."""
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = make(self)
        return made


@dataclass(frozen=True, slots=True)
class _Listener:
    wanted: Wanted
    subscription: Subscription[News]


class Feed:
    """Holds the newest ``held_max`` events of each partition and hands each event to those who want it."""

    def __init__(self, *, held_max: int) -> None:
        self._held_max = held_max
        self._rings: dict[Position, deque[Item]] = {}
        self._let_go: dict[Position, int] = {}
        self._at: dict[Position, int] = {}
        self._count = 0
        self._tickets: dict[str, tuple[str | None, str | None]] = {}
        self._listeners: dict[int, _Listener] = {}

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    @property
    def cursor(self) -> str:
        """Return where the feed is."""
        return write_cursor(self._at)

    def about(self, ticket_id: str, workspace_id: str, state: str) -> None:
        """Take what a ticket's view says."""
        self._tickets[ticket_id] = (workspace_id, state)

    def add(self, ticket_id: str, entry: Entry) -> None:
        """Take one event of a ticket."""
        self._learn(ticket_id, entry)
        workspace_id, state = self._tickets.get(ticket_id, (None, None))
        self._count += 1
        item = Item(entry, ticket_id, workspace_id, state, self._count)
        position = (entry.topic, entry.partition)
        ring = self._rings.setdefault(position, deque())
        ring.append(item)
        if len(ring) > self._held_max:
            self._let_go[position] = ring.popleft().entry.offset
        self._at[position] = entry.offset
        hearing = [one for one in self._listeners.values() if one.wanted.takes(item)]
        if hearing:
            news = News(item, self.cursor)
            for one in hearing:
                one.subscription.offer(news)

    def after(self, cursor: Cursor) -> list[Item] | None:
        """Return the events that a reader with ``cursor`` does not have; None when some of them were let go."""
        if any(cursor.get(position, -1) < offset for position, offset in self._let_go.items()):
            return None
        found = [
            item
            for position, ring in self._rings.items()
            for item in ring
            if item.entry.offset > cursor.get(position, -1)
        ]
        return sorted(found, key=lambda item: item.number)

    def listen(self, wanted: Wanted, limit: int) -> Subscription[News]:
        """Start to listen; end it with :meth:`leave`."""
        subscription: Subscription[News] = Subscription(limit)
        self._listeners[id(subscription)] = _Listener(wanted, subscription)
        return subscription

    def leave(self, subscription: Subscription[News]) -> None:
        """Listen no more."""
        self._listeners.pop(id(subscription), None)

    def _learn(self, ticket_id: str, entry: Entry) -> None:
        """Learn from the events that come before the ticket's view says so; of a refused intake none ever comes."""
        if entry.envelope.type == IntakeRefused.TYPE:
            self._tickets.setdefault(ticket_id, (orjson.loads(entry.data).get("workspace_id"), None))
        elif entry.envelope.type == TicketOpened.TYPE:
            data = orjson.loads(entry.data)
            self._tickets[ticket_id] = (data.get("workspace_id", DEFAULT_WORKSPACE), data.get("state"))
        elif entry.envelope.type == TicketMoved.TYPE:
            workspace_id, _ = self._tickets.get(ticket_id, (None, None))
            self._tickets[ticket_id] = (workspace_id, orjson.loads(entry.data).get("to_state"))
