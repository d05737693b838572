"""Service clocks of a ticket: how long each part may take, when that ran out, and whose time it was."""

from typing import ClassVar, Literal, get_args

from pydantic import Field

from schemas.core.ids import DEFAULT_WORKSPACE, Code, TicketId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.time import UtcTime
from schemas.devices import DeviceCategory
from schemas.tickets import Hold, TicketState
from schemas.workspaces import WorkingHours

ClockName = Literal[
    "first_response", "diagnose", "quote_turnaround", "customer_decision", "parts", "repair", "pickup"
]  # fmt: skip
CLOCK_NAMES: tuple[ClockName, ...] = get_args(ClockName)
Party = Literal["shop", "customer", "supplier"]
Priority = Literal["low", "normal", "high", "urgent"]


class TrackClocks(Command):
    """Something about a ticket that its clocks go by has changed at ``changed_at``; what is None stayed as it was."""

    TYPE: ClassVar[str] = "noizylab.sla.track.v1"

    ticket_id: TicketId
    changed_at: UtcTime
    state: TicketState | None = None
    hold: Hold | None = None
    workspace_id: WorkspaceId | None = None
    category: DeviceCategory | None = None
    priority: Priority | None = None


class CheckClocks(Command):
    """State what has fallen due until ``looked_at``; a timer sends it when something has."""

    TYPE: ClassVar[str] = "noizylab.sla.check.v1"

    ticket_id: TicketId
    looked_at: UtcTime


class ClockChange(Value):
    """One clock started, was paused, went on or stopped. ``run`` counts the runs of this clock on this ticket from 1.

    ``why`` names a state (``in_awaiting_parts``) or a hold (``hold_customer``). ``target_s``, given at the start, is
    what the run is held to, in seconds of open time; None: it is only measured. ``hours``, given at the start as well,
    are the workspace's own, which count as open for the whole run; None: those of the policy.
    """

    clock: ClockName
    run: int = Field(ge=1)
    change: Literal["started", "paused", "resumed", "stopped"]
    why: Code
    target_s: int | None = Field(default=None, ge=1)
    hours: WorkingHours | None = None


class ClocksTracked(Event):
    """From ``tracked_at`` on the ticket is in this state and hold; the clocks changed accordingly."""

    TYPE: ClassVar[str] = "noizylab.sla.tracked.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    category: DeviceCategory = "other"
    priority: Priority = "normal"
    state: TicketState
    hold: Hold = "none"
    changes: tuple[ClockChange, ...] = ()
    tracked_at: UtcTime


class SlaWarned(Event):
    """A clock has used up so much of its target that somebody should look. ``elapsed_s``: open time until then."""

    TYPE: ClassVar[str] = "noizylab.sla.warned.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    clock: ClockName
    run: int = Field(ge=1)
    target_s: int = Field(ge=1)
    elapsed_s: int = Field(ge=0)
    warned_at: UtcTime


class SlaBreached(Event):
    """A clock has reached its target and still runs: what it times is late from then on."""

    TYPE: ClassVar[str] = "noizylab.sla.breached.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    clock: ClockName
    run: int = Field(ge=1)
    target_s: int = Field(ge=1)
    elapsed_s: int = Field(ge=0)
    breached_at: UtcTime


class SlaMet(Event):
    """A clock stopped before its target was reached. ``ended_by`` is the state that stopped it."""

    TYPE: ClassVar[str] = "noizylab.sla.met.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    clock: ClockName
    run: int = Field(ge=1)
    target_s: int = Field(ge=1)
    elapsed_s: int = Field(ge=0)
    ended_by: TicketState
    met_at: UtcTime


class Stay(Value):
    """A stretch of a ticket's life in one state and hold; it lasts until the next one begins."""

    state: TicketState
    hold: Hold = "none"
    entered_at: UtcTime


class ClockPause(Value):
    """A stretch in which a clock stood still; ``resumed_at`` None: it still does."""

    paused_at: UtcTime
    resumed_at: UtcTime | None = None
    why: Code


class ClockRun(Value):
    """One run of a clock: when it began, when it stood still, when it ended. When it is due follows from these."""

    clock: ClockName
    run: int = Field(ge=1)
    target_s: int | None = Field(default=None, ge=1)
    hours: WorkingHours | None = None
    started_at: UtcTime
    pauses: tuple[ClockPause, ...] = ()
    stopped_at: UtcTime | None = None
    warned_at: UtcTime | None = None
    breached_at: UtcTime | None = None
    met_at: UtcTime | None = None


class ClocksView(View):
    """The clocks of one ticket, with every run they had and every state the ticket was in."""

    TYPE: ClassVar[str] = "noizylab.sla.view.v1"

    ticket_id: TicketId
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE
    category: DeviceCategory = "other"
    priority: Priority = "normal"
    stays: tuple[Stay, ...] = Field(min_length=1)
    runs: tuple[ClockRun, ...] = ()


class ClockInterval(Value):
    """A stretch of a run. ``why`` is given for pauses; ``ended_at`` None: it lasts."""

    kind: Literal["running", "paused"]
    began_at: UtcTime
    ended_at: UtcTime | None = None
    why: Code | None = None


class ClockReport(Value):
    """One run of a clock as of a moment. Seconds are open time; ``warn_at`` and ``due_at`` are None while it stands."""

    clock: ClockName
    whose: Party
    run: int
    status: Literal["running", "paused", "stopped"]
    target_s: int | None = None
    elapsed_s: int
    left_s: int | None = None
    started_at: UtcTime
    stopped_at: UtcTime | None = None
    warn_at: UtcTime | None = None
    due_at: UtcTime | None = None
    warned_at: UtcTime | None = None
    breached_at: UtcTime | None = None
    met_at: UtcTime | None = None
    intervals: tuple[ClockInterval, ...]


class ClocksReport(Value):
    """The clocks of a ticket as of a moment.

    ``customer_elapsed_s``: seconds, day and night, from hand-in until the device is ready or the ticket has ended.
    ``shop_controllable_s``: of these, the open time in which the ticket waited for the shop itself and was not held.
    """

    ticket_id: TicketId
    measured_at: UtcTime
    state: TicketState
    hold: Hold
    clocks: tuple[ClockReport, ...]
    customer_elapsed_s: int
    shop_controllable_s: int
