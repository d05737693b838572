"""The clocks against one who stands beside them and counts minutes."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.tickets.calendars import Calendar, OpeningHours
from processors.tickets.lifecycle import CLOCKS, STATES
from processors.tickets.sla.clocks import PAUSED_IN
from processors.tickets.sla.decide import decide, next_due
from processors.tickets.sla.policy import SlaPolicy
from processors.tickets.sla.report import report
from processors.tickets.sla.state import evolve
from schemas.core.message import Command
from schemas.core.outcome import Drop, Emit, Reject
from schemas.sla import (
    CLOCK_NAMES,
    CheckClocks,
    ClockName,
    ClocksTracked,
    ClocksView,
    SlaBreached,
    SlaMet,
    SlaWarned,
    TrackClocks,
)
from schemas.tickets import TICKET_STATES, Hold

T = "T-0001"
START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
WEEK = {"time_zone": "Europe/Berlin", **dict.fromkeys(DAYS, ("09:00-12:00", "13:00-17:00"))}
HOURS: dict[str, Any] = {"default": WEEK}


def policy(**targets: float) -> SlaPolicy:
    return SlaPolicy.model_validate({"targets": targets, "hours": HOURS})


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


BERLIN = Calendar(OpeningHours({day: ((time(9), time(12)), (time(13), time(17))) for day in range(5)}, "Europe/Berlin"))
END = 4500
OPEN = [BERLIN.is_open(minutes(minute)) for minute in range(END + 1)]


class Ticket:
    """Commands in, verdicts and the view out, as the log would have them."""

    def __init__(self, rules: SlaPolicy) -> None:
        self.rules, self.view, self.said = rules, None, []
        self.view: ClocksView | None
        self.said: list[Any]

    def ask(self, command: Command) -> Any:
        outcome = decide(command, self.view, self.rules)
        if isinstance(outcome, Emit):
            for event in outcome.messages:
                self.view = evolve(self.view, event)
            self.said.extend(outcome.messages)
        return outcome

    def move(self, minute: float, state: Any = None, hold: Any = None) -> "Ticket":
        self.ask(TrackClocks(ticket_id=T, changed_at=minutes(minute), state=state, hold=hold))
        return self

    def look(self, minute: float) -> "Ticket":
        self.ask(CheckClocks(ticket_id=T, looked_at=minutes(minute)))
        return self

    def verdicts(self) -> list[tuple[str, str, int, datetime]]:
        return [_verdict(event) for event in self.said if not isinstance(event, ClocksTracked)]


def _verdict(event: Any) -> tuple[str, str, int, datetime]:
    kind = {SlaWarned: "warned", SlaBreached: "breached", SlaMet: "met"}[type(event)]
    return kind, event.clock, event.run, getattr(event, f"{kind}_at")


def counted(
    moves: list[tuple[int, Any, Any]], end: int, targets: dict[ClockName, int]
) -> Iterator[tuple[str, str, int, datetime]]:
    """The oracle: minute by minute, counters that go up by one. Knows of no intervals and adds no durations."""
    for clock, (whose, _) in CLOCKS.items():
        run = used = 0
        going = standing = warned = breached = False
        for minute in range(end + 1):
            if going and used >= targets[clock] * 0.8 and not warned:
                warned = True
                yield "warned", clock, run, minutes(minute)
            if going and used >= targets[clock] and not breached:
                breached = True
                yield "breached", clock, run, minutes(minute)
            for at, state, hold in moves:
                if at != minute:
                    continue
                wanted = clock in STATES[state].clocks
                if wanted and not going:
                    going, warned, breached = True, False, False
                    run, used = run + 1, 0
                elif going and not wanted and state not in PAUSED_IN.get(clock, ()):
                    going = False
                    if not breached:
                        yield "met", clock, run, minutes(minute)
                standing = not wanted or hold in ("customer", "supplier", "legal")
            if going and not standing and (whose == "customer" or OPEN[minute]):
                used += 1


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[int, Any, Any]]:
    gaps = draw(st.lists(st.integers(1, 700), min_size=1, max_size=8))
    at, life = 540, []
    for gap in gaps:
        life.append((at, draw(st.sampled_from(TICKET_STATES)), draw(st.sampled_from(get_args(Hold)))))
        at += gap
    return life


@settings(max_examples=200, deadline=None)
@given(
    life=lives(),
    looks=st.lists(st.integers(540, 4000), max_size=6),
    hours=st.lists(st.integers(1, 24).map(lambda n: n / 12), min_size=7, max_size=7),
)
def test_says_what_one_who_counts_minutes_says(
    life: list[tuple[int, Any, Any]], looks: list[int], hours: list[float]
) -> None:
    targets = dict(zip(CLOCK_NAMES, hours, strict=True))
    ticket, end = Ticket(policy(**targets)), END
    steps: list[tuple[int, int, Any, Any]] = [(at, 1, state, hold) for at, state, hold in life]
    steps += [(at, 0, None, None) for at in looks if at >= life[0][0]] + [(end, 2, None, None)]
    for at, kind, state, hold in sorted(steps, key=lambda step: step[:2]):
        (ticket.move(at, state, hold) if kind == 1 else ticket.look(at))

    said = ticket.verdicts()
    expected = list(counted(life, end, {clock: round(hour * 60) for clock, hour in targets.items()}))
    assert sorted(said) == sorted(expected)
    ids = [(kind, clock, run) for kind, clock, run, _ in said]
    assert len(set(ids)) == len(ids)
    assert [at for *_, at in said] == sorted(at for *_, at in said), "not in the order of their times"
    assert ticket.view is not None
    due = next_due(ticket.view, ticket.rules)
    assert due is None or due > minutes(end)


def test_pauses_are_kept_with_their_reasons_and_no_due_time_is() -> None:
    ticket = Ticket(policy(repair=4)).move(540, "queued").move(560, "awaiting_parts").move(600, hold="customer")
    ticket.move(620, "queued").move(640, hold="none")
    assert ticket.view is not None
    [repair] = [run for run in ticket.view.runs if run.clock == "repair"]
    assert [(one.why, one.paused_at, one.resumed_at) for one in repair.pauses] == [
        ("in_awaiting_parts", minutes(560), minutes(600)),
        ("hold_customer", minutes(600), minutes(640)),
    ]
    assert not {"due_at", "due", "elapsed_s"} & set(type(repair).model_fields)


def test_a_hold_for_the_shop_s_own_reasons_stops_no_clock() -> None:
    ticket = Ticket(policy(first_response=1)).move(540, "received").move(550, hold="internal")
    assert ticket.look(610).verdicts() == [
        ("warned", "first_response", 1, minutes(588)),
        ("breached", "first_response", 1, minutes(600)),
    ]


def test_goes_back_to_a_new_run_when_the_old_one_ended() -> None:
    ticket = Ticket(policy(repair=1)).move(540, "queued").move(545, "ready").move(560, "rework").look(1000)
    assert ticket.verdicts() == [
        ("met", "repair", 1, minutes(545)),
        ("warned", "repair", 2, minutes(608)),
        ("breached", "repair", 2, minutes(620)),
    ]


def test_what_fell_due_before_a_move_is_said_before_it_even_if_nobody_looked() -> None:
    ticket = Ticket(policy(first_response=1, diagnose=1)).move(540, "received").move(630, "triage")
    assert [type(event).__name__ for event in ticket.said] == [
        "ClocksTracked", "SlaWarned", "SlaBreached", "ClocksTracked",
    ]  # fmt: skip


def test_a_move_that_says_it_is_older_than_what_was_seen_counts_from_there() -> None:
    ticket = Ticket(policy(first_response=1)).move(560, "received").move(540, "triage")
    assert ticket.view is not None
    assert ticket.view.stays[-1].entered_at == minutes(560)


def test_without_a_target_a_clock_is_only_measured() -> None:
    ticket = Ticket(policy()).move(540, "received").look(5000)
    assert ticket.verdicts() == []
    assert ticket.view is not None
    [first, *_] = report(ticket.view, minutes(600), ticket.rules).clocks
    assert (first.target_s, first.left_s, first.due_at, first.elapsed_s) == (None, None, None, 3600)


def test_knows_a_repetition_a_stranger_and_nothing_to_do() -> None:
    ticket = Ticket(policy(first_response=1))
    assert isinstance(ticket.ask(TrackClocks(ticket_id=T, changed_at=START, hold="customer")), Reject)
    assert ticket.ask(CheckClocks(ticket_id=T, looked_at=START)) == Drop("nothing_due")
    ticket.move(540, "received")
    again = TrackClocks(ticket_id=T, changed_at=minutes(600), state="received")
    assert ticket.ask(again) == Drop("no_change")
    assert isinstance(ticket.ask(again.model_copy(update={"priority": "urgent"})), Emit)


def test_reports_whose_time_it_was() -> None:
    ticket = Ticket(policy(repair=8)).move(480, "received").move(540, "triage").move(600, "quoted")
    ticket.move(600 + 1440, "queued").move(660 + 1440, hold="legal").move(700 + 1440, hold="none")
    ticket.move(720 + 1440, "ready")
    assert ticket.view is not None
    told = report(ticket.view, minutes(9000), ticket.rules)
    assert told.customer_elapsed_s == (720 + 1440 - 480) * 60
    # 09:00 to 11:00 in Berlin, then 11:00 to noon the day after; the hold and what follows it lie in the lunch hour.
    assert told.shop_controllable_s == (120 + 60) * 60
    repair = next(one for one in told.clocks if one.clock == "repair")
    assert (repair.status, repair.elapsed_s, repair.left_s) == ("stopped", 3600, 7 * 3600)
    assert [part.kind for part in repair.intervals] == ["running", "paused", "running"]
    pickup = next(one for one in told.clocks if one.clock == "pickup")
    assert (pickup.status, pickup.whose, pickup.elapsed_s) == ("running", "customer", (9000 - 2160) * 60)


def test_the_report_is_of_its_moment() -> None:
    ticket = Ticket(policy(first_response=4)).move(540, "received")
    assert ticket.view is not None
    [clock, *_] = report(ticket.view, minutes(600), ticket.rules).clocks
    # Received at 10:00 in Berlin: two hours until lunch, so the fourth one ends at 15:00.
    assert (clock.status, clock.elapsed_s, clock.due_at) == ("running", 3600, minutes(840))
    ticket.move(600, hold="customer")
    held = report(ticket.view, minutes(900), ticket.rules).clocks[0]
    assert (held.status, held.elapsed_s, held.due_at, held.left_s) == ("paused", 3600, None, 3 * 3600)


@pytest.mark.parametrize("clock", CLOCK_NAMES)
def test_every_clock_is_that_of_the_table_and_pauses_only_where_it_does_not_run(clock: ClockName) -> None:
    assert tuple(CLOCKS) == CLOCK_NAMES
    for state in PAUSED_IN.get(clock, ()):
        assert clock not in STATES[state].clocks
