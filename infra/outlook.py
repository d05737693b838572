"""What the forecasts need of the house beside the warehouse: the days on which a workspace is closed."""

from datetime import UTC, date, datetime, time, timedelta

from connectors.bus.cluster import Cluster
from connectors.bus.lookup import LogFollower
from processors.tickets.calendars import Calendar, CalendarError, OpeningHours
from processors.tickets.sla.hours import WorkspaceHours
from schemas.core.ids import WorkspaceId
from schemas.workspaces import WorkingHours
from topics.access import ACCESS_VIEWS

KNOWN_WITHIN_S = 60.0
ALL_DAY = ((time(), time()),)


class HolidayBook:
    """Follows what workspaces say of their hours. A workspace that has said nothing has no days off."""

    def __init__(self, cluster: Cluster) -> None:
        self._hours = WorkspaceHours()
        self._follower = LogFollower(
            cluster, "noizylab-analytics-hours", (ACCESS_VIEWS,), lambda one: self._hours.take(one.key, one.value)
        )

    async def days_off(self, workspace: WorkspaceId, first: date, last: date) -> frozenset[date]:
        """Return the holidays and single closed days of a workspace from ``first`` to ``last``, both included.

        Raises:
            Transient: the log does not answer.
        """
        await self._follower.catch_up(within_s=KNOWN_WITHIN_S)
        hours = self._hours.of(workspace)
        return frozenset() if hours is None else closed_days(hours, first, last)

    async def close(self) -> None:
        """Stop following."""
        await self._follower.close()


def closed_days(hours: WorkingHours, first: date, last: date) -> frozenset[date]:
    """Return the days that are closed whatever their weekday; none when the country's holidays are not known."""
    try:
        calendar = Calendar(
            OpeningHours(dict.fromkeys(range(7), ALL_DAY), closed=frozenset(hours.closed), country=hours.country)
        )
    except CalendarError:
        return frozenset()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return frozenset(day for day in days if not calendar.is_open(datetime.combine(day, time(12), UTC)))
