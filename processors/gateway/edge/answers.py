"""Answers that were made before, under their ETag: one that is asked again is not made again. Bounded, least used out.

A tag names the version of the workspace, the caller's scopes and the question, so an event that changes a ticket
changes the tag, and what is kept under the old one is never given out again.
"""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a 200, and the path of the page after it."""

    body: bytes
    next: str | None = None


class Answers:
    """Keeps at most ``max_bytes`` of bodies."""

    def __init__(self, max_bytes: int = 16_000_000) -> None:
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._free = max_bytes

    def get(self, etag: str) -> Answer | None:
        """Return the answer with this tag, None when it is not there."""
        found = self._kept.get(etag)
        if found is not None:
            self._kept.move_to_end(etag)
        return found

    def put(self, etag: str, answer: Answer) -> None:
        """Keep an answer; those that were not asked for the longest make room."""
        replaced = self._kept.pop(etag, None)
        self._free += len(replaced.body) if replaced is not None else 0
        self._kept[etag] = answer
        self._free -= len(answer.body)
        while self._free < 0:
            _, dropped = self._kept.popitem(last=False)
            self._free += len(dropped.body)
