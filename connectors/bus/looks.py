"""Durable timers: the owner of an aggregate is asked to state what has fallen due, once for each due moment.

What is due follows from the state, so that a kill, a rebalance or a day of standstill loses nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from connectors.bus.aggregate import StateOf
from connectors.bus.app import App
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Command, View

LOOK_EVERY_S = 2.0
SETTLED_AFTER = timedelta(seconds=15)
"""A command and the moment it beats may come in any order within this time; the engine asks for the ends of its
partitions every five seconds."""


class Looks:
    """The timer of one kind of aggregate.

    ``name`` makes the ids of its commands. ``next_due(view)`` is when something falls due as things stand, or None;
    ``command(key, as_of)`` asks to state it.
    """

    def __init__(
        self,
        app: App,
        name: str,
        state: StateOf,
        next_due: Callable[[Any], datetime | None],
        command: Callable[[str, datetime], Command],
    ) -> None:
        self._app = app
        self._name = name
        self._state = state
        self._next_due = next_due
        self._command = command
        self._known: dict[str, tuple[View, datetime | None]] = {}
        self._asked: dict[str, datetime] = {}

    async def look(self) -> None:
        """Send a command for each key with something due, unless it was sent for the same moment already."""
        # After a day of standstill what came in on that day is first: it may have stopped what seems due.
        engine = self._app.engine
        if engine is None or any(one.lag != 0 for one in engine.standing()):
            return
        as_of = self._app.wall_clock.now() - SETTLED_AFTER
        fallen = dict(self.fallen(self._app.states(self._state), as_of))
        for key, since in fallen.items():
            if self._asked.get(key) != since:
                # The same look has the same id, so a worker that looks again after a restart changes nothing.
                look = uuid5(NAMESPACE, f"{self._name}/{key}/{since.isoformat()}")
                await self._app.tell(self._command(key, as_of), correlation_id=key, id=look)
        self._asked = fallen

    def fallen(self, views: Iterable[View], as_of: datetime) -> list[tuple[str, datetime]]:
        """Return the keys with something due by ``as_of``, and since when, the earliest first.

        When something is due is worked out again only after a view has changed.
        """
        known: dict[str, tuple[View, datetime | None]] = {}
        for view in views:
            key = str(getattr(view, self._state.view.key))
            before = self._known.get(key)
            known[key] = before if before is not None and before[0] is view else (view, self._next_due(view))
        self._known = known
        due = [(at, key) for key, (_, at) in known.items() if at is not None and at <= as_of]
        return [(key, at) for at, key in sorted(due)]
