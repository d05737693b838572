"""Which ranges of the log to insert, under which names, so that a crash at any point neither loses nor repeats.

The rule, per partition of a topic:

1. Log the *intent* to insert the offsets [first, last] in ``sink_progress``.
2. Insert the range's rows, one insert for each month, because only a block within one partition of the table is
   stored or dropped as a whole. Each insert carries a token made of topic, partition, range and month.
3. Mark the intent *done*; then commit the offset after it.

After a crash every intent that is not done is repeated over exactly its range: what was stored is dropped by its token,
also in the roll-ups behind the table, and what was not is stored. New ranges begin only outside known intents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, takewhile
from typing import Any, Literal

import orjson

from processors.analytics.rows import EventRow, Record, Refusal, event_row, refuse

MAX_ROWS = 10_000
MAX_BYTES = 8 * 1024 * 1024
"""Of values. One insert stays one block, and one parsing chunk, so that a refused row's number is its true one."""

EVENTS, DEAD_LETTERS, PROGRESS = "events", "events_dlq", "sink_progress"

PROGRESS_SQL = """
SELECT first_offset, last_offset, state FROM sink_progress FINAL
WHERE k_topic = {topic:String} AND k_partition = {partition:UInt32}
  AND (state = 'intended' OR last_offset >= {from_offset:UInt64})
ORDER BY first_offset
"""

VERIFY_SQL = """
SELECT count() AS stored, uniqExact(k_offset) AS offsets FROM events
WHERE k_topic = {topic:String} AND k_partition = {partition:UInt32}
  AND k_offset BETWEEN {first:UInt64} AND {last:UInt64}
"""


class PlanError(RuntimeError):
    """The log and the intent log contradict each other; a person must look. The message says where."""


@dataclass(frozen=True, slots=True, order=True)
class Intent:
    """The offsets [first, last] of one partition, both ends included, that are one unit of work."""

    topic: str
    partition: int
    first: int
    last: int
    done: bool = False

    def token(self, month: int) -> str:
        """Return the name under which the range's rows of ``month`` (YYYYMM) are stored once."""
        return f"{self.topic}/{self.partition}/{self.first}/{self.last}/{month}"

    def progress_line(self, *, done: bool) -> bytes:
        """Return the row of ``sink_progress`` that says that the range is about to be, or was, inserted."""
        return orjson.dumps(
            {
                "k_topic": self.topic,
                "k_partition": self.partition,
                "first_offset": self.first,
                "last_offset": self.last,
                "state": "done" if done else "intended",
            }
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of ``VERIFY_SQL``."""
        return {"topic": self.topic, "partition": self.partition, "first": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class Insert:
    """One call: JSON lines into one partition of one table. ``offsets`` names the record of each line, in order."""

    table: str
    token: str | None
    rows: bytes
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One intent with the records it covers, in offset order. ``replay``: it was logged before a crash."""

    intent: Intent
    records: tuple[Record, ...]
    replay: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a fetched batch: units in offset order, and the offset that the next fetch must start at.

    ``resume_at`` lies before the end of the batch when a pending intent reaches beyond it: fetch from there again,
    with more room.
    """

    units: tuple[Unit, ...]
    resume_at: int
    skipped: int


def read_progress(topic: str, partition: int, rows: Iterable[Mapping[str, Any]]) -> list[Intent]:
    """Return the intents of a partition from the rows of ``PROGRESS_SQL``, in order.

    Raises:
        PlanError: two intents overlap, so two sinks have worked on the partition at once.
    """
    intents = sorted(
        Intent(topic, partition, row["first_offset"], row["last_offset"], row["state"] == "done") for row in rows
    )
    for earlier, later in pairwise(intents):
        if later.first <= earlier.last:
            raise PlanError(
                f"{topic}/{partition}: logged ranges {earlier.first}-{earlier.last} and {later.first}-{later.last} "
                f"overlap; stop the second sink, then rebuild the range from the log"
            )
    return intents


def check_log(intents: Sequence[Intent], log_end: int) -> None:
    """Refuse a log that ends before what was inserted from it.

    A topic that was made anew counts from 0 again; its events would be taken for known ones and dropped.

    Raises:
        PlanError: an intent reaches beyond ``log_end``, the offset that the next written record will get.
    """
    for intent in intents:
        if intent.last >= log_end:
            raise PlanError(
                f"{intent.topic}/{intent.partition} ends at offset {log_end}, but offsets up to {intent.last} were "
                f"inserted from it: the topic was made anew. Remove its rows from sink_progress to accept the new one"
            )


def plan_batch(
    records: Sequence[Record],
    intents: Sequence[Intent],
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
) -> Plan:
    """Cut a batch of one partition, in offset order, into units.

    ``intents`` are those of the partition, in order. Records of a done intent are skipped. A pending intent becomes
    one unit over exactly its range, or ends the plan when the batch does not reach its end; the log may have gaps, so
    only a record at or past ``last`` proves the range complete.

    Raises:
        PlanError: the batch is out of order, or begins after the start of a pending intent.
    """
    _check_batch(records, intents)
    if not records:
        return Plan((), 0, 0)
    units: list[Unit] = []
    skipped = 0
    position, end = 0, records[-1].offset
    while position < len(records):
        intent = _covering(records[position].offset, intents)
        if intent is None:
            run = _until(records, position, _next_start(records[position].offset, intents))
            units += _fresh(run, max_rows, max_bytes)
            position += len(run)
            continue
        run = _until(records, position, intent.last + 1)
        if intent.done:
            skipped += len(run)
        elif end < intent.last:
            return Plan(tuple(units), intent.first, skipped)
        else:
            units.append(Unit(intent, tuple(run), replay=True))
        position += len(run)
    return Plan(tuple(units), end + 1, skipped)


def inserts(unit: Unit, poison: Mapping[int, Refusal] | None = None) -> list[Insert]:
    """Return the inserts of a unit, oldest month first, its dead letters last.

    ``poison`` holds the refusals of rows that the warehouse itself refused, by offset; they leave their month's
    insert, whose token stays the same, because a refused insert has stored nothing under it.
    """
    outcomes = [(poison or {}).get(record.offset) or event_row(record) for record in unit.records]
    rows = sorted((row for row in outcomes if isinstance(row, EventRow)), key=lambda row: (row.month, row.offset))
    refused = [refusal for refusal in outcomes if isinstance(refusal, Refusal)]
    planned = [
        _insert(EVENTS, unit.intent.token(month), list(of_month))
        for month, of_month in groupby(rows, key=lambda row: row.month)
    ]
    if refused:
        # No token: which rows are refused may change within one try, and that table keeps one row an offset.
        planned.append(_insert(DEAD_LETTERS, None, refused))
    return planned


def poisoned(unit: Unit, insert: Insert, row_number: int, message: str, column: str | None) -> dict[int, Refusal]:
    """Return the refusal of the row that the warehouse refused, for ``inserts`` to leave out; 1-based number.

    Raises:
        PlanError: the insert has no such row.
    """
    if not 1 <= row_number <= len(insert.offsets):
        raise PlanError(f"{insert.token}: row {row_number} was refused, but the insert has {len(insert.offsets)} rows")
    offset = insert.offsets[row_number - 1]
    record = next(record for record in unit.records if record.offset == offset)
    return {offset: refuse(record, "poison_row", message, column or "")}


def verdict(unit: Unit, planned: Sequence[Insert], stored: int, offsets: int) -> Literal["exact", "lost", "repeated"]:
    """Compare the counts of ``VERIFY_SQL`` after a replay with what the unit's inserts should have stored."""
    expected = sum(len(insert.offsets) for insert in planned if insert.table == EVENTS)
    if offsets < expected:
        return "lost"
    return "exact" if stored == offsets == expected else "repeated"


def _check_batch(records: Sequence[Record], intents: Sequence[Intent]) -> None:
    for earlier, later in pairwise(records):
        same = (earlier.topic, earlier.partition) == (later.topic, later.partition)
        if not same or later.offset <= earlier.offset:
            raise PlanError(
                f"a batch holds one partition in offset order, found {earlier.topic}/{earlier.partition}@"
                f"{earlier.offset} before {later.topic}/{later.partition}@{later.offset}"
            )
    lost = [i for i in intents if records and not i.done and i.first < records[0].offset]
    if lost:
        raise PlanError(
            f"{lost[0].topic}/{lost[0].partition}: offsets {lost[0].first}-{lost[0].last} were begun and never "
            f"finished, but the batch starts at {records[0].offset}; fetch from {lost[0].first}, or, if retention has "
            f"deleted them, compare the counts of the range and mark it done"
        )


def _covering(offset: int, intents: Sequence[Intent]) -> Intent | None:
    return next((intent for intent in intents if intent.first <= offset <= intent.last), None)


def _next_start(offset: int, intents: Sequence[Intent]) -> int | None:
    return min((intent.first for intent in intents if intent.first > offset), default=None)


def _until(records: Sequence[Record], position: int, stop: int | None) -> list[Record]:
    """Return the records from ``position`` on that lie below the offset ``stop``."""
    return list(takewhile(lambda record: stop is None or record.offset < stop, records[position:]))


def _fresh(run: Sequence[Record], max_rows: int, max_bytes: int) -> list[Unit]:
    """Cut a run of new records into units of at most ``max_rows`` and ``max_bytes``, one record at least."""
    units: list[Unit] = []
    start, size = 0, 0
    for index, record in enumerate(run):
        if index > start and (index - start >= max_rows or size + len(record.value) > max_bytes):
            units.append(_unit(run[start:index]))
            start, size = index, 0
        size += len(record.value)
    return [*units, _unit(run[start:])]


def _unit(records: Sequence[Record]) -> Unit:
    first, last = records[0], records[-1]
    return Unit(Intent(first.topic, first.partition, first.offset, last.offset), tuple(records), replay=False)


def _insert(table: str, token: str | None, rows: Sequence[EventRow | Refusal]) -> Insert:
    return Insert(table, token, b"\n".join(row.line for row in rows), tuple(row.offset for row in rows))
