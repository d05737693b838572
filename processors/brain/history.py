"""What was repaired on a device before: what technicians found, folded out of the histories of devices."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import orjson

from schemas.device_history import DeviceHistoryView, DeviceVisit, device_id
from schemas.diagnoses import DiagnoseFault, EarlierRepair

EARLIER_MOST = 50


class History:
    """Earlier repairs by device. ``catch_up`` reads what is new of the devices' views into :meth:`take`.

    Held is no more than the visits that ended with a named fault: most devices come once.
    """

    def __init__(self, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._catch_up = catch_up
        self._visits: dict[str, tuple[int, tuple[DeviceVisit, ...]]] = {}
        self.unreadable = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record of the views; one that cannot be read is counted and left out."""
        name = (key or b"").decode("utf-8", "replace")
        if value is None:
            self._visits.pop(name, None)
            return
        try:
            data = orjson.loads(value)
            version, view = int(data["version"]), DeviceHistoryView.model_validate(data["state"])
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        if name in self._visits and version < self._visits[name][0]:
            return  # a frozen former owner writes late
        told = tuple(one for one in view.visits if one.fault_family)
        if told:
            self._visits[name] = (version, told)
        else:
            self._visits.pop(name, None)

    async def before(self, question: DiagnoseFault, now: datetime) -> tuple[EarlierRepair, ...]:
        """Return the device's repairs that had ended by ``now``, the newest first; what the question names stands.

        Raises:
            Transient: the log does not answer.
        """
        workspace_id = question.workspace_id
        name = None if workspace_id is None else device_id(workspace_id, question.device)
        if question.earlier or name is None:
            return question.earlier
        await self._catch_up()
        found = [
            EarlierRepair(fault_family=one.fault_family, outcome=one.outcome, days_ago=(now - one.closed_at).days)
            for one in self._visits.get(name, (0, ()))[1]
            if one.ticket_id != question.ticket_id and one.fault_family and one.closed_at and one.closed_at <= now
        ]
        return tuple(sorted(found, key=lambda one: one.days_ago)[:EARLIER_MOST])
