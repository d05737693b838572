"""Storing the rows of one batch: one insert for each block, each under its token; refused rows become dead letters."""

from collections.abc import Sequence

from connectors.clickhouse.port import PoisonRows, Warehouse
from connectors.errors import Misconfigured
from processors.analytics.batch import DEAD_LETTERS, Block, blocks, token
from processors.analytics.metrics import SinkCounts
from processors.analytics.patience import stubbornly
from processors.analytics.rows import COLUMNS, Refusal, refuse
from processors.analytics.strips import Strip

MAX_POISON = 1_000
"""Refused rows in one batch, beyond which the fault is the table's and not the rows'."""


class Store:
    """Writes batches. ``with_tokens`` False: a repeated insert is stored again."""

    def __init__(self, warehouse: Warehouse, counts: SinkCounts, *, with_tokens: bool = True) -> None:
        self._warehouse, self._counts, self._with_tokens = warehouse, counts, with_tokens

    async def store(self, batch: str, strips: Sequence[Strip], refused: Sequence[Refusal]) -> list[Refusal]:
        """Store rows and dead letters; returns the rows that the warehouse refused.

        Raises:
            Misconfigured: the warehouse refuses so many rows that its tables must be at fault.
        """
        poison: list[Refusal] = []
        for block in blocks(strips):
            lines = block.lines
            await self._insert(batch, block, lines, range(len(lines)), poison)
        if letters := [*refused, *poison]:
            text = b"\n".join(one.line for one in letters)
            await stubbornly(lambda: self._warehouse.insert_json_rows(DEAD_LETTERS, text), self._counts)
        self._counts.refused.update(one.reason for one in letters)
        self._counts.rows += sum(len(one.lines) for one in strips) - len(poison)
        self._counts.batches += 1
        return poison

    async def _insert(
        self, batch: str, block: Block, lines: Sequence[bytes], numbers: Sequence[int], poison: list[Refusal]
    ) -> None:
        """Insert the rows of a block that have some numbers, without those that the warehouse refuses.

        The token names the numbers from the first to the last: a refused insert has stored nothing under it, and a
        replay, which meets the same refusals, cuts in the same places.
        """
        name = token(batch, block, numbers[0], numbers[-1] + 1) if self._with_tokens else None
        left = list(numbers)
        while left:
            refusal = await self._try(block, lines if len(left) == len(lines) else [lines[one] for one in left], name)
            if refusal is None:
                return
            named = refusal.row_number is not None and refusal.row_number <= len(left)
            if not named and len(left) > 1:
                middle = len(left) // 2
                await self._insert(batch, block, lines, left[:middle], poison)
                await self._insert(batch, block, lines, left[middle:], poison)
                return
            number = left.pop((refusal.row_number or 1) - 1 if named else 0)
            poison.append(refuse(block.record(number), "poison_row", refusal.message, refusal.column or ""))
            if len(poison) >= MAX_POISON:
                raise Misconfigured(
                    f"{MAX_POISON} rows of one batch were refused, the last with: {refusal.message} Nothing is "
                    "acknowledged. Compare the tables with `noizylab analytics status`, then start again"
                )

    async def _try(self, block: Block, lines: Sequence[bytes], name: str | None) -> PoisonRows | None:
        text, columns = b"\n".join(lines), COLUMNS[block.table]
        try:
            await stubbornly(lambda: self._warehouse.insert_lines(block.table, columns, text, name), self._counts)
        except PoisonRows as refusal:
            return refusal
        return None
