"""The sink: rows of many partitions gathered for a moment, written by one insert, acknowledged together.

Small inserts are what a column store bears worst, so batches of all partitions share one. It delivers at least once:
after a crash some rows may be stored twice, under the same event id, and every figure counts an event once.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from connectors.clickhouse.port import PoisonRows, Warehouse
from processors.analytics.rows import EventRow, Record, Refusal, event_row, refuse

MAX_ROWS = 10_000
MAX_BYTES = 8 * 1024 * 1024
LINGER_S = 0.5
EVENTS, DEAD_LETTERS = "events", "events_dlq"


@dataclass(slots=True)
class _Gathering:
    """Rows that will be written together, and who waits for them."""

    rows: list[tuple[EventRow, Record]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    size: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Task[None] | None = None


class Sink:
    """Writes records to the warehouse. Bounded by rows, bytes and time."""

    def __init__(self, warehouse: Warehouse, *, linger_s: float = LINGER_S) -> None:
        self._warehouse = warehouse
        self._linger_s = linger_s
        self._gathering = _Gathering()
        self.rows_written = 0

    async def write(self, records: Sequence[Record]) -> None:
        """Return when every record is stored, as an event or as a dead letter.

        Raises:
            Transient: the warehouse is away; nothing is acknowledged, the caller repeats its batch.
        """
        gathering = self._gathering
        for record in records:
            row = event_row(record)
            if isinstance(row, EventRow):
                gathering.rows.append((row, record))
            else:
                gathering.refused.append(row)
            gathering.size += len(row.line)
        if gathering.written is None:
            gathering.written = asyncio.create_task(self._after_a_moment(gathering))
        if len(gathering.rows) >= MAX_ROWS or gathering.size >= MAX_BYTES:
            gathering.full.set()
        # Shielded: one partition that is taken away must not cancel the insert that others wait for.
        await asyncio.shield(gathering.written)

    async def _after_a_moment(self, gathering: _Gathering) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gathering.full.wait(), self._linger_s)
        self._gathering = _Gathering()
        ordered = sorted(gathering.rows, key=lambda pair: pair[0].month)
        for _, of_month in groupby(ordered, key=lambda pair: pair[0].month):
            await self._insert(list(of_month), gathering.refused)
        if gathering.refused:
            await self._warehouse.insert_json_rows(DEAD_LETTERS, b"\n".join(one.line for one in gathering.refused))

    async def _insert(self, pairs: list[tuple[EventRow, Record]], refused: list[Refusal]) -> None:
        """Insert rows of one month; rows that the warehouse refuses become dead letters, the others are stored."""
        while pairs:
            try:
                await self._warehouse.insert_json_rows(EVENTS, b"\n".join(row.line for row, _ in pairs))
            except PoisonRows as poison:
                named = poison.row_number is not None and poison.row_number <= len(pairs)
                if not named and len(pairs) > 1:
                    middle = len(pairs) // 2
                    await self._insert(pairs[:middle], refused)
                    pairs = pairs[middle:]
                    continue
                _, record = pairs.pop((poison.row_number or 1) - 1 if named else 0)
                refused.append(refuse(record, "poison_row", poison.message, poison.column or ""))
                continue
            self.rows_written += len(pairs)
            return
