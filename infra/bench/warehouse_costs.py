"""What each materialised view behind ``events`` costs the engine: its CPU time a row, on insert and in merges.

    python -m infra.bench.warehouse_costs --events 200000 --rounds 3

The sink's own rows (``warehouse_log``) go in, made beforehand, in inserts of the sink's size and under tokens, two at a
time, into a database of its own for every set of views: all of them, all but one, none. A view costs what the engine
needs less without it. CPU time is that of the engine's process until its merges have gone quiet; that of merges is what
its merging threads had of it. Other work on the machine is not in it, but makes it up to a third larger: caches, clocks
and cores are shared. So the sets take turns, and of every set the least of its rounds holds.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.clickhouse.server import ServerWarehouse
from infra.bench.warehouse_log import EVENTS_A_TICKET, tickets
from infra.bench.warehouse_stand import connect
from infra.bench.warehouse_year import quiet
from infra.clickhouse.layout import DATABASE
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.batch import blocks
from processors.analytics.rows import COLUMNS, EVENTS, Record
from processors.analytics.sink import AT_ONCE, MAX_ROWS
from processors.analytics.strips import stretch_of

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
"""When the first ticket was opened."""
MERGING = "MergeMutate"
"""The engine's name for its threads that merge."""
Block = tuple[int, bytes]
"""Rows of one insert, and their lines."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of the engine in microseconds a row: of inserts, and of the merges after them."""

    insert_us: float
    merge_us: float

    @property
    def total_us(self) -> float:
        """Both together."""
        return self.insert_us + self.merge_us


def cpu_s(pid: int) -> tuple[float, float]:
    """Return the CPU seconds of a process so far, and those of its merging threads among them (Linux only)."""
    merging = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().startswith(MERGING):
                merging += _ticks(task / "stat")
        except FileNotFoundError:  # the thread ended meanwhile
            continue
    return _ticks(Path(f"/proc/{pid}/stat")), merging


def _ticks(path: Path) -> float:
    """Return user and system time: fields 14 and 15 of proc(5), after the name, which may hold spaces."""
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure_costs(events: int, seed: int, rounds: int) -> dict[str, Any]:
    """Return ``all``, ``none`` (``insert_us``, ``merge_us``, ``total_us`` a row), and in ``views`` what each adds."""
    rows = list(_blocks(events, seed))
    with tempfile.TemporaryDirectory(prefix="noizylab-costs-") as folder:
        engine = EmbeddedClickHouse(Path(folder))
        await engine.start()
        root = connect(engine, DATABASE)
        try:
            await Migrator(root).apply()
            views = await _views(root)
            await _cost(engine, root, rows, ())  # the first inserts pay for the engine's start
            sets: tuple[tuple[str, ...], ...] = ((), *((view,) for view in views), views)
            taken = [[await _cost(engine, root, rows, without) for without in sets] for _ in range(rounds)]
        finally:
            await root.close()
            await engine.stop()
    whole, *less, bare = (min(costs, key=lambda cost: cost.total_us) for costs in zip(*taken, strict=True))
    added = {view: _told(Cost(whole.insert_us - cost.insert_us, whole.merge_us - cost.merge_us))
             for view, cost in zip(views, less, strict=True)}  # fmt: skip
    return {"rows": sum(count for count, _ in rows), "load": round(os.getloadavg()[0], 2), "all": _told(whole),
            "none": _told(bare), "views": added}  # fmt: skip


def _told(cost: Cost) -> dict[str, float]:
    return {"insert_us": round(cost.insert_us, 2), "merge_us": round(cost.merge_us, 2),
            "total_us": round(cost.total_us, 2)}  # fmt: skip


def _blocks(events: int, seed: int) -> Iterator[Block]:
    made = (record for ticket in tickets(events // EVENTS_A_TICKET, seed, BEGAN) for record in ticket.events)
    records = (Record(one.topic, 0, offset, one.headers, one.value or b"") for offset, one in enumerate(made))
    while batch := list(islice(records, MAX_ROWS)):
        for block in blocks(stretch_of(batch).strips):
            if block.table == EVENTS:
                yield len(block.lines), b"\n".join(block.lines)


async def _views(warehouse: ServerWarehouse) -> tuple[str, ...]:
    """Return the materialised views that a migrated database has behind ``events``."""
    [table] = await warehouse.query(
        "SELECT dependencies_table AS views FROM system.tables WHERE database = currentDatabase() AND name = 'events'"
    )
    return tuple(sorted(table["views"]))


async def _cost(
    engine: EmbeddedClickHouse, root: ServerWarehouse, rows: Sequence[Block], without: Sequence[str]
) -> Cost:
    await root.command("CREATE DATABASE costs")
    warehouse = connect(engine, "costs")
    try:
        await Migrator(warehouse).apply()
        for view in without:
            await warehouse.command(f"DROP VIEW {view}")
        await quiet(warehouse)
        busy, merging = cpu_s(engine.pid or 0)
        await _insert(warehouse, rows)
        await quiet(warehouse)
        busy_after, merging_after = cpu_s(engine.pid or 0)
    finally:
        await warehouse.close()
        await root.command("DROP DATABASE costs SYNC")
    count, merged = sum(count for count, _ in rows), merging_after - merging
    return Cost((busy_after - busy - merged) / count * 1e6, merged / count * 1e6)


async def _insert(warehouse: ServerWarehouse, rows: Sequence[Block]) -> None:
    waiting = iter(enumerate(rows))

    async def one_after_the_other() -> None:
        for number, (_, lines) in waiting:
            await warehouse.insert_lines(EVENTS, COLUMNS[EVENTS], lines, token=f"costs-{number}")

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def main(arguments: Sequence[str]) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.warehouse_costs", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    sys.stdout.write(
        json.dumps(asyncio.run(measure_costs(options.events, options.seed, options.rounds)), indent=2) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
