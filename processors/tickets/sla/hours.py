"""The hours that workspaces set themselves, and which hours each run of a clock is measured by. Pure."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import get_args

import orjson

from processors.tickets.calendars import Calendar, CalendarError, OpeningHours
from processors.tickets.lifecycle import CLOCKS
from processors.tickets.sla.policy import ALWAYS, SlaPolicy
from schemas.core.ids import WorkspaceId
from schemas.sla import ClockRun, ClocksView
from schemas.workspaces import Weekday, WorkingHours, WorkspaceView

HoursOf = Callable[[WorkspaceId], Awaitable[WorkingHours | None]]
"""Asks for the hours that a workspace has set by now; None when it has set none."""


class WorkspaceHours:
    """Hours of workspaces, folded out of the views of access. Of two versions the higher one counts."""

    def __init__(self) -> None:
        self._known: dict[WorkspaceId, tuple[int, WorkingHours]] = {}
        self.unreadable = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take one record of the views of access if it is a workspace's; one that cannot be read is only counted."""
        if key is None or value is None or not key.startswith(b"W-"):
            return
        try:
            record = orjson.loads(value)
            version, view = int(record["version"]), WorkspaceView.model_validate(record["state"])
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        known = self._known.get(view.workspace_id)
        if known is None or version >= known[0]:
            self._known[view.workspace_id] = version, view.settings.hours

    def of(self, workspace: WorkspaceId) -> WorkingHours | None:
        """Return what a workspace has set; None when it has set nothing."""
        known = self._known.get(workspace)
        return known[1] if known is not None else None


def hours_for(hours: WorkingHours | None, at: datetime) -> WorkingHours | None:
    """Return hours by which a run that starts ``at`` can be measured; None when these cannot: the policy's are used.

    A workspace that has named no hours yet, or a country without known holidays, must not stop the clocks.
    """
    if hours is None or not any(hours.week.values()):
        return None
    try:
        _calendar(hours).add_business(at, timedelta(seconds=1))
    except CalendarError:
        return None
    return hours


def calendar_of(run: ClockRun, workspace: WorkspaceId, policy: SlaPolicy) -> Calendar:
    """Return what a run counts: a customer's day and night, others the hours it began under, else the policy's."""
    if CLOCKS[run.clock][0] == "customer":
        return ALWAYS
    return policy.opening_of(workspace) if run.hours is None else _calendar(run.hours)


def opening_of(view: ClocksView, policy: SlaPolicy) -> Calendar:
    """Return when the shop of a ticket is open: by the hours of its newest run that has some, else by the policy."""
    set_by_shop = next((run.hours for run in reversed(view.runs) if run.hours is not None), None)
    return policy.opening_of(view.workspace_id) if set_by_shop is None else _calendar(set_by_shop)


def _calendar(hours: WorkingHours) -> Calendar:
    return _calendar_of_text(hours.model_dump_json())


@lru_cache(maxsize=256)
def _calendar_of_text(text: str) -> Calendar:
    """Equal hours share one calendar, and with it the days that were worked out. (Hours have no hash of their own.)"""
    hours = WorkingHours.model_validate_json(text)
    week = {
        number: tuple((one.opens, one.closes) for one in hours.week.get(day, ()))
        for number, day in enumerate(get_args(Weekday))
    }
    return Calendar(OpeningHours(week, hours.time_zone, frozenset(hours.closed), hours.country))
