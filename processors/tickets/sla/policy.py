"""What a shop promises: targets by workspace, category and priority, and the hours that count. Data in a TOML file."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from processors.tickets.calendars import Calendar, CalendarError, OpeningHours
from schemas.core.ids import WorkspaceId
from schemas.devices import DeviceCategory
from schemas.sla import ClockName, Priority

SHIPPED = Path(__file__).parent / "policy.toml"
ALWAYS = Calendar(OpeningHours({day: ((time(0), time(0)),) for day in range(7)}))
"""Day and night: the time of customers, who have no opening hours."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PAIR = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
Hours = Annotated[float, Field(ge=0, le=100_000)]
Targets = dict[ClockName, Hours]
Pairs = tuple[str, ...]


class PolicyError(ValueError):
    """A policy file that cannot be read; the message names the place and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Part):
    """Other targets for the tickets that fit all that is named."""

    workspace: WorkspaceId | None = None
    category: DeviceCategory | None = None
    priority: Priority | None = None
    targets: Targets

    def fits(self, workspace: WorkspaceId, category: DeviceCategory, priority: Priority) -> bool:
        """Whether the rule is about such a ticket."""
        return (
            self.workspace in (None, workspace)
            and self.category in (None, category)
            and self.priority in (None, priority)
        )


class Week(_Part):
    """Opening hours as they are written down: pairs like ``09:00-12:30`` for each day."""

    time_zone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None
    closed: tuple[date, ...] = ()
    monday: Pairs = ()
    tuesday: Pairs = ()
    wednesday: Pairs = ()
    thursday: Pairs = ()
    friday: Pairs = ()
    saturday: Pairs = ()
    sunday: Pairs = ()

    @field_validator(*_WEEKDAYS)
    @classmethod
    def _written_well(cls, pairs: Pairs) -> Pairs:
        for pair in pairs:
            _times(pair)
        return pairs

    def opening_hours(self) -> OpeningHours:
        """Return the hours as the calendar takes them."""
        week = {day: tuple(map(_times, getattr(self, name))) for day, name in enumerate(_WEEKDAYS)}
        return OpeningHours(week, self.time_zone, frozenset(self.closed), self.country, self.subdivision)


class SlaPolicy(_Part):
    """Targets and opening hours of all workspaces of a shop."""

    warn_at: float = Field(default=0.8, gt=0, lt=1)
    targets: Targets
    rules: tuple[Rule, ...] = ()
    hours: Mapping[str, Week]

    @field_validator("hours")
    @classmethod
    def _with_a_default(cls, hours: Mapping[str, Week]) -> Mapping[str, Week]:
        if "default" not in hours:
            raise ValueError("there is no section [hours.default]; it serves every workspace without its own")
        return hours

    @classmethod
    def load(cls, own: Path) -> "SlaPolicy":
        """Return the shop's own policy, or, when there is no such file, the one that comes with the house.

        Raises:
            PolicyError: the file cannot be read.
        """
        path = own if own.exists() else SHIPPED
        try:
            policy = cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
            _ = policy.calendars
        except (tomllib.TOMLDecodeError, ValidationError, CalendarError) as error:
            raise PolicyError(f"{path}: {error}; mend it, or remove it to use the one that comes with us") from error
        return policy

    @cached_property
    def calendars(self) -> Mapping[str, Calendar]:
        """The calendar of each workspace that has hours of its own, and the default."""
        return {name: Calendar(week.opening_hours()) for name, week in self.hours.items()}

    def opening_of(self, workspace: WorkspaceId) -> Calendar:
        """Return the calendar of a workspace that has set no hours itself."""
        return self.calendars.get(workspace, self.calendars["default"])

    def target_s(
        self, clock: ClockName, workspace: WorkspaceId, category: DeviceCategory, priority: Priority
    ) -> int | None:
        """Return the target of a clock in seconds; None when it has none and is only measured."""
        hours = self.targets.get(clock, 0.0)
        for rule in self.rules:
            if clock in rule.targets and rule.fits(workspace, category, priority):
                hours = rule.targets[clock]
        return round(hours * 3600) or None


def _times(pair: str) -> tuple[time, time]:
    """Read ``09:00-17:30``; ``24:00`` is the end of the day.

    Raises:
        ValueError: anything else.
    """
    found = _PAIR.fullmatch(pair)
    if found is None:
        raise ValueError(f"{pair!r}: write hours as 09:00-17:30")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    if (to_hour, to_minute) == (24, 0):
        to_hour = 0
    if from_hour > 23 or to_hour > 23:
        raise ValueError(f"{pair!r}: hours go from 00:00 to 24:00")
    return time(from_hour, from_minute), time(to_hour, to_minute)
