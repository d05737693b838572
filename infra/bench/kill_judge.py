"""The judge of a run with kills: what the topics hold and what the groups committed, once the system is quiet. Pure.

An input below the committed offset is never read again; if what it should have caused is absent, it is lost. Above the
committed offset it is only not done yet: the run was not finished, which is no success either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

STATEFUL = 1
"""The stage that keeps an aggregate: B."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record of a topic: where it lies, its id, its key."""

    partition: int
    offset: int
    id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known after a run.

    ``hops``: the records of each topic from the first input to the last output, in the order of their partitions.
    ``committed``: for each stage, the offset of each partition of its input; none is 0. ``effects``: by key, the ids
    of B's inputs that the newest view shows. ``caused(stage, id)``: the id of what a stage makes of a record.
    """

    acknowledged: Sequence[UUID]
    hops: Sequence[Sequence[Seen]]
    committed: Sequence[Mapping[int, int]]
    effects: Mapping[str, frozenset[UUID]]
    caused: Callable[[int, UUID], UUID]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts. ``behind``: inputs at or above the committed offset whose effect is absent."""

    lost: int
    view_missing: int
    order_violations: int
    duplicates: int
    behind: int


def judge(evidence: Evidence) -> Verdict:
    """Return what went wrong."""
    first = {seen.id for seen in evidence.hops[0]}
    lost = sum(known not in first for known in evidence.acknowledged)
    behind = 0
    for stage in range(len(evidence.hops) - 1):
        absent = list(_without_effect(evidence, stage))
        lost += sum(absent)
        behind += len(absent) - sum(absent)
    return Verdict(
        lost=lost,
        view_missing=_view_missing(evidence),
        order_violations=sum(_out_of_order(evidence, stage) for stage in range(len(evidence.hops) - 1)),
        duplicates=len(evidence.hops[-1]) - len({seen.id for seen in evidence.hops[-1]}),
        behind=behind,
    )


def past_inflight(offset: int, committed: Sequence[int]) -> int:
    """Count the readings of a committed offset that lie beyond the unfinished record at ``offset``."""
    return sum(reading > offset for reading in committed)


def _without_effect(evidence: Evidence, stage: int) -> Iterator[bool]:
    """Yield one flag for each input that caused nothing: whether it is lost, not only behind."""
    outputs = {seen.id for seen in evidence.hops[stage + 1]}
    for known, copies in _copies(evidence.hops[stage]).items():
        if evidence.caused(stage, known) not in outputs:
            yield any(_is_committed(evidence, stage, seen) for seen in copies)


def _view_missing(evidence: Evidence) -> int:
    return sum(
        known not in evidence.effects.get(copies[0].key, frozenset())
        and any(_is_committed(evidence, STATEFUL, seen) for seen in copies)
        for known, copies in _copies(evidence.hops[STATEFUL]).items()
    )


def _is_committed(evidence: Evidence, stage: int, seen: Seen) -> bool:
    return seen.offset < evidence.committed[stage].get(seen.partition, 0)


def _copies(hop: Sequence[Seen]) -> dict[UUID, list[Seen]]:
    """Return the records of each id; at-least-once delivery leaves some twice."""
    found: dict[UUID, list[Seen]] = {}
    for seen in hop:
        found.setdefault(seen.id, []).append(seen)
    return found


def _out_of_order(evidence: Evidence, stage: int) -> int:
    """Count first outputs of a key that come after the first output of a later input of that key."""
    rank = {evidence.caused(stage, known): number for number, known in enumerate(_copies(evidence.hops[stage]))}
    newest: dict[str, int] = {}
    violations = 0
    for known, copies in _copies(evidence.hops[stage + 1]).items():
        if known not in rank:
            continue
        key = copies[0].key
        violations += rank[known] < newest.get(key, -1)
        newest[key] = max(newest.get(key, -1), rank[known])
    return violations
