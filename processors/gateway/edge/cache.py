"""Answers to reads, kept until a record changes them, never for a time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from processors.gateway.edge.conditional import etag_of


@dataclass(frozen=True, slots=True)
class Cached:
    """A body with its entity tag. ``stamp`` is of what it was made from."""

    stamp: Hashable
    body: bytes
    etag: str


class ReadCache:
    """The most recently asked answers, at most ``max_bytes`` of bodies.

    The key must name everything but the records that an answer depends on, above all the reader's scopes and
    workspace; the stamp must change with each record.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: OrderedDict[Hashable, Cached] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable, stamp: Hashable, make: Callable[[], bytes]) -> Cached:
        """Return the answer for ``key`` as of ``stamp``; ``make`` makes it where it is not held."""
        held = self._held.get(key)
        if held is not None and held.stamp == stamp:
            self._held.move_to_end(key)
            self.hits += 1
            return held
        self.misses += 1
        body = make()
        made = Cached(stamp, body, etag_of(body))
        if held is not None:
            self._bytes -= len(held.body)
        self._held[key] = made
        self._held.move_to_end(key)
        self._bytes += len(body)
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._held.popitem(last=False)[1].body)
        return made
