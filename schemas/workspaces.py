"""The workspace: one shop with its settings. Its members are users, its hours are what service clocks run by."""

from datetime import date, time
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from schemas.core.ids import WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
"""In the order of ``datetime.weekday()``, so that a weekday's number is its place here."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone; use a name like 'Europe/Amsterdam'") from error
    return name


TimeZone = Annotated[str, StringConstraints(max_length=60), AfterValidator(_known_zone)]
"""A name of the IANA time zone database."""


class Opening(Value):
    """One stretch of a day, in local wall time: from ``opens``, and up to but without ``closes``."""

    opens: time
    closes: time

    @field_validator("opens", "closes")
    @classmethod
    def _wall_time(cls, at: time) -> time:
        if at.tzinfo is not None:
            raise ValueError("give wall time without an offset; the zone is in time_zone")
        return at

    @field_validator("closes")
    @classmethod
    def _after_it_opens(cls, closes: time, info: ValidationInfo) -> time:
        opens = info.data.get("opens")
        if opens is not None and closes <= opens:
            raise ValueError(f"closes at {closes:%H:%M}, which is not after {opens:%H:%M}; split a night at midnight")
        return closes


class WorkingHours(Value):
    """When a shop works. A weekday that is not named is closed; so is a public holiday of ``country``."""

    time_zone: TimeZone = "UTC"
    country: Country | None = Field(default=None, description="Whose public holidays are closed; none without it.")
    week: dict[Weekday, tuple[Opening, ...]] = Field(default_factory=dict)
    closed: tuple[date, ...] = Field(default=(), max_length=366, description="Days off besides the public holidays.")

    @field_validator("week")
    @classmethod
    def _in_order(cls, week: dict[Weekday, tuple[Opening, ...]]) -> dict[Weekday, tuple[Opening, ...]]:
        for day, openings in week.items():
            for before, after in pairwise(openings):
                if after.opens < before.closes:
                    raise ValueError(f"{day}: {after.opens:%H:%M} is before {before.closes:%H:%M}; name hours in order")
        return week


class WorkspaceSettings(Value):
    """What a shop sets about itself."""

    name: ShortText = Field(min_length=1)
    hours: WorkingHours = Field(default_factory=WorkingHours)
    benches: tuple[ShortText, ...] = Field(default=(), max_length=100)
    ticket_prefix: str | None = Field(
        default=None, pattern=r"^[A-Z]{2,5}$", description="Begins the numbers that people call tickets by."
    )


WorkspaceAccessId = Annotated[str, StringConstraints(pattern=r"^W-[a-z0-9][a-z0-9-]{0,38}$")]
"""``W-`` and the workspace's id: its key among what is about access."""


class CreateWorkspace(Command):
    """Open a workspace."""

    TYPE: ClassVar[str] = "noizylab.workspace.create.v1"

    access_id: WorkspaceAccessId
    workspace_id: WorkspaceId
    settings: WorkspaceSettings
    by: ShortText


class AmendWorkspace(Command):
    """Give a workspace other settings, all of them."""

    TYPE: ClassVar[str] = "noizylab.workspace.amend.v1"

    access_id: WorkspaceAccessId
    workspace_id: WorkspaceId
    settings: WorkspaceSettings
    by: ShortText


class WorkspaceCreated(Event):
    """There is a workspace."""

    TYPE: ClassVar[str] = "noizylab.workspace.created.v1"

    access_id: WorkspaceAccessId
    workspace_id: WorkspaceId
    settings: WorkspaceSettings
    by: ShortText
    created_at: UtcTime


class WorkspaceAmended(Event):
    """A workspace has these settings now."""

    TYPE: ClassVar[str] = "noizylab.workspace.amended.v1"

    access_id: WorkspaceAccessId
    workspace_id: WorkspaceId
    settings: WorkspaceSettings
    by: ShortText
    amended_at: UtcTime


class WorkspaceView(View):
    """A workspace as it is set now. The default one has a view only once it was amended."""

    TYPE: ClassVar[str] = "noizylab.workspace.view.v1"

    access_id: WorkspaceAccessId
    workspace_id: WorkspaceId
    settings: WorkspaceSettings
    amended_at: UtcTime
