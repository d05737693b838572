"""Sentences by the type of the event that they tell of: each module of them fills one such book."""

from collections.abc import Callable
from typing import Any, TypeVar

from schemas.core.message import Event

E = TypeVar("E", bound=Event)


class Sentences(dict[str, Callable[[Any], str]]):
    """What is said of an event, by its type."""

    def of(self, kind: type[E]) -> Callable[[Callable[[E], str]], Callable[[E], str]]:
        """Return a decorator that takes a function as the sentence of ``kind``."""

        def register(sentence: Callable[[E], str]) -> Callable[[E], str]:
            self[kind.TYPE] = sentence
            return sentence

        return register
