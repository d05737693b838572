"""The three kinds of record on the log.

A **command** asks one processor to do something and may be refused. An **event** states what happened: one
writer, any number of readers. A **view** is the newest state of one aggregate, kept in a compacted topic.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value inside a message. Readers ignore fields they do not know: additions are compatible.

    NaN and infinity are refused: JSON has no word for them, so they would become facts that nobody can read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Message(Value):
    """A record's data. ``TYPE`` is its CloudEvents type with the major version, and its name on the log."""

    TYPE: ClassVar[str]

    def to_json(self) -> bytes:
        """Return the record's value: compact UTF-8 JSON."""
        return self.__pydantic_serializer__.to_json(self)


class Command(Message):
    """A wish, in the imperative; exactly one processor handles it."""


class Event(Message):
    """A fact, in the past tense; exactly one processor writes it."""


class View(Message):
    """The newest state of one aggregate, written by its owner after the events that led to it."""
