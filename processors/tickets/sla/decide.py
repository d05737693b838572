"""What the clocks of a ticket answer to a change of it, and to the time. Pure and total."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import uuid5

from processors.tickets.lifecycle import CLOCKS
from processors.tickets.sla.clocks import changes_of
from processors.tickets.sla.hours import calendar_of, hours_for
from processors.tickets.sla.measure import elapsed, reaches
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.state import evolve
from schemas.core.envelope import NAMESPACE
from schemas.core.ids import DEFAULT_WORKSPACE
from schemas.core.message import Event, Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.sla import (
    CheckClocks,
    ClockChange,
    ClockRun,
    ClocksTracked,
    ClocksView,
    SlaBreached,
    SlaMet,
    SlaWarned,
    TrackClocks,
)
from schemas.workspaces import WorkingHours

Verdict = SlaWarned | SlaBreached | SlaMet


def decide(command: Message, view: ClocksView | None, policy: SlaPolicy, hours: WorkingHours | None = None) -> Outcome:
    """Answer a command about one ticket's clocks. What fell due before the command is stated before it, in order.

    ``hours`` are those that the ticket's workspace has set; runs that start now keep them.
    """
    match command:
        case TrackClocks():
            return _track(command, view, policy, hours)
        case CheckClocks():
            due = list(due_until(view, command.looked_at, policy)) if view is not None else []
            return _emit(due) if due else Drop("nothing_due")
        case _:
            return Reject("unknown_command", f"the clocks do not handle {command.TYPE}")


def due_until(view: ClocksView, until: datetime, policy: SlaPolicy) -> Iterator[Verdict]:
    """Yield the warnings and breaches that are due by ``until`` and not stated yet, in the order of their times."""
    for at, clock, run, share in sorted(_open_dues(view, policy), key=lambda due: due[:3]):
        if at <= until:
            kind = SlaBreached if share == 1 else SlaWarned
            yield _verdict(kind, view, _run(view, clock, run), at, policy)


def next_due(view: ClocksView, policy: SlaPolicy) -> datetime | None:
    """Return when the next warning or breach is due as things stand; None when nothing runs."""
    return min((at for at, *_ in _open_dues(view, policy)), default=None)


def _open_dues(view: ClocksView, policy: SlaPolicy) -> Iterator[tuple[datetime, str, int, float]]:
    for run in view.runs:
        if run.stopped_at is not None or run.target_s is None:
            continue
        calendar = calendar_of(run, view.workspace_id, policy)
        for share, stated in ((policy.warn_at, run.warned_at), (1.0, run.breached_at)):
            if stated is None and (at := reaches(run, share, calendar)) is not None:
                yield at, run.clock, run.run, share


def _track(command: TrackClocks, view: ClocksView | None, policy: SlaPolicy, hours: WorkingHours | None) -> Outcome:
    if view is None and command.state is None:
        return Reject("unknown_ticket", f"the clocks of {command.ticket_id} were never begun; its opening is missing")
    known = _known(command, view)
    if view is not None and known == _known(None, view):
        return Drop("no_change")
    at = max(command.changed_at, view.stays[-1].entered_at) if view is not None else command.changed_at
    due = list(due_until(view, at, policy)) if view is not None else []
    before = _folded(view, due)
    fixed = hours_for(hours, at)
    changes = tuple(_fixed(change, known, policy, fixed) for change in changes_of(before, known.state, known.hold))
    tracked = known.model_copy(update={"changes": changes, "tracked_at": at})
    after = evolve(before, tracked)
    return _emit([*due, tracked, *_met(before, after, policy)])


def _known(command: TrackClocks | None, view: ClocksView | None) -> ClocksTracked:
    """Return what is known of the ticket, with what the command says; times and changes are not filled in."""
    last = view.stays[-1] if view is not None else None
    said = command.model_dump(exclude_none=True, exclude={"changed_at", "ticket_id"}) if command is not None else {}
    base = {
        "ticket_id": view.ticket_id if view is not None else command.ticket_id if command is not None else "",
        "workspace_id": view.workspace_id if view is not None else DEFAULT_WORKSPACE,
        "category": view.category if view is not None else "other",
        "priority": view.priority if view is not None else "normal",
        "state": last.state if last is not None else None,
        "hold": last.hold if last is not None else "none",
        "tracked_at": last.entered_at if last is not None else command.changed_at if command is not None else None,
    }
    return ClocksTracked.model_validate(base | said)


def _fixed(change: ClockChange, known: ClocksTracked, policy: SlaPolicy, hours: WorkingHours | None) -> ClockChange:
    """Give a run that starts what it is measured by until it ends, whatever is promised or set later."""
    if change.change != "started":
        return change
    target = policy.target_s(change.clock, known.workspace_id, known.category, known.priority)
    customers = CLOCKS[change.clock][0] == "customer"
    return change.model_copy(update={"target_s": target, "hours": None if customers else hours})


def _met(before: ClocksView | None, after: ClocksView, policy: SlaPolicy) -> Iterator[SlaMet]:
    open_before = {(run.clock, run.run) for run in before.runs if run.stopped_at is None} if before is not None else ()
    for run in after.runs:
        ended = run.stopped_at is not None and (run.clock, run.run) in open_before
        if ended and run.target_s is not None and run.breached_at is None and run.stopped_at is not None:
            met = _verdict(SlaMet, after, run, run.stopped_at, policy)
            assert isinstance(met, SlaMet)
            yield met


def _verdict(kind: type[Verdict], view: ClocksView, run: ClockRun, at: datetime, policy: SlaPolicy) -> Verdict:
    used = elapsed(run, at, calendar_of(run, view.workspace_id, policy))
    values = {
        "ticket_id": view.ticket_id,
        "workspace_id": view.workspace_id,
        "clock": run.clock,
        "run": run.run,
        "target_s": run.target_s,
        "elapsed_s": int(used.total_seconds()),
        "warned_at": at,
        "breached_at": at,
        "met_at": at,
        "ended_by": view.stays[-1].state,
    }
    return kind.model_validate(values)


def _run(view: ClocksView, clock: str, number: int) -> ClockRun:
    return next(run for run in view.runs if (run.clock, run.run) == (clock, number))


def _folded(view: ClocksView | None, events: Iterable[Event]) -> ClocksView | None:
    for event in events:
        view = evolve(view, event)
    return view


def _emit(events: Iterable[Event]) -> Emit:
    """Return the events. Each verdict on a run has one id for ever, however often and from wherever it is stated."""
    return Emit.with_ids(
        (
            event,
            uuid5(NAMESPACE, f"sla/{event.ticket_id}/{event.clock}/{event.run}/{event.TYPE}")
            if isinstance(event, SlaWarned | SlaBreached | SlaMet)
            else None,
        )
        for event in events
    )
