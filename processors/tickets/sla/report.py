"""The clocks of a ticket as people read them. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from processors.tickets.lifecycle import CLOCKS, STATES
from processors.tickets.sla.clocks import PAUSING_HOLDS, reason_of_pause
from processors.tickets.sla.hours import calendar_of, opening_of
from processors.tickets.sla.measure import elapsed, intervals, reaches
from processors.tickets.sla.policy import SlaPolicy
from schemas.sla import ClockReport, ClockRun, ClocksReport, ClocksView, Stay
from schemas.tickets import TERMINAL_STATES, TicketState

OUTSIDE: frozenset[TicketState] = frozenset({"draft", "booked", "ready", *TERMINAL_STATES})
"""States in which the customer does not wait for the repair: before hand-in, and once it can be collected."""


def report(view: ClocksView, now: datetime, policy: SlaPolicy) -> ClocksReport:
    """Return how the clocks of a ticket stand at ``now``."""
    opening = opening_of(view, policy)
    waited = shops = timedelta(0)
    for stay, until in _stays(view, now):
        if stay.state in OUTSIDE or until <= stay.entered_at:
            continue
        waited += until - stay.entered_at
        if stay.hold not in PAUSING_HOLDS and _is_shops(stay.state):
            shops += opening.business_between(stay.entered_at, until)
    last = view.stays[-1]
    return ClocksReport(
        ticket_id=view.ticket_id,
        measured_at=now,
        state=last.state,
        hold=last.hold,
        clocks=tuple(_clock(run, view, now, policy) for run in view.runs),
        customer_elapsed_s=int(waited.total_seconds()),
        shop_controllable_s=int(shops.total_seconds()),
    )


def _stays(view: ClocksView, now: datetime) -> Iterator[tuple[Stay, datetime]]:
    ends = [min(stay.entered_at, now) for stay in view.stays[1:]] + [now]
    yield from zip(view.stays, ends, strict=True)


def _is_shops(state: TicketState) -> bool:
    return any(CLOCKS[clock][0] == "shop" for clock in STATES[state].clocks)


def _clock(run: ClockRun, view: ClocksView, now: datetime, policy: SlaPolicy) -> ClockReport:
    calendar = calendar_of(run, view.workspace_id, policy)
    used = int(elapsed(run, now, calendar).total_seconds())
    ends = run.stopped_at is not None
    return ClockReport(
        clock=run.clock,
        whose=CLOCKS[run.clock][0],
        run=run.run,
        status="stopped" if ends else "paused" if reason_of_pause(run) is not None else "running",
        target_s=run.target_s,
        elapsed_s=used,
        left_s=None if run.target_s is None else max(0, run.target_s - used),
        started_at=run.started_at,
        stopped_at=run.stopped_at,
        warn_at=None if ends else reaches(run, policy.warn_at, calendar),
        due_at=None if ends else reaches(run, 1, calendar),
        warned_at=run.warned_at,
        breached_at=run.breached_at,
        met_at=run.met_at,
        intervals=tuple(intervals(run)),
    )
