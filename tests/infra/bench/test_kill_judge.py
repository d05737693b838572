"""A judge that cannot find a planted violation is worthless: each kind is planted, alone, into a run without fault."""

from dataclasses import replace
from uuid import UUID, uuid5

import pytest

from infra.bench.kill_judge import Evidence, Seen, Verdict, judge, past_inflight

SPACE = UUID(int=7)
KEYS = ("T-0", "T-1")
FINE = Verdict(lost=0, view_missing=0, order_violations=0, duplicates=0, behind=0)


def caused(stage: int, cause: UUID) -> UUID:
    return uuid5(SPACE, f"{stage}/{cause}")


def at(hop: int, number: int) -> UUID:
    """Return the id that event ``number`` has in topic ``hop``."""
    known = UUID(int=1000 + number)
    for stage in range(hop):
        known = caused(stage, known)
    return known


def seen(hop: int, number: int, offset: int | None = None) -> Seen:
    """Even events lie in partition 0 under one key, odd ones in partition 1 under another."""
    return Seen(number % 2, number // 2 if offset is None else offset, at(hop, number), KEYS[number % 2])


def faultless(events: int = 6) -> Evidence:
    hops = [[seen(hop, number) for part in (0, 1) for number in range(part, events, 2)] for hop in range(4)]
    return Evidence(
        acknowledged=[at(0, number) for number in range(events)],
        hops=hops,
        committed=[{0: events // 2, 1: events // 2}] * 3,
        effects={key: frozenset(one.id for one in hops[1] if one.key == key) for key in KEYS},
        caused=caused,
    )


def with_hop(evidence: Evidence, hop: int, records: list[Seen]) -> Evidence:
    return replace(evidence, hops=[records if number == hop else old for number, old in enumerate(evidence.hops)])


def without(evidence: Evidence, hop: int, number: int) -> Evidence:
    return with_hop(evidence, hop, [one for one in evidence.hops[hop] if one.id != at(hop, number)])


def with_commit(evidence: Evidence, stage: int, offsets: dict[int, int]) -> Evidence:
    return replace(evidence, committed=[offsets if n == stage else old for n, old in enumerate(evidence.committed)])


def test_a_run_without_fault_has_none() -> None:
    assert judge(faultless()) == FINE


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_an_input_below_the_commit_without_its_output_is_lost(stage: int) -> None:
    evidence = faultless()
    for hop in range(stage + 1, 4):
        evidence = without(evidence, hop, 4)
    found = judge(evidence)

    assert found.lost == 1
    assert found.behind == 0


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_an_input_above_the_commit_without_its_output_is_behind_and_not_lost(stage: int) -> None:
    evidence = with_commit(faultless(), stage, {0: 2, 1: 3})
    for hop in range(stage + 1, 4):
        evidence = without(evidence, hop, 4)
    found = judge(evidence)

    assert (found.lost, found.behind) == (0, 1)


def test_an_input_of_a_partition_without_any_commit_is_behind() -> None:
    found = judge(without(with_commit(faultless(), 2, {1: 3}), 3, 0))

    assert (found.lost, found.behind) == (0, 1)


def test_a_copy_above_the_commit_does_not_hide_that_the_first_is_lost() -> None:
    evidence = faultless()
    again = seen(2, 4, offset=3)
    evidence = without(with_hop(evidence, 2, [*evidence.hops[2], again]), 3, 4)

    assert judge(evidence).lost == 1


def test_what_was_acknowledged_and_is_not_in_the_first_topic_is_lost() -> None:
    evidence = faultless()
    for hop in range(4):
        evidence = without(evidence, hop, 5)

    assert judge(evidence).lost == 1


def test_an_event_without_effect_in_the_view_is_missing() -> None:
    evidence = faultless()
    effects = {**evidence.effects, "T-0": evidence.effects["T-0"] - {at(1, 2)}}

    assert judge(replace(evidence, effects=effects)) == replace(FINE, view_missing=1)


def test_a_key_without_a_view_misses_all_of_its_events() -> None:
    evidence = faultless()

    assert judge(replace(evidence, effects={"T-1": evidence.effects["T-1"]})) == replace(FINE, view_missing=3)


def test_an_event_above_the_commit_may_be_absent_from_the_view() -> None:
    evidence = with_commit(without(without(faultless(), 2, 4), 3, 4), 1, {0: 2, 1: 3})
    effects = {**evidence.effects, "T-0": evidence.effects["T-0"] - {at(1, 4)}}

    assert judge(replace(evidence, effects=effects)).view_missing == 0


@pytest.mark.parametrize("hop", [1, 2, 3])
def test_first_outputs_of_a_key_in_another_order_than_its_inputs_are_counted(hop: int) -> None:
    swapped = [seen(hop, 0), seen(hop, 4, 1), seen(hop, 2, 2), *(seen(hop, number) for number in (1, 3, 5))]
    found = judge(with_hop(faultless(), hop, swapped))

    # The stage after the swap is measured by the order it was given: the fault is counted once, where it was made,
    # and once more where the swapped order was put right again.
    assert found.order_violations == (1 if hop == 3 else 2)


def test_copies_out_of_order_are_no_violation() -> None:
    evidence = faultless()
    found = judge(with_hop(evidence, 3, [*evidence.hops[3], seen(3, 0, 3), seen(3, 1, 3)]))

    assert found == replace(FINE, duplicates=2)


def test_a_commit_beyond_an_unfinished_event_is_counted_at_each_reading() -> None:
    assert past_inflight(4, [0, 3, 4]) == 0
    assert past_inflight(4, [4, 5, 9]) == 2
