"""Answers to reads, kept until a record changes them, never for a time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from processors.gateway.edge.conditional import etag_of


class Bodied(Protocol):
    """Something with a body, which is what takes the room."""

    @property
    def body(self) -> bytes:
        """Return the body."""
        ...


B = TypeVar("B", bound=Bodied)


class Kept(Generic[B]):
    """The most recently asked, at most ``max_bytes`` of bodies."""

    def __init__(self, max_bytes: int) -> None:
        self._held: OrderedDict[Hashable, B] = OrderedDict()
        self._free = max_bytes

    def get(self, key: Hashable) -> B | None:
        """Return what is kept under ``key``, None when nothing is."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(self, key: Hashable, value: B) -> None:
        """Keep ``value``; those that were not asked for the longest make room."""
        replaced = self._held.pop(key, None)
        self._free += len(replaced.body) if replaced is not None else 0
        self._held[key] = value
        self._free -= len(value.body)
        while self._free < 0:
            _, dropped = self._held.popitem(last=False)
            self._free += len(dropped.body)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, and the path of the one after it. It is kept under its entity tag.

    The tag names the version of the workspace, the caller's scopes and the question, so an event that changes a
    ticket changes the tag, and what is kept under the old one is never given out again.
    """

    body: bytes
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Cached:
    """A body with its entity tag. ``stamp`` is of what it was made from."""

    stamp: Hashable
    body: bytes
    etag: str


class ReadCache:
    """What was made for a key, as long as its stamp holds.

    The key must name everything but the records that an answer depends on, above all the reader's scopes and
    workspace; the stamp must change with each record.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept: Kept[Cached] = Kept(max_bytes)
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], bytes]) -> Cached:
        """Return the answer for ``key`` as of ``stamp``; ``make`` makes it where it is not held."""
        held = self._kept.get(key)
        if held is not None and held.stamp == stamp:
            self.hits += 1
            return held
        self.misses += 1
        body = make()
        made = Cached(stamp, body, etag_of(body))
        self._kept.put(key, made)
        return made
