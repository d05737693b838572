"""Tells how far a diagnosis has come, in the background: nothing waits for it and nothing fails because of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from connectors.clock.clock import Clock
from connectors.llm.port import PartialSuggestion, plain
from schemas.progress import DiagnosisProgressed, SuspectedFault

_LOG = logging.getLogger(__name__)


class Reporter:
    """Writes the newest state of each ticket. While one is being written, older ones of a ticket give way to newer."""

    def __init__(self, write: Callable[[DiagnosisProgressed], Awaitable[None]], engine: str, clock: Clock) -> None:
        self._write, self._engine, self._clock = write, engine, clock
        self._newest: dict[str, DiagnosisProgressed] = {}
        self._task: asyncio.Task[None] | None = None

    def tell(self, ticket_id: str, partial: PartialSuggestion) -> None:
        """Note a partial answer; returns at once."""
        try:
            self._newest[ticket_id] = self._event(ticket_id, partial)
        except ValueError as error:  # a family's code that is none yet, because it is still being written
            _LOG.debug("partial answer not told: %s", error)
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="brain-progress")

    async def drained(self) -> None:
        """Return when everything noted so far is written or given up."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _drain(self) -> None:
        while self._newest:
            ticket_id = next(iter(self._newest))
            event = self._newest.pop(ticket_id)
            try:
                await self._write(event)
            except Exception as error:  # noqa: BLE001  whatever becomes of news, the diagnosis goes on
                _LOG.warning("progress not told", extra={"ticket_id": ticket_id, "reason": repr(error)})

    def _event(self, ticket_id: str, partial: PartialSuggestion) -> DiagnosisProgressed:
        return DiagnosisProgressed(
            ticket_id=ticket_id,
            stage=partial.stage,
            summary=plain(partial.summary)[:600],
            faults=tuple(SuspectedFault(family=family, probability=share) for family, share in partial.faults[:8]),
            looking_up=plain(partial.looking_up)[:200],
            engine=self._engine,
            progressed_at=self._clock.now(),
        )
