"""The figures of a period on a filled warehouse, each asked as ``GET /v1/analytics/figures/{name}`` asks it.

One ask is what the route sends: rows, numbers of the days, and the period before, three queries at once, by the user
who may only read and has a budget. Every figure is asked over periods of 7, 30 and 90 days that end all over the year;
the first ask of each finds the engine's own caches empty and is told apart.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from statistics import quantiles
from time import perf_counter
from typing import Any

from connectors.clickhouse.port import Row, Settings, Warehouse
from connectors.clickhouse.server import Connection, ServerWarehouse, classify
from processors.analytics.reports import REPORTS, Report
from processors.gateway.edge.routes_reports import ask

LENGTHS_DAYS = (7, 30, 90)
ENDS = 8
"""Periods of each length."""
REACH_DAYS = 270
"""Over which their ends are spread: the longest has its period before it within the year."""
CACHES = ("MARK CACHE", "UNCOMPRESSED CACHE", "PRIMARY INDEX CACHE", "QUERY CONDITION CACHE")


class CountingWarehouse(ServerWarehouse):
    """A warehouse that adds up how many rows its queries read, by the server's own summary."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.rows_read = 0

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[Row]:
        """Return the rows of a SELECT; see the port."""
        result = await self._call(
            lambda client: client.query(sql, dict(parameters or {}), dict(settings or {})), classify
        )
        self.rows_read += int(result.summary.get("read_rows", 0))
        return list(result.named_results())


async def measure_figures(
    admin: Warehouse, reader: CountingWarehouse, until: date, say: Callable[[str], None], *, ends: int = ENDS
) -> list[dict[str, Any]]:
    """Return one entry a figure: ``name``, ``cold_ms``, ``p50_ms``, ``p95_ms``, ``asked``, and ``rows_read``, the most
    that one ask read."""
    found = []
    for report in REPORTS:
        found.append(await _measure(report, admin, reader, until, ends))
        say(", ".join(f"{key} {value}" for key, value in found[-1].items()))
    return found


async def _measure(
    report: Report, admin: Warehouse, reader: CountingWarehouse, until: date, ends: int
) -> dict[str, Any]:
    for cache in CACHES:
        await admin.command(f"SYSTEM DROP {cache}")
    cold_ms, most = await _asked(report, reader, *_period(until, LENGTHS_DAYS[1]))
    waits = []
    for begin, end in periods(until, ends):
        wait_ms, rows = await _asked(report, reader, begin, end)
        waits.append(wait_ms)
        most = max(most, rows)
    cuts = quantiles(waits, n=100, method="inclusive")
    return {
        "name": report.name,
        "cold_ms": round(cold_ms, 1),
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "asked": len(waits),
        "rows_read": most,
    }


def periods(until: date, ends: int = ENDS) -> Iterator[tuple[datetime, datetime]]:
    """Yield the periods, from the newest to the oldest, their lengths in turn."""
    for number in range(ends):
        end = until - timedelta(days=number * (REACH_DAYS - 2 * LENGTHS_DAYS[-1]) // max(1, ends - 1))
        for length in LENGTHS_DAYS:
            yield _period(end, length)


def _period(until: date, days: int) -> tuple[datetime, datetime]:
    end = datetime.combine(until, time(), UTC)
    return end - timedelta(days=days), end


async def _asked(report: Report, reader: CountingWarehouse, begin: datetime, end: datetime) -> tuple[float, int]:
    before, started = reader.rows_read, perf_counter()
    await ask(reader, report, "main", begin, end)
    return (perf_counter() - started) * 1000, reader.rows_read - before
