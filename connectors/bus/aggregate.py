"""State of aggregates: a view record in a compacted topic, and the declarations that tie it to a processor."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from schemas.core.message import Event, Message, View
from topics.topic import Topic

RECENT_CAUSES = 128
"""How many cause ids an aggregate remembers. A repair has about 40 inputs in all; a redelivery window is shorter."""

_VERSION = re.compile(rb'\{"version":(\d+),')


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate for each record key. ``evolve(state, event)`` is pure and takes every event of the owner."""

    view: Topic
    evolve: Callable[[Any, Any], View]


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Several aggregates behind one record key, in one partition: a shelf of parts, say.

    ``keys(message)`` names the view keys that a command is about or that an event changes;
    ``evolve(key, state, event)`` gives the new state of one of them.
    """

    view: Topic
    keys: Callable[[Any], tuple[str, ...]]
    evolve: Callable[[str, Any, Any], View]


StateOf = Aggregate | Aggregates


class Held:
    """A state with its version (events folded so far) and the causes it has seen. Never changed, only replaced.

    The causes are kept as the text that lies in the log, so that a look-up is one hash and writing them is one call.
    """

    __slots__ = ("_seen", "_state", "_unread", "version")

    version: int
    _state: View | None
    _seen: dict[str, None]
    _unread: tuple[bytes, type[Message]] | None

    def __init__(self, state: View, version: int, causes: Iterable[UUID] = ()) -> None:
        self._state, self.version, self._unread = state, version, None
        self._seen = {str(cause): None for cause in causes}

    @property
    def state(self) -> View:
        """Return the state; a restored one is read when it is first asked for.

        Raises:
            ValueError: the view record that it was restored from cannot be read.
        """
        if self._state is None:
            self._read()
        assert self._state is not None
        return self._state

    @property
    def causes(self) -> tuple[UUID, ...]:
        """Return the ids of the causes that led here, newest last."""
        if self._unread is not None:
            self._read()
        return tuple(map(UUID, self._seen))

    @property
    def kind(self) -> str:
        """Return the type of the state, without reading it."""
        unread = self._unread
        return unread[1].TYPE if unread is not None else self.state.TYPE

    def has_seen(self, cause: UUID | str) -> bool:
        """Whether a cause led here already; as text it is in lower case."""
        if self._unread is not None:
            self._read()
        return (cause if isinstance(cause, str) else str(cause)) in self._seen

    def after(self, state: View, cause: str | None) -> "Held":
        """Return what is held after one more event of ``cause``, an id as text."""
        if self._unread is not None:
            self._read()
        seen = self._seen
        if cause is not None and cause not in seen:
            seen = seen.copy()
            seen[cause] = None
            while len(seen) > RECENT_CAUSES:
                del seen[next(iter(seen))]
        return _held(state, self.version + 1, seen, None)

    def to_value(self) -> bytes:
        """Return the view record's value."""
        unread = self._unread  # a snapshot is written in a thread, while the stage may read this state
        if unread is not None:
            return unread[0]
        return b'{"version":%d,"causes":%b,"state":%b}' % (
            self.version,
            orjson.dumps(list(self._seen)),
            self.state.to_json(),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held):
            return NotImplemented
        return (self.version, self.state, self.causes) == (other.version, other.state, other.causes)

    __hash__ = None  # type: ignore[assignment]  # equal by value, and the values are large

    @classmethod
    def from_value(cls, value: bytes, state_class: type[Message]) -> "Held":
        """Read a view record's value.

        Raises:
            ValueError: not a view record of this class.
        """
        held = cls.unread(value, state_class)
        held._read()
        return held

    @classmethod
    def unread(cls, value: bytes, state_class: type[Message]) -> "Held":
        """Take a view record's value and read of it no more than the version: most aggregates are never asked for.

        Raises:
            ValueError: not a view record.
        """
        found = _VERSION.match(value)
        version = int(found[1]) if found else orjson.loads(value)["version"]
        return _held(None, version, {}, (value, state_class))

    def _read(self) -> None:
        assert self._unread is not None
        value, state_class = self._unread
        data = orjson.loads(value)
        state = state_class.model_validate(data["state"])
        if not isinstance(state, View):
            raise ValueError(f"{state_class.__name__} is not a view")
        self._state, self._seen, self._unread = state, dict.fromkeys(data["causes"]), None


def _held(state: View | None, version: int, seen: dict[str, None], unread: tuple[bytes, type[Message]] | None) -> Held:
    held = Held.__new__(Held)
    held._state, held.version, held._seen, held._unread = state, version, seen, unread
    return held


def aggregate_keys(declared: StateOf, message: Message, record_key: str) -> tuple[str, ...]:
    """Return the view keys that ``message`` is about."""
    return declared.keys(message) if isinstance(declared, Aggregates) else (record_key,)


def fold(declared: StateOf, key: str, held: Held | None, event: Event, cause: str | None) -> Held:
    """Return the aggregate after one more event of ``cause``, an id as text."""
    before = held.state if held else None
    after = declared.evolve(key, before, event) if isinstance(declared, Aggregates) else declared.evolve(before, event)
    if held is None:
        return _held(after, 1, {} if cause is None else {cause: None}, None)
    return held.after(after, cause)
