"""State of aggregates: a view record in a compacted topic, and the declarations that tie it to a processor."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from schemas.core.message import Event, Message, View
from topics.topic import Topic

RECENT_CAUSES = 128
"""How many cause ids an aggregate remembers. A repair has about 40 inputs in all; a redelivery window is shorter."""


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


@dataclass(frozen=True, slots=True)
class Held:
    """A state with its version (events folded so far) and the causes it has seen, newest last."""

    state: View
    version: int
    causes: tuple[UUID, ...]

    def to_value(self) -> bytes:
        """Return the view record's value."""
        causes = orjson.dumps([str(cause) for cause in self.causes])
        return b'{"version":%d,"causes":%b,"state":%b}' % (self.version, causes, self.state.to_json())

    @classmethod
    def from_value(cls, value: bytes, state_class: type[Message]) -> "Held":
        """Read a view record's value.

        Raises:
            ValueError: not a view record of this class.
        """
        data = orjson.loads(value)
        state = state_class.model_validate(data["state"])
        if not isinstance(state, View):
            raise ValueError(f"{state_class.__name__} is not a view")
        return cls(state, data["version"], tuple(UUID(cause) for cause in data["causes"]))


def aggregate_keys(declared: StateOf, message: Message, record_key: str) -> tuple[str, ...]:
    """Return the view keys that ``message`` is about."""
    return declared.keys(message) if isinstance(declared, Aggregates) else (record_key,)


def fold(declared: StateOf, key: str, held: Held | None, event: Event, cause: UUID | None) -> Held:
    """Return the aggregate after one more event."""
    before = held.state if held else None
    after = declared.evolve(key, before, event) if isinstance(declared, Aggregates) else declared.evolve(before, event)
    if held is None:
        return Held(after, 1, (cause,) if cause else ())
    causes = held.causes
    if cause is not None and cause not in causes:
        causes = (*causes, cause)[-RECENT_CAUSES:]
    return replace(held, state=after, version=held.version + 1, causes=causes)
