"""The trail of one partition: its checkpoints in order, which are missing, and a walk along the log. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.auditor.chain import Finding, chained, genesis, split_place
from schemas.audit import CheckpointHead


class Located(NamedTuple):
    """A checkpoint with a good signature: its head, its hash, and where in the log it lies."""

    head: CheckpointHead
    hash: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Trail:
    """``path`` are the checkpoints that follow each other up to the newest; ``strays`` say parts of it once more."""

    place: str
    path: tuple[Located, ...]
    strays: tuple[Located, ...]
    missing: tuple[Finding, ...]
    unsealed: tuple[tuple[int, int], ...]
    """Stretches that only a missing checkpoint covered."""

    @property
    def covered_to(self) -> int:
        """The first offset that no checkpoint says anything about."""
        return max((one.head.next_offset for one in self.path), default=0)


def arrange(place: str, found: Iterable[Located], known: Mapping[str, CheckpointHead]) -> Trail:
    """Put the checkpoints of a place in order. ``known``: heads, by hash, that must be among them."""
    by_hash: dict[str, Located] = {}
    for one in found:
        by_hash.setdefault(one.hash, one)  # an exact repeat says nothing new
    path, missing, unsealed = _path(place, by_hash)
    on_path = {one.hash for one in path}
    for unknown in sorted(set(known) - set(by_hash), key=lambda one: known[one].number):
        head = known[unknown]
        missing.setdefault(head.number, f"its newest head is known: offsets {head.from_offset} to {head.next_offset}")
        unsealed.append((head.from_offset, head.next_offset))
    topic, partition = split_place(place)
    findings = [
        Finding("checkpoint_missing", topic, partition, None, f"checkpoint number {number} is not in the log; {how}")
        for number, how in sorted(missing.items())
    ]
    strays = tuple(one for one in by_hash.values() if one.hash not in on_path)
    return Trail(place, tuple(path), strays, tuple(findings), tuple(unsealed))


def _path(place: str, by_hash: Mapping[str, Located]) -> tuple[list[Located], dict[int, str], list[tuple[int, int]]]:
    """Walk from the furthest checkpoint back to the first, over holes where the one before is missing."""
    path: list[Located] = []
    missing: dict[int, str] = {}
    unsealed: list[tuple[int, int]] = []
    current = max(by_hash.values(), key=lambda one: one.head.next_offset, default=None)
    while current is not None:
        path.append(current)
        head = current.head
        before = by_hash.get(head.previous_hash)
        if before is None and head.previous_hash != genesis(place):
            earlier = [one for one in by_hash.values() if one.head.next_offset <= head.from_offset]
            before = max(earlier, key=lambda one: one.head.next_offset, default=None)
            number, end = (before.head.number, before.head.next_offset) if before else (0, 0)
            for lost in range(min(number + 1, head.number - 1), head.number):
                missing[lost] = f"number {head.number} follows it and covers from offset {head.from_offset} on"
            unsealed.append((end, head.from_offset))
        current = before
    return path[::-1], missing, unsealed


@dataclass(slots=True)
class Segment:
    """A checkpoint that the walk is inside of, with what the log has there. ``lowest``: where the reading began."""

    located: Located
    stray: bool
    lowest: int
    found: dict[int, bytes] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the log holds exactly what was sealed. What was read in part has to be compared by its list."""
        head = self.located.head
        whole = self.lowest <= head.from_offset and len(self.found) == head.count
        return whole and chained(head.previous_hash, self.found.values()) == head.chain_hash


class Walk:
    """Takes the records of a place in order. ``suspects`` are the segments that do not fit, for the caller to drain.

    ``[start, end)`` is the part of the log that is read; ``beginning`` is where the log itself begins.
    """

    def __init__(self, trail: Trail, start: int, end: int) -> None:
        self._trail = trail
        self._start = start
        marked = [*((one, False) for one in trail.path), *((one, True) for one in trail.strays)]
        inside = [one for one in marked if one[0].head.next_offset > start and one[0].head.from_offset < end]
        self._pending: list[tuple[Located, bool]] = sorted(inside, key=lambda one: -one[0].head.from_offset)
        self._open: list[Segment] = []
        self.suspects: list[Segment] = []
        self.findings: list[Finding] = []
        self.records = self.waiting = 0
        self.checkpoints = len(inside)

    def take(self, offset: int, digest: bytes) -> None:
        """Take the next record."""
        self._advance(offset)
        self.records += 1
        for segment in self._open:
            segment.found[offset] = digest
        if self._open or any(low <= offset < high for low, high in self._trail.unsealed):
            return
        if offset >= self._trail.covered_to:
            self.waiting += 1
            return
        detail = "in the log, and covered by no checkpoint although later ones are"
        self.findings.append(Finding("inserted", *split_place(self._trail.place), offset, detail))

    def finish(self) -> None:
        """Judge what is left: the log ends here."""
        self._advance(1 << 63)

    def _advance(self, offset: int) -> None:
        """Open what begins at or before ``offset``, judge what ends there."""
        while self._pending and self._pending[-1][0].head.from_offset <= offset:
            located, stray = self._pending.pop()
            self._open.append(Segment(located, stray, self._start))
        closing = [one for one in self._open if one.located.head.next_offset <= offset]
        if closing:
            self._open = [one for one in self._open if one.located.head.next_offset > offset]
            self.suspects += [one for one in closing if not one.fits]


def widened(path: Sequence[Located], start: int, end: int) -> tuple[int, int]:
    """Return ``[start, end)`` stretched to whole checkpoints, so that each can be checked by its chain."""
    for one in path:
        head = one.head
        if head.from_offset < start < head.next_offset:
            start = head.from_offset
        if head.from_offset < end < head.next_offset:
            end = head.next_offset
    return start, end
