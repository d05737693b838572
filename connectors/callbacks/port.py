"""The port of addresses that others chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What a post led to: a ``status``, or why there is none.

    ``error``: ``timeout``, ``unreachable``, ``address_refused`` (it leads into our own network), ``url_refused``.
    """

    status: int | None = None
    error: str | None = None


class Callbacks(Protocol):
    """Posts to an address. Never raises for what the other side does: an answer is the answer."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return how the post ended; within a bounded time, whatever the other side does."""
        ...
