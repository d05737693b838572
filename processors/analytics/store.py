"""Storing the rows of one batch: one insert for each block, each under its token; refused rows become dead letters."""

from collections.abc import Sequence

from connectors.clickhouse.port import PoisonRows, Warehouse
from connectors.errors import Misconfigured
from processors.analytics.batch import DEAD_LETTERS, Block, blocks, token
from processors.analytics.metrics import SinkCounts
from processors.analytics.patience import stubbornly
from processors.analytics.rows import COLUMNS, Refusal, Row, refuse

MAX_POISON = 1_000
"""Refused rows in one batch, beyond which the fault is the table's and not the rows'."""


class Store:
    """Writes batches. ``with_tokens`` False: a repeated insert is stored again."""

    def __init__(self, warehouse: Warehouse, counts: SinkCounts, *, with_tokens: bool = True) -> None:
        self._warehouse, self._counts, self._with_tokens = warehouse, counts, with_tokens

    async def store(self, batch: str, rows: Sequence[Row], refused: Sequence[Refusal]) -> list[Row]:
        """Store rows and dead letters; returns the rows that the warehouse took.

        Raises:
            Misconfigured: the warehouse refuses so many rows that its tables must be at fault.
        """
        poison: list[Refusal] = []
        for block in blocks(rows):
            await self._insert(batch, block, list(enumerate(block.rows)), poison)
        if letters := [*refused, *poison]:
            lines = b"\n".join(one.line for one in letters)
            await stubbornly(lambda: self._warehouse.insert_json_rows(DEAD_LETTERS, lines), self._counts)
        self._counts.refused.update(one.reason for one in letters)
        gone = {one.record.place for one in poison}
        good = [row for row in rows if row.record.place not in gone] if gone else list(rows)
        self._counts.rows += len(good)
        self._counts.batches += 1
        return good

    async def _insert(self, batch: str, block: Block, rows: list[tuple[int, Row]], poison: list[Refusal]) -> None:
        """Insert numbered rows of a block, without those that the warehouse refuses.

        The token names the numbers from the first to the last: a refused insert has stored nothing under it, and a
        replay, which meets the same refusals, cuts in the same places.
        """
        name = token(batch, block, rows[0][0], rows[-1][0] + 1) if self._with_tokens else None
        while rows:
            refusal = await self._try(block, rows, name)
            if refusal is None:
                return
            named = refusal.row_number is not None and refusal.row_number <= len(rows)
            if not named and len(rows) > 1:
                middle = len(rows) // 2
                await self._insert(batch, block, rows[:middle], poison)
                await self._insert(batch, block, rows[middle:], poison)
                return
            _, row = rows.pop((refusal.row_number or 1) - 1 if named else 0)
            poison.append(refuse(row.record, "poison_row", refusal.message, refusal.column or ""))
            if len(poison) >= MAX_POISON:
                raise Misconfigured(
                    f"{MAX_POISON} rows of one batch were refused, the last with: {refusal.message} Nothing is "
                    "acknowledged. Compare the tables with `noizylab analytics status`, then start again"
                )

    async def _try(self, block: Block, rows: Sequence[tuple[int, Row]], name: str | None) -> PoisonRows | None:
        lines = b"\n".join(row.line for _, row in rows)
        columns = COLUMNS[block.table]
        try:
            await stubbornly(lambda: self._warehouse.insert_lines(block.table, columns, lines, name), self._counts)
        except PoisonRows as refusal:
            return refusal
        return None
