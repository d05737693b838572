"""What a decision answers. The stage acts on it; a decision itself does nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from schemas.core.message import Message


@dataclass(slots=True)
class Emit:
    """Publish these messages, in this order. An empty ``Emit`` finishes the record with nothing to say.

    Not to be changed: frozen it would take four times as long to make, and nearly every record needs one.

    ``ids`` optionally fixes the id of a message by its position; by default ids are derived from the cause.
    """

    messages: tuple[Message, ...] = ()
    ids: tuple[UUID | None, ...] = ()

    @classmethod
    def of(cls, *messages: Message) -> "Emit":
        """Return an outcome with these messages and derived ids."""
        return cls(messages)

    @classmethod
    def with_ids(cls, pairs: Iterable[tuple[Message, UUID | None]]) -> "Emit":
        """Return an outcome in which a message may bring its own id."""
        listed = tuple(pairs)
        return cls(tuple(message for message, _ in listed), tuple(known for _, known in listed))


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing to do: a duplicate, stale, not ours. Counted by ``reason``, finished."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The record can never be handled: it goes to the dead letters. A business refusal is an event instead."""

    reason: str
    detail: str = ""


Outcome = Emit | Drop | Reject
