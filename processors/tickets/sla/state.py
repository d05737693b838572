"""How the events of clocks add up to a ticket's clocks. Pure and total."""

from datetime import datetime

from schemas.core.message import Event
from schemas.sla import (
    ClockChange,
    ClockPause,
    ClockRun,
    ClocksTracked,
    ClocksView,
    SlaBreached,
    SlaMet,
    SlaWarned,
    Stay,
)


def evolve(view: ClocksView | None, event: Event) -> ClocksView:
    """Return the clocks after ``event``. One about a run that is not known changes nothing.

    Raises:
        ValueError: the first event of a ticket's clocks is not that they are tracked; the log is not complete.
    """
    match event:
        case ClocksTracked():
            return _tracked(view, event)
        case SlaWarned() if view is not None:
            return _marked(view, event, "warned_at", event.warned_at)
        case SlaBreached() if view is not None:
            return _marked(view, event, "breached_at", event.breached_at)
        case SlaMet() if view is not None:
            return _marked(view, event, "met_at", event.met_at)
        case _ if view is not None:
            return view
        case _:
            raise ValueError(f"{event.TYPE} comes before the clocks were tracked; read the events from the start")


def _tracked(view: ClocksView | None, event: ClocksTracked) -> ClocksView:
    stay = Stay(state=event.state, hold=event.hold, entered_at=event.tracked_at)
    runs = view.runs if view is not None else ()
    for change in event.changes:
        runs = _changed(runs, change, event.tracked_at)
    return ClocksView(
        ticket_id=event.ticket_id,
        workspace_id=event.workspace_id,
        category=event.category,
        priority=event.priority,
        stays=(*(view.stays if view is not None else ()), stay),
        runs=runs,
    )


def _changed(runs: tuple[ClockRun, ...], change: ClockChange, at: datetime) -> tuple[ClockRun, ...]:
    if change.change == "started":
        begun = ClockRun(
            clock=change.clock, run=change.run, target_s=change.target_s, hours=change.hours, started_at=at
        )
        return (*runs, begun)
    return tuple(_after(run, change, at) if (run.clock, run.run) == (change.clock, change.run) else run for run in runs)


def _after(run: ClockRun, change: ClockChange, at: datetime) -> ClockRun:
    if change.change == "paused":
        return run.model_copy(update={"pauses": (*run.pauses, ClockPause(paused_at=at, why=change.why))})
    ended = tuple(
        one if one.resumed_at is not None else one.model_copy(update={"resumed_at": at}) for one in run.pauses
    )
    if change.change == "resumed":
        return run.model_copy(update={"pauses": ended})
    return run.model_copy(update={"pauses": ended, "stopped_at": at})


def _marked(view: ClocksView, event: SlaWarned | SlaBreached | SlaMet, field: str, at: datetime) -> ClocksView:
    return view.model_copy(
        update={
            "runs": tuple(
                run.model_copy(update={field: at}) if (run.clock, run.run) == (event.clock, event.run) else run
                for run in view.runs
            )
        }
    )
