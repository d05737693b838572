"""A plausible year straight into a warehouse, without the log and the sink: what the figures are measured on.

The first million events are those of ``noizylab analytics seed``, made in Python and turned into rows by the sink's own
code. Beyond a million the engine copies them under other names, so that ten million are a shop with ten times the
tickets: every copy has tickets, events and snapshots of its own, and shares the customers, technicians and parts. Rows
go through the tables' own computed columns and materialised views, in blocks of ``BLOCK_ROWS``; only when they came in
is made up, since a year that arrived this minute would put all of it into one period of the figure on the stream.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from time import monotonic

from connectors.bus.records import Outgoing
from connectors.clickhouse.port import Warehouse
from infra.year.year import Plan, Year
from processors.analytics.rows import COLUMNS, EVENTS, SNAPSHOTS, Record, Row, row_of

MADE_MAX = 1_000_000
"""Events that are made in Python at some 25,000 a second; more are copied."""
AT_ONCE = 50_000
BLOCK_ROWS = 100_000
QUIET_LOOK_S = 0.5

_COLUMNS = (
    "event_id, event_type, source, subject, correlation_id, causation_id, event_ts, recorded_ts, k_topic, k_partition, "
    "k_offset, payload"
)
STAGED = (
    (
        "CREATE TABLE staged_events (event_id UUID, event_type LowCardinality(String), source LowCardinality(String), "
        "subject String, correlation_id String, causation_id Nullable(UUID), event_ts DateTime64(3, 'UTC'), "
        "recorded_ts DateTime64(3, 'UTC'), k_topic LowCardinality(String), k_partition UInt32, k_offset UInt64, "
        "payload String) ENGINE = MergeTree ORDER BY event_ts"
    ),
    (
        "CREATE TABLE staged_snapshots (snapshot String, k_partition UInt32, k_offset UInt64) ENGINE = MergeTree "
        "ORDER BY k_offset"
    ),
)
# Ids of tickets begin with T-, and nothing else in a made-up year has these two letters in a row.
COPY_EVENTS = """
INSERT INTO events ({columns}, ingested_at)
SELECT
    reinterpretAsUUID(sipHash128(event_id, {copy})), event_type, source, replaceAll(subject, 'T-', 'T{copy}-'),
    replaceAll(correlation_id, 'T-', 'T{copy}-'), reinterpretAsUUID(sipHash128(causation_id, {copy})), event_ts,
    recorded_ts, k_topic, k_partition, k_offset + {copy} * 0x100000000, replaceAll(payload, 'T-', 'T{copy}-'),
    recorded_ts + toIntervalMillisecond(100 + cityHash64(event_id) % 1500)
FROM staged_events
WHERE toYYYYMM(event_ts) = {month}
ORDER BY event_ts
"""
COPY_SNAPSHOTS = """
INSERT INTO ticket_snapshots (snapshot, k_partition, k_offset)
SELECT replaceAll(snapshot, 'T-', 'T{copy}-'), k_partition, k_offset + {copy} * 0x100000000 FROM staged_snapshots
"""
IN_BLOCKS = (
    f" SETTINGS max_block_size = {BLOCK_ROWS}, min_insert_block_size_rows = {BLOCK_ROWS}, "
    "min_insert_block_size_bytes = 0, max_insert_threads = 1, insert_deduplicate = 0, max_execution_time = 0"
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled: rows of ``events``, tickets, and the seconds it took until the merges had gone quiet."""

    events: int
    tickets: int
    seconds: float


async def fill_year(
    warehouse: Warehouse,
    events: int,
    seed: int,
    until: date,
    say: Callable[[str], None],
    *,
    made_max: int = MADE_MAX,
) -> Filled:
    """Fill a migrated, empty warehouse with about ``events`` events of the year before ``until``."""
    started, copies = monotonic(), max(1, round(events / made_max))
    year = Year(Plan(round(events / copies), seed, until))
    for statement in STAGED:
        await warehouse.command(statement)
    async for rows in _made(year):
        await _stage(warehouse, rows)
    say(f"made {year.events} events in {monotonic() - started:.0f} s")
    months = await warehouse.query("SELECT DISTINCT toYYYYMM(event_ts) AS month FROM staged_events ORDER BY month")
    for copy in range(copies):
        for month in months:
            await warehouse.command(COPY_EVENTS.format(columns=_COLUMNS, copy=copy, month=month["month"]) + IN_BLOCKS)
        await warehouse.command(COPY_SNAPSHOTS.format(copy=copy) + IN_BLOCKS)
        say(f"{(copy + 1) * year.events} events in {monotonic() - started:.0f} s")
    for table in ("staged_events", "staged_snapshots"):
        await warehouse.command(f"DROP TABLE {table} SYNC")
    await quiet(warehouse)
    return Filled(copies * year.events, copies * year.tickets, monotonic() - started)


async def _made(year: Year) -> AsyncIterator[list[Row]]:
    """Yield rows, some at a time, made in a thread: the engine's connection must not wait for them."""
    made = _rows(year.records())
    while rows := await asyncio.to_thread(lambda: list(islice(made, AT_ONCE))):
        yield rows


def _rows(records: Iterable[Outgoing]) -> Iterator[Row]:
    for offset, record in enumerate(records):
        row = row_of(Record(record.topic, 0, offset, record.headers, record.value or b""))
        if isinstance(row, Row):
            yield row


async def _stage(warehouse: Warehouse, rows: list[Row]) -> None:
    for table, into in ((EVENTS, "staged_events"), (SNAPSHOTS, "staged_snapshots")):
        lines = b"\n".join(row.line for row in rows if row.table == table)
        if lines:
            await warehouse.insert_lines(into, COLUMNS[table], lines)


async def quiet(warehouse: Warehouse) -> None:
    """Wait until no parts are merged any more: a year that came in over a year has been merged long since."""
    still = 0
    while still < 3:
        [row] = await warehouse.query("SELECT count() AS merges FROM system.merges")
        still = 0 if row["merges"] else still + 1
        await asyncio.sleep(QUIET_LOOK_S)
