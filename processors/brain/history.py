"""What was repaired on a device before: what technicians found, folded out of the histories of devices."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from connectors.bus.aggregate import Held
from connectors.bus.records import Fetched
from connectors.bus.restore import fold_view
from schemas.device_history import DeviceHistoryView, DeviceVisit, device_id
from schemas.diagnoses import DiagnoseFault, EarlierRepair
from topics.devices import DEVICE_VIEWS

EARLIER_MOST = 50


class History:
    """Earlier repairs by device. ``catch_up`` reads what is new of the devices' views into :meth:`take`.

    Held is no more than the visits that ended with a named fault: most devices come once.
    """

    def __init__(self, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._catch_up = catch_up
        self._visits: dict[str, tuple[int, tuple[DeviceVisit, ...]]] = {}

    def take(self, record: Fetched) -> None:
        """Take a record of the views."""
        if record.key is None:
            return
        name, read = record.key.decode(), dict[str, Held]()
        fold_view(DEVICE_VIEWS, record, read)
        held, known = read.get(name), self._visits.get(name)
        if held is not None and known is not None and held.version < known[0]:
            return  # a frozen former owner writes late
        self._visits.pop(name, None)
        view = held.state if held is not None else None
        told = tuple(one for one in view.visits if one.fault_family) if isinstance(view, DeviceHistoryView) else ()
        if held is not None and told:
            self._visits[name] = (held.version, told)

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
