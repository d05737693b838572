"""How much open time a run of a clock has used, and when it reaches a share of its target. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from processors.tickets.calendars import Calendar
from schemas.sla import ClockInterval, ClockRun


def intervals(run: ClockRun) -> Iterator[ClockInterval]:
    """Yield the stretches of a run in order, without gaps; those of no length are left out."""
    since = run.started_at
    for pause in run.pauses:
        if pause.paused_at > since:
            yield ClockInterval(kind="running", began_at=since, ended_at=pause.paused_at)
        until = pause.resumed_at or run.stopped_at
        if until is None or until > pause.paused_at:
            yield ClockInterval(kind="paused", began_at=pause.paused_at, ended_at=until, why=pause.why)
        if until is None:
            return
        since = until
    if run.stopped_at is None or run.stopped_at > since:
        yield ClockInterval(kind="running", began_at=since, ended_at=run.stopped_at)


def elapsed(run: ClockRun, at: datetime, calendar: Calendar) -> timedelta:
    """Return the open time that a run has used until ``at``."""
    total = timedelta(0)
    for part in intervals(run):
        if part.kind == "running" and part.began_at < at:
            total += calendar.business_between(part.began_at, min(part.ended_at or at, at))
    return total


def reaches(run: ClockRun, share: float, calendar: Calendar) -> datetime | None:
    """Return when a run reaches ``share`` of its target, as things stand; None when it stands still or ends before."""
    if run.target_s is None:
        return None
    left = timedelta(seconds=run.target_s) * share
    for part in intervals(run):
        if part.kind == "paused":
            continue
        if part.ended_at is None:
            return calendar.add_business(part.began_at, left)
        used = calendar.business_between(part.began_at, part.ended_at)
        if used >= left:
            return calendar.add_business(part.began_at, left)
        left -= used
    return None
