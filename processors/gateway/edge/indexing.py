"""Opens sealed texts for the search, beside everything else: new tickets first, and no read waits for it.

The words are in memory only, as all of the index is. Keys are read for one ticket at a time and not kept.
"""

import asyncio
import logging
import time
from typing import Final

from connectors.errors import ConnectorError, Transient
from connectors.vault.port import Vault
from processors.gateway.present import ticket_of
from processors.gateway.views import ReadModel
from processors.gateway.words import texts_of

log = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Tickets opened side by side; each reads one small object from the vault."""
REST: Final = 2.0
"""How long it rests after some, as a multiple of the time they took: who reads meanwhile has most of the process."""
AWAY_S: Final = 5.0
"""How long the vault is left alone when it does not answer."""
DAMAGED_S: Final = 600.0
"""When a ticket is tried again whose texts did not open for a reason that no waiting mends."""


class Indexing:
    """A task that takes tickets off the index's pile and hands their words in."""

    def __init__(self, views: ReadModel, vault: Vault) -> None:
        self._views = views
        self._vault = vault
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="gateway-indexing")

    async def close(self) -> None:
        """End; what is not opened yet is when another process starts."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def work(self) -> None:
        """Open what waits.

        Raises:
            Transient: the vault is away; what was in hand waits again.
        """
        unopened = self._views.tickets.unopened
        while taken := unopened.take(AT_ONCE):
            began = time.monotonic()
            try:
                said = await asyncio.gather(*map(self._open, taken), return_exceptions=True)
            except asyncio.CancelledError:
                unopened.put_back(taken)
                raise
            failed = {one: error for one, error in zip(taken, said, strict=True) if error is not None}
            away = {one: error for one, error in failed.items() if isinstance(error, Transient)}
            unopened.put_back(away)
            self._later({one: error for one, error in failed.items() if one not in away})
            for error in away.values():
                raise error
            await asyncio.sleep(REST * (time.monotonic() - began))

    async def _open(self, ticket_id: str) -> None:
        ticket = ticket_of(self._views, ticket_id)
        if ticket is None:
            return
        texts = texts_of(ticket, lambda other: ticket_of(self._views, other))
        words = await self._vault.open_texts(texts.sealed)
        self._views.tickets.put_words(ticket_id, self._views, texts.mark, words)

    def _later(self, damaged: dict[str, BaseException]) -> None:
        for ticket_id, error in damaged.items():
            text = "%s cannot be found by its sealed words: %s; tried again in %.0f s"
            log.error(text, ticket_id, error, DAMAGED_S, exc_info=None if isinstance(error, ConnectorError) else error)
        if damaged:
            put_back = self._views.tickets.unopened.put_back
            asyncio.get_running_loop().call_later(DAMAGED_S, put_back, tuple(damaged))

    async def _run(self) -> None:
        while True:
            await self._views.tickets.unopened.wait()
            try:
                await self.work()
            except Transient as error:
                log.warning("sealed words wait to be indexed: %s; again in %.0f s", error, AWAY_S)
                await asyncio.sleep(AWAY_S)
            except Exception:
                # The search must not go blind for good because of one bug.
                log.exception("sealed words wait to be indexed; again in %.0f s", AWAY_S)
                await asyncio.sleep(AWAY_S)
