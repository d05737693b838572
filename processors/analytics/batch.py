"""Batches: which ranges of the log one insert covers, and under which names, so that a crash neither loses nor repeats.

The rule:

1. Log the *intent* to insert a batch: one range of offsets for each partition of the log, in ``sink_progress``.
2. Insert its rows, one insert for each month, because only a block within one partition of the table is stored or
   dropped as a whole. Each insert carries a token made of the batch's ranges and the month.
3. Mark the batch *done*; only then are its offsets committed.

After a crash every batch that is not done is repeated over exactly its ranges: what was stored is dropped by its token,
also in the roll-ups behind the table, and what was not is stored. New batches begin only outside of known ranges.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any, Literal

import orjson

from processors.analytics.rows import Record, Table
from processors.analytics.strips import Item, Strip, begins_at

DEAD_LETTERS, PROGRESS = "events_dlq", "sink_progress"

KNOWN_SQL = """
SELECT first_offset, last_offset, batch_id, state FROM sink_progress FINAL
WHERE k_topic = {topic:String} AND k_partition = {partition:UInt32} AND last_offset >= {offset:UInt64}
ORDER BY first_offset
"""
RANGES_SQL = """
SELECT k_topic, k_partition, first_offset, last_offset FROM sink_progress FINAL
WHERE batch_id = {batch_id:String} ORDER BY k_topic, k_partition
"""
STORED_SQL = """
SELECT count() AS stored, uniqExact(k_offset) AS offsets FROM events
WHERE k_topic = {topic:String} AND k_partition = {partition:UInt32}
  AND k_offset BETWEEN {first:UInt64} AND {last:UInt64}
"""
OFFSETS_SQL = """
SELECT DISTINCT k_offset FROM events
WHERE k_topic = {topic:String} AND k_partition = {partition:UInt32}
  AND k_offset BETWEEN {first:UInt64} AND {last:UInt64}
"""

Verdict = Literal["exact", "lost", "repeated"]


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """The offsets [first, last] of one partition of the log, both ends included."""

    topic: str
    partition: int
    first: int
    last: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of ``STORED_SQL`` and ``OFFSETS_SQL``."""
        return {"topic": self.topic, "partition": self.partition, "first": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class Known:
    """A range that stands in the intent log, and the batch that it belongs to."""

    range: Range
    batch_id: str
    done: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of a batch that lie in one partition of one table, in the order of the log."""

    table: Table
    month: int
    strips: tuple[Strip, ...]

    @property
    def lines(self) -> list[bytes]:
        """Its rows as lines."""
        return [line for strip in self.strips for line in strip.lines]

    def record(self, number: int) -> Record:
        """Return the record of a row, numbered from 0."""
        for strip in self.strips:
            if number < len(strip.lines):
                return strip.record(strip.offsets[number])
            number -= len(strip.lines)
        raise IndexError(f"the block has {len(self.lines)} rows")


def range_of(items: Sequence[Item]) -> Range:
    """Return the range of records and packs of one partition, in the order of the log."""
    begin, end = items[0], items[-1]
    return Range(begin.topic, begin.partition, begins_at(begin), end.offset)


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return one range for each partition among ``ranges``, from its lowest offset to its highest."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for one in ranges:
        first, last = found.get((one.topic, one.partition), (one.first, one.last))
        found[one.topic, one.partition] = min(first, one.first), max(last, one.last)
    return tuple(sorted(Range(topic, partition, *ends) for (topic, partition), ends in found.items()))


def batch_id(ranges: Sequence[Range]) -> str:
    """Return the name of a batch: the same ranges have the same name."""
    text = ";".join(f"{one.topic}/{one.partition}/{one.first}/{one.last}" for one in sorted(ranges))
    return sha256(text.encode()).hexdigest()[:32]


def token(batch: str, block: Block, first: int, end: int) -> str:
    """Return the name under which rows [first, end) of a block of a batch are stored once."""
    return f"{batch}/{block.month}/{first}-{end}"


def blocks(strips: Iterable[Strip]) -> list[Block]:
    """Return strips by table and month. The order is that of the log, so that a replay cuts in the same places."""
    ordered = sorted((one for one in strips if one.lines), key=lambda one: one.order)
    return [
        Block(table, month, tuple(together))
        for (table, month), together in groupby(ordered, key=lambda one: (one.table, one.month))
    ]


def progress_lines(ranges: Sequence[Range], batch: str, *, done: bool) -> bytes:
    """Return the rows of ``sink_progress`` that say that a batch is about to be, or was, inserted."""
    return b"\n".join(
        orjson.dumps(
            {
                "k_topic": one.topic,
                "k_partition": one.partition,
                "first_offset": one.first,
                "last_offset": one.last,
                "batch_id": batch,
                "state": "done" if done else "intended",
            }
        )
        for one in ranges
    )


def read_known(topic: str, partition: int, rows: Iterable[Mapping[str, Any]]) -> list[Known]:
    """Return the ranges of a partition from the rows of ``KNOWN_SQL``, in order."""
    return [
        Known(Range(topic, partition, row["first_offset"], row["last_offset"]), row["batch_id"], row["state"] == "done")
        for row in rows
    ]


def read_ranges(rows: Iterable[Mapping[str, Any]]) -> tuple[Range, ...]:
    """Return the ranges of a batch from the rows of ``RANGES_SQL``."""
    return tuple(Range(row["k_topic"], row["k_partition"], row["first_offset"], row["last_offset"]) for row in rows)


def verdict(expected: int, stored: int, offsets: int) -> Verdict:
    """Compare the counts of ``STORED_SQL`` over a batch's ranges with the rows that it should have."""
    if offsets < expected:
        return "lost"
    return "exact" if stored == offsets == expected else "repeated"
