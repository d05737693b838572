"""Which clocks a state and a hold let run, and what a change of them does to the clocks of a ticket. Pure."""

from collections.abc import Iterator, Mapping

from processors.tickets.lifecycle import CLOCKS, STATES
from schemas.sla import ClockChange, ClockName, ClockRun, ClocksView
from schemas.tickets import Hold, TicketState

PAUSED_IN: Mapping[ClockName, frozenset[TicketState]] = {
    "diagnose": frozenset({"blocked_lock"}),
    "quote_turnaround": frozenset({"blocked_lock"}),
    "repair": frozenset({"diagnosing", "quoted", "awaiting_deposit", "awaiting_parts", "outsourced"}),
}
"""States that only interrupt a clock. A run that has begun goes on after them; every other state without it ends it."""
PAUSING_HOLDS: frozenset[Hold] = frozenset({"customer", "supplier", "legal"})
"""A hold for reasons of the shop's own is the shop's time."""


def changes_of(view: ClocksView | None, state: TicketState, hold: Hold) -> Iterator[ClockChange]:
    """Yield what becomes of each clock when a ticket enters ``state`` under ``hold``; runs that start have no target.

    At the change from one pause to another the clock goes on for no time, so that each pause keeps its own reason.
    """
    for clock in CLOCKS:
        runs = runs_of(view, clock)
        current = runs[-1] if runs and runs[-1].stopped_at is None else None
        wanted = clock in STATES[state].clocks
        here = f"in_{state}"
        number = len(runs)
        if current is None:
            if not wanted:
                continue
            number += 1
            yield ClockChange(clock=clock, run=number, change="started", why=here)
        elif not wanted and state not in PAUSED_IN.get(clock, ()):
            yield ClockChange(clock=clock, run=number, change="stopped", why=here)
            continue
        pause = f"hold_{hold}" if hold in PAUSING_HOLDS else None if wanted else here
        before = reason_of_pause(current)
        if before is not None and pause != before:
            yield ClockChange(clock=clock, run=number, change="resumed", why=here)
        if pause is not None and pause != before:
            yield ClockChange(clock=clock, run=number, change="paused", why=pause)


def runs_of(view: ClocksView | None, clock: ClockName) -> list[ClockRun]:
    """Return the runs of one clock, oldest first."""
    return [run for run in view.runs if run.clock == clock] if view is not None else []


def reason_of_pause(run: ClockRun | None) -> str | None:
    """Return why a run stands still, or None when it does not."""
    last = run.pauses[-1] if run is not None and run.pauses else None
    return last.why if last is not None and last.resumed_at is None else None
