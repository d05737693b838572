"""Tickets whose sealed words are not indexed yet: the newest first, each once."""

import asyncio
from collections.abc import Iterable


class Unopened:
    """A pile of ticket ids."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ticket_id: str) -> None:
        """Put a ticket on top."""
        self._ids.pop(ticket_id, None)
        self._ids[ticket_id] = None
        self._some.set()

    def put_back(self, ticket_ids: Iterable[str]) -> None:
        """Put tickets below all others."""
        self._ids = {**dict.fromkeys(ticket_ids), **self._ids}
        if self._ids:
            self._some.set()

    def take(self, most: int) -> list[str]:
        """Take up to so many tickets off the top."""
        taken = [self._ids.popitem()[0] for _ in range(min(most, len(self._ids)))]
        if not self._ids:
            self._some.clear()
        return taken

    async def wait(self) -> None:
        """Return when there is a ticket."""
        await self._some.wait()
