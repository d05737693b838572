"""Durable timers: the owner of an aggregate is asked to state what has fallen due, once for each due moment.

What is due follows from the state, so that a kill, a rebalance or a day of standstill loses nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import uuid5

from connectors.bus.app import App
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Command

LOOK_EVERY_S = 2.0
SETTLED_AFTER = timedelta(seconds=15)
"""A command and the moment it beats may come in any order within this time; the engine asks for the ends of its
partitions every five seconds."""


class Looks:
    """The timer of one kind of aggregate. ``name`` makes the ids of its commands, ``command(key, as_of)`` one."""

    def __init__(self, app: App, name: str, command: Callable[[str, datetime], Command]) -> None:
        self._app = app
        self._name = name
        self._command = command
        self._asked: dict[str, datetime] = {}

    def as_of(self) -> datetime | None:
        """Return until when things can have fallen due; None while there is something to read.

        After a day of standstill the events of that day come first: they may have stopped what seems due.
        """
        engine = self._app.engine
        if engine is None or any(one.lag != 0 for one in engine.standing()):
            return None
        return self._app.wall_clock.now() - SETTLED_AFTER

    async def ask(self, fallen: Iterable[tuple[str, datetime]], as_of: datetime) -> None:
        """Send a command for each key with something due since a moment, unless it was sent already."""
        due = dict(fallen)
        for key, since in due.items():
            if self._asked.get(key) != since:
                # The same look has the same id, so a worker that looks again after a restart changes nothing.
                look = uuid5(NAMESPACE, f"{self._name}/{key}/{since.isoformat()}")
                await self._app.tell(self._command(key, as_of), correlation_id=key, id=look)
        self._asked = due
