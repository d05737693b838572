"""The pure core: whatever is done to sealed records is found at its offset, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bus.records import Fetched
from infra.auditor.chain import (
    Digests,
    Finding,
    compare,
    digest,
    genesis,
    head_hash,
    listed,
    seal,
    split_place,
    why_forged,
)
from infra.auditor.trail import Located, Trail, Walk, arrange
from schemas.audit import CheckpointSealed
from tests.infra.auditor.sealed import KEY, PUBLIC

PLACE = "tickets.events.v1/2"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def record(offset: int, value: bytes | None = b"{}", **parts: Any) -> Fetched:
    plain = Fetched("tickets.events.v1", 2, offset, 1_772_442_000_000 + offset, b"T-1", value, [("ce_id", b"x")])
    return replace(plain, **parts)


def digests(records: list[Fetched]) -> Digests:
    return {one.offset: digest(one) for one in records}


def sealed(records: list[Fetched], sizes: list[int]) -> list[CheckpointSealed]:
    """Seal records in stretches of the given sizes, the rest in one."""
    found: list[CheckpointSealed] = []
    left = list(records)
    for size in [*sizes, len(left)]:
        stretch, left = left[:size], left[size:]
        if stretch:
            before = found[-1].head if found else None
            found.append(seal(PLACE, before, digests(stretch), (0, 0), AT, KEY))
    return found


def located(checkpoints: list[CheckpointSealed]) -> list[Located]:
    return [Located(one.head, head_hash(one.head), 0, n) for n, one in enumerate(checkpoints)]


def walked(trail: Trail, checkpoints: list[CheckpointSealed], log: list[Fetched], start: int = 0) -> list[Finding]:
    """Do as verification does, with everything in memory."""
    lists = {head_hash(one.head): listed(one) for one in checkpoints}
    walk = Walk(trail, start, 1 << 40)
    for one in log:
        walk.take(one.offset, digest(one))
    walk.finish()
    differing = [
        finding
        for segment in walk.suspects
        for finding in compare(
            PLACE,
            {offset: one for offset, one in lists[segment.located.hash].items() if offset >= segment.lowest},
            segment.found,
        )
    ]
    return [*differing, *walk.findings]


@st.composite
def logs(draw: st.DrawFn) -> list[Fetched]:
    """A log with holes, as compaction and transaction markers leave them."""
    offsets = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=40)))
    return [record(offset, draw(st.none() | st.binary(max_size=8))) for offset in offsets]


sizes = st.lists(st.integers(1, 8), max_size=8)


@given(logs(), sizes)
def test_an_untouched_log_fits(log: list[Fetched], cut: list[int]) -> None:
    checkpoints = sealed(log, cut)
    trail = arrange(PLACE, located(checkpoints), {})
    assert walked(trail, checkpoints, log) == []
    assert (trail.strays, trail.missing, trail.covered_to) == ((), (), log[-1].offset + 1)
    assert sum(one.head.count for one in checkpoints) == len(log)


@given(logs(), sizes, st.data())
def test_every_edit_is_found_at_its_offset_and_nothing_else_is(
    log: list[Fetched], cut: list[int], data: st.DataObject
) -> None:
    checkpoints = sealed(log, cut)
    present = {one.offset: one for one in log}
    changed = data.draw(st.sets(st.sampled_from(sorted(present)), max_size=4), "changed")
    removed = data.draw(st.sets(st.sampled_from(sorted(present)), max_size=4), "removed") - changed
    free = sorted(set(range(log[0].offset, log[-1].offset)) - set(present))
    inserted = data.draw(st.sets(st.sampled_from(free), max_size=4), "inserted") if free else set()

    edited = {offset: one for offset, one in present.items() if offset not in removed}
    edited |= {offset: replace(present[offset], value=b"something else") for offset in changed}
    edited |= {offset: record(offset) for offset in inserted}
    found = walked(arrange(PLACE, located(checkpoints), {}), checkpoints, [edited[one] for one in sorted(edited)])

    assert {(one.kind, one.offset) for one in found} == (
        {("changed", one) for one in changed}
        | {("removed", one) for one in removed}
        | {("inserted", one) for one in inserted}
    )


@given(logs(), sizes, st.data())
def test_every_dropped_checkpoint_is_missed_and_no_record_is_accused(
    log: list[Fetched], cut: list[int], data: st.DataObject
) -> None:
    checkpoints = sealed(log, cut)
    numbers = [one.head.number for one in checkpoints[:-1]]
    dropped = data.draw(st.sets(st.sampled_from(numbers)), "dropped") if numbers else set()
    kept = [one for one in checkpoints if one.head.number not in dropped]
    trail = arrange(PLACE, located(kept), {})
    assert {int(one.detail.split()[2]) for one in trail.missing} == dropped
    assert walked(trail, kept, log) == []


@given(logs(), sizes, st.integers(0, 60))
def test_what_was_read_in_part_is_compared_by_its_list(log: list[Fetched], cut: list[int], start: int) -> None:
    checkpoints = sealed(log, cut)
    trail = arrange(PLACE, located(checkpoints), {})
    rest = [one for one in log if one.offset >= start]
    assert walked(trail, checkpoints, rest, start) == []
    if rest:
        edited = [replace(rest[0], key=None), *rest[1:]]
        found = walked(trail, checkpoints, edited, start)
        assert [(one.kind, one.offset) for one in found] == [("changed", rest[0].offset)]


@given(logs(), sizes, sizes)
def test_a_worker_that_did_it_once_more_is_no_finding(log: list[Fetched], cut: list[int], other: list[int]) -> None:
    first, second = sealed(log, cut), sealed(log, other)
    trail = arrange(PLACE, located([*first, *second]), {})
    assert trail.missing == ()
    assert walked(trail, [*first, *second], log) == []


def test_a_checkpoint_known_from_elsewhere_is_missed() -> None:
    checkpoints = sealed([record(n) for n in range(6)], [2, 2])
    last = checkpoints[-1].head
    trail = arrange(PLACE, located(checkpoints[:-1]), {head_hash(last): last})
    assert [one.kind for one in trail.missing] == ["checkpoint_missing"]
    assert trail.unsealed == ((4, 6),)
    assert walked(trail, checkpoints[:-1], [record(n) for n in range(6)]) == []


@pytest.mark.parametrize(
    "other",
    [
        record(7, topic="tickets.events.v2"),
        record(7, partition=3),
        record(8, timestamp_ms=record(7).timestamp_ms),
        record(7, timestamp_ms=1),
        record(7, key=None),
        record(7, key=b""),
        record(7, None),
        record(7, b""),
        record(7, key=b"T-1{", value=b"}"),
        record(7, headers=[]),
        record(7, headers=[("ce_i", b"dx")]),
        record(7, headers=[("ce_id", b"x"), ("", b"")]),
    ],
)
def test_a_digest_tells_every_part_and_its_length(other: Fetched) -> None:
    assert digest(other) != digest(record(7))


def test_the_order_of_headers_counts() -> None:
    one, two = ("a", b"1"), ("b", b"2")
    assert digest(record(0, headers=[one, two])) != digest(record(0, headers=[two, one]))


def test_the_first_checkpoint_follows_the_name_of_its_place() -> None:
    [only] = sealed([record(3)], [])
    assert only.head.previous_hash == genesis(PLACE) != genesis("tickets.events.v1/1")
    assert split_place(PLACE) == ("tickets.events.v1", 2)
    assert why_forged(only, only.head.model_dump(mode="json"), PUBLIC) is None


def test_a_record_from_the_end_of_time_can_be_sealed() -> None:
    checkpoint = seal(PLACE, None, digests([record(0)]), (-5, 1 << 62), AT, KEY)
    assert (checkpoint.head.oldest_at.year, checkpoint.head.newest_at.year) == (1970, 9999)
