"""The analytics stream: rows a second from the log to visible, beside the bare engine, and how fresh they are.

The bound is the same engine that is given the same rows, made beforehand, in inserts of the sink's size, into the same
tables with the same materialised views, in the same run.

The figures are measured apart from that, on an engine of their own and a year that was filled straight into it
(``warehouse_year``): the sink's log is an even stream of equal tickets, on which every figure would be quick.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any, Literal

from connectors.bus.restore import LogReader
from connectors.clickhouse.server import Connection, ServerWarehouse
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from infra.bench.warehouse_figures import CountingWarehouse, measure_figures
from infra.bench.warehouse_log import EVENTS_A_TICKET, tickets
from infra.bench.warehouse_stand import LOOK_EVERY_S, Stand, connect, running_stand
from infra.bench.warehouse_year import fill_year
from infra.clickhouse.layout import DATABASE, READER
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.batch import blocks
from processors.analytics.rows import COLUMNS, Record
from processors.analytics.sink import AT_ONCE, MAX_ROWS
from processors.analytics.strips import as_record, stretch_of
from topics.registry import EVENTS

WRITE_AT_ONCE = 250
"""Tickets in one acknowledged write to the log."""
RAW = "raw"
PACED_PER_S, PACED_S, PACE_S = 500, 20, 0.1
STUCK_AFTER_S = 60.0
GLANCE_EVERY_S = 0.25
"""While the sink works off the log: fifty looks a second, 3 to 4 ms each, would take a fifth of a core from it."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many events on the log, the seed of their ids and of the year, how many events the year of the figures has
    (0: as many as the log), and whether only one of the two parts is measured."""

    events: int = 1_000_000
    seed: int = 1
    figures_events: int = 0
    only: Literal["sink", "figures"] | None = None


async def run_analytics_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure the parts; returns rates in rows a second, times in milliseconds, ``load``: of the machine, at the start.

    Raises:
        Transient: a server does not come up, or the sink stands still.
    """
    found: dict[str, Any] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    if plan.only != "figures":
        found |= await _sink_part(plan, say)
    if plan.only != "sink":
        found |= await _figures_part(plan, say)
    return found


async def _sink_part(plan: Plan, say: Say) -> dict[str, Any]:
    """Fill a log, then a warehouse from it."""
    with tempfile.TemporaryDirectory(prefix="noizylab-analytics-") as folder:
        async with running_stand(Path(folder)) as stand:
            say(f"writing {plan.events} events to the log")
            written = await _fill(stand, plan)
            say("the sink, from the log to visible")
            sink = await _sink(stand, written)
            say(f"sink: {sink['rows_per_s']:.0f} rows/s; now {PACED_PER_S} events/s for {PACED_S} s")
            freshness = await _freshness(stand, plan, written)
            await asyncio.to_thread(stand.sink.stop)
            say("the bare engine, the same rows")
            raw = await _raw(stand, written)
            return {
                "events": written,
                "sink_rows_per_s": round(sink["rows_per_s"]),
                "raw_rows_per_s": round(raw["rows_per_s"]),
                "sink_to_raw_ratio": round(sink["rows_per_s"] / raw["rows_per_s"], 3),
                "cpu_us_per_row": sink["cpu_us_per_row"],
                "raw_cpu_us_per_row": raw["cpu_us_per_row"],
                "freshness_ms": freshness,
            }


async def _figures_part(plan: Plan, say: Say) -> dict[str, Any]:
    """Fill a year, and ask for every figure of it."""
    until = SystemClock().now().date()
    with tempfile.TemporaryDirectory(prefix="noizylab-figures-") as folder:
        engine = EmbeddedClickHouse(Path(folder))
        await engine.start()
        reads = Connection("127.0.0.1", engine.http_port, READER, engine.passwords[READER], DATABASE)
        admin, reader = connect(engine, DATABASE), CountingWarehouse(reads)
        try:
            await Migrator(admin).apply()
            filled = await fill_year(admin, plan.figures_events or plan.events, plan.seed, until, say)
            figures = await measure_figures(admin, reader, until, say)
        finally:
            await reader.close()
            await admin.close()
            await engine.stop()
    return {
        "figures_events": filled.events,
        "figures_tickets": filled.tickets,
        "figures_filled_s": round(filled.seconds, 1),
        "figures": figures,
    }


async def _fill(stand: Stand, plan: Plan) -> int:
    count = -(-plan.events // EVENTS_A_TICKET)
    made, written = tickets(count, plan.seed, SystemClock().now() - timedelta(days=20)), 0
    while batch := list(islice(made, WRITE_AT_ONCE)):
        records = [record for ticket in batch for record in ticket.events]
        await stand.publish(records)
        written += len(records)
    return written


async def _sink(stand: Stand, expected: int) -> dict[str, Any]:
    """Start the sink on the full log; the clock runs from the moment it has its partitions."""
    await stand.start_sink()
    started, busy = time.monotonic(), _busy(stand)
    await _until(stand, expected)
    seconds, after = time.monotonic() - started, _busy(stand)
    cpu = {name: _us_a_row(busy[name], after[name], expected) for name in busy}
    return {"rows_per_s": expected / seconds, "cpu_us_per_row": cpu}


def _busy(stand: Stand) -> dict[str, float | None]:
    """Return the processor time of each part so far, in seconds."""
    return {"worker": stand.sink.cpu_s(), "engine": stand.engine_cpu_s(), "broker": stand.broker.cpu_s()}


def _us_a_row(before: float | None, after: float | None, rows: int) -> float | None:
    return None if before is None or after is None else round((after - before) / rows * 1e6, 1)


async def _until(stand: Stand, expected: int) -> None:
    seen, moved = -1, time.monotonic()
    while (count := await stand.count()) < expected:
        if count != seen:
            seen, moved = count, time.monotonic()
        elif time.monotonic() - moved > STUCK_AFTER_S:
            raise Transient(f"the sink stands still at {count} of {expected} rows; {stand.sink.said()}")
        await asyncio.sleep(GLANCE_EVERY_S)


async def _freshness(stand: Stand, plan: Plan, before: int) -> dict[str, float]:
    """Write at an even pace; an event is visible when the table has as many rows as events were acknowledged up to it.

    From the acknowledgement of the log to the first look that shows it, so a look's interval is in it.
    """
    acknowledged: list[float] = []
    visible: list[float] = []
    count = PACED_PER_S * PACED_S
    paced = (record for ticket in tickets(count // EVENTS_A_TICKET + 1, plan.seed + 1, SystemClock().now())
             for record in ticket.events)  # fmt: skip

    async def write() -> None:
        started, each = time.monotonic(), int(PACED_PER_S * PACE_S)
        for turn in range(count // each):
            await asyncio.sleep(max(0.0, started + turn * PACE_S - time.monotonic()))
            batch = list(islice(paced, each))
            await stand.publish(batch)
            acknowledged.extend([time.monotonic()] * len(batch))

    writing = asyncio.create_task(write())
    while len(visible) < count:
        rows = await stand.count() - before
        now = time.monotonic()
        visible.extend([now] * (rows - len(visible)))
        if writing.done():
            writing.result()
            if now - acknowledged[-1] > STUCK_AFTER_S:
                raise Transient(f"{count - len(visible)} events never became visible; {stand.sink.said()}")
        await asyncio.sleep(LOOK_EVERY_S)
    await writing
    waits = [(seen - told) * 1000 for told, seen in zip(acknowledged, visible, strict=False)]
    cuts = quantiles(waits, n=100)
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "max": round(max(waits), 1)}


async def _raw(stand: Stand, expected: int) -> dict[str, Any]:
    """Measure inserts alone, with the engine's time: lines are read and made while the clock stands."""
    await stand.warehouse.command(f"CREATE DATABASE {RAW}")
    warehouse = connect(stand.engine, RAW)
    spent = _Spent(stand)
    inserted = 0
    try:
        await Migrator(warehouse).apply()
        async with LogReader(stand.cluster, "bench-raw") as reader:
            rows: list[Record] = []
            tps = await reader.partitions([topic.name for topic in EVENTS])
            async for record in reader.to_end(tps):
                rows.append(as_record(record))
                if len(rows) == 10 * MAX_ROWS:
                    await spent.insert(warehouse, rows)
                    inserted += len(rows)
                    rows = []
                if inserted + len(rows) >= expected:
                    break
            await spent.insert(warehouse, rows)
            inserted += len(rows)
    finally:
        await warehouse.close()
    return {"rows_per_s": inserted / spent.seconds, "cpu_us_per_row": _us_a_row(0.0, spent.cpu_s, inserted)}


class _Spent:
    """Time in inserts: of the clock, and of the engine's processors, None where /proc is missing."""

    def __init__(self, stand: Stand) -> None:
        self.seconds = 0.0
        self.cpu_s: float | None = 0.0
        self._stand = stand

    async def insert(self, warehouse: ServerWarehouse, records: list[Record]) -> None:
        """Insert blocks of one month each, as many at a time as the sink does."""
        strips = stretch_of(records).strips
        waiting = iter([b"\n".join(part) for block in blocks(strips) for part in _cut(block.lines)])

        async def one_after_the_other() -> None:
            for chunk in waiting:
                await warehouse.insert_lines("events", COLUMNS["events"], chunk)

        started, busy = time.monotonic(), self._stand.engine_cpu_s()
        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
        self.seconds += time.monotonic() - started
        after = self._stand.engine_cpu_s()
        if self.cpu_s is None or busy is None or after is None:
            self.cpu_s = None
        else:
            self.cpu_s += after - busy


def _cut(lines: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(lines), MAX_ROWS):
        yield lines[start : start + MAX_ROWS]
