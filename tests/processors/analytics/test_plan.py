import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.analytics.plan import (
    DEAD_LETTERS,
    EVENTS,
    Intent,
    Plan,
    PlanError,
    check_log,
    inserts,
    plan_batch,
    poisoned,
    read_progress,
    verdict,
)
from processors.analytics.rows import Record
from tests.support.facts import fact

TOPIC = "tickets.events.v1"
MARCH = datetime(2026, 3, 31, tzinfo=UTC)
APRIL = MARCH + timedelta(days=1)


def _records(*offsets: int) -> list[Record]:
    """Odd offsets fall into March, even ones into April."""
    return [fact("ticket.moved", MARCH if offset % 2 else APRIL, offset) for offset in offsets]


def _intent(first: int, last: int, *, done: bool = False) -> Intent:
    return Intent(TOPIC, 0, first, last, done)


def _ranges(plan: Plan) -> list[tuple[int, int, bool]]:
    return [(unit.intent.first, unit.intent.last, unit.replay) for unit in plan.units]


def test_batch_is_cut_by_rows_and_by_bytes() -> None:
    records = _records(*range(10, 15))
    assert _ranges(plan_batch(records, [], max_rows=2)) == [(10, 11, False), (12, 13, False), (14, 14, False)]
    size = len(records[0].value)
    assert _ranges(plan_batch(records, [], max_bytes=3 * size)) == [(10, 12, False), (13, 14, False)]
    assert len(plan_batch(records, [], max_bytes=1).units) == 5


def test_pending_range_is_replayed_exactly_and_new_ones_keep_clear_of_it() -> None:
    plan = plan_batch(_records(*range(10, 20)), [_intent(13, 15)], max_rows=100)
    assert _ranges(plan) == [(10, 12, False), (13, 15, True), (16, 19, False)]
    assert plan.resume_at == 20


def test_done_range_is_skipped() -> None:
    plan = plan_batch(_records(*range(10, 20)), [_intent(5, 12, done=True), _intent(13, 15)], max_rows=100)
    assert _ranges(plan) == [(13, 15, True), (16, 19, False)]
    assert plan.skipped == 3


def test_plan_stops_before_a_pending_range_that_the_batch_does_not_reach_beyond() -> None:
    plan = plan_batch(_records(10, 11, 12), [_intent(11, 14)])
    assert _ranges(plan) == [(10, 10, False)]
    assert plan.resume_at == 11
    whole = plan_batch(_records(11, 14), [_intent(11, 14)])  # the log has a gap
    assert _ranges(whole) == [(11, 14, True)]


def test_batch_is_refused_when_it_begins_after_a_pending_range_began() -> None:
    for pending in (_intent(8, 12), _intent(3, 4)):
        with pytest.raises(PlanError, match="begun and never finished"):
            plan_batch(_records(10, 11), [pending])


def test_batch_is_refused_when_it_is_out_of_order() -> None:
    with pytest.raises(PlanError, match="in offset order"):
        plan_batch(_records(11, 10), [])


def test_empty_batch_has_nothing_to_do() -> None:
    assert plan_batch([], [_intent(3, 4)]).units == ()


def test_months_get_an_insert_each_with_tokens_of_their_own() -> None:
    [unit] = plan_batch(_records(1, 2, 3, 4, 5), []).units
    march, april = inserts(unit)
    assert (march.table, march.offsets, march.token) == (EVENTS, (1, 3, 5), f"{TOPIC}/0/1/5/202603")
    assert (april.table, april.offsets, april.token) == (EVENTS, (2, 4), f"{TOPIC}/0/1/5/202604")


def test_refused_record_goes_to_the_dead_letters() -> None:
    broken = Record(TOPIC, 0, 2, [], b"{}")
    [unit] = plan_batch([*_records(1), broken], []).units
    march, letters = inserts(unit)
    assert march.offsets == (1,)
    assert (letters.table, letters.offsets, letters.token) == (DEAD_LETTERS, (2,), None)


def test_poison_row_moves_to_the_dead_letters_and_the_token_stays() -> None:
    [unit] = plan_batch(_records(1, 2, 3), []).units
    march, april = inserts(unit)
    poison = poisoned(unit, march, 2, "not a number", "n")
    without, same, letters = inserts(unit, poison)
    assert (without.offsets, without.token) == ((1,), march.token)
    assert same == april
    assert letters.offsets == (3,)
    assert b'"column_name":"n"' in letters.rows
    with pytest.raises(PlanError, match="row 3 was refused, but the insert has 2 rows"):
        poisoned(unit, march, 3, "", None)


def test_verdict_tells_lost_from_repeated() -> None:
    [unit] = plan_batch(_records(1, 2, 3), []).units
    planned = inserts(unit)
    assert verdict(unit, planned, stored=3, offsets=3) == "exact"
    assert verdict(unit, planned, stored=2, offsets=2) == "lost"
    assert verdict(unit, planned, stored=4, offsets=3) == "repeated"


def test_progress_is_refused_when_ranges_overlap() -> None:
    rows = [
        {"first_offset": 5, "last_offset": 9, "state": "intended"},
        {"first_offset": 1, "last_offset": 4, "state": "done"},
    ]
    assert read_progress(TOPIC, 0, rows) == [_intent(1, 4, done=True), _intent(5, 9)]
    rows[1]["last_offset"] = 5
    with pytest.raises(PlanError, match="1-5 and 5-9 overlap"):
        read_progress(TOPIC, 0, rows)


def test_log_is_refused_when_it_ends_before_what_was_inserted() -> None:
    check_log([_intent(0, 9, done=True)], log_end=10)
    with pytest.raises(PlanError, match="made anew"):
        check_log([_intent(0, 9, done=True)], log_end=9)


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[int], list[Intent], int, int]:
    """A log with gaps, intents over some of its runs, where the batch starts, and how far it reaches."""
    offsets = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=40)))
    cuts = sorted(draw(st.sets(st.integers(0, len(offsets)), max_size=8)) | {0, len(offsets)})
    intents = []
    for low, high in itertools.pairwise(cuts):
        kind = draw(st.sampled_from(["none", "pending", "done"]))
        if kind != "none":
            intents.append(_intent(offsets[low], offsets[high - 1], done=kind == "done"))
    reach = draw(st.integers(1, len(offsets)))
    return offsets, intents, reach, draw(st.integers(1, 12))


@given(_histories())
def test_every_record_is_planned_once_or_skipped_or_left_for_the_next_fetch(
    history: tuple[list[int], list[Intent], int, int],
) -> None:
    offsets, intents, reach, max_rows = history
    plan = plan_batch(_records(*offsets[:reach]), intents, max_rows=max_rows)
    planned = [record.offset for unit in plan.units for record in unit.records]
    done = {o for o in offsets for i in intents if i.done and i.first <= o <= i.last}
    seen = [o for o in offsets[:reach] if o < plan.resume_at]
    assert planned == [o for o in seen if o not in done]
    assert plan.skipped == len(seen) - len(planned)

    pending = {(i.first, i.last) for i in intents if not i.done}
    replayed = {(u.intent.first, u.intent.last) for u in plan.units if u.replay}
    assert replayed == {(first, last) for first, last in pending if last < plan.resume_at}
    for unit in plan.units:
        if not unit.replay:
            assert len(unit.records) <= max_rows
            assert not any(i.first <= unit.intent.last and unit.intent.first <= i.last for i in intents)


@given(_histories())
def test_inserts_cover_their_unit_once_with_one_month_each(history: tuple[list[int], list[Intent], int, int]) -> None:
    offsets, intents, _, max_rows = history
    for unit in plan_batch(_records(*offsets), intents, max_rows=max_rows).units:
        planned = inserts(unit)
        assert sorted(o for insert in planned for o in insert.offsets) == [record.offset for record in unit.records]
        assert len({insert.token for insert in planned}) == len(planned)
        for insert in planned:
            assert len({offset % 2 for offset in insert.offsets}) == 1
            assert insert.rows.count(b"\n") + 1 == len(insert.offsets)
