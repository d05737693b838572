"""The watch over the number of parts: a table with too many refuses inserts, so the sink slows down long before."""

import asyncio
from time import monotonic

from connectors.clickhouse.port import Warehouse
from connectors.errors import ConnectorError
from processors.analytics.metrics import SinkCounts

PARTS_SQL = """
SELECT max(parts) AS parts FROM
(
    SELECT count() AS parts FROM system.parts
    WHERE active AND database = currentDatabase() GROUP BY table, partition_id
)
"""
LOOK_EVERY_S = 5.0
SLOW_FROM, SLOWEST_AT = 300, 900
"""Active parts in one partition. The engine itself delays inserts from 1,000 on and refuses them from 3,000
(parts_to_delay_insert, parts_to_throw_insert; ClickHouse 26.9)."""
LONGEST_PAUSE_S = 5.0


class PartsWatch:
    """Looks at the number of parts now and then, and pauses the inserts while there are many."""

    def __init__(self, warehouse: Warehouse, counts: SinkCounts) -> None:
        self._warehouse, self._counts = warehouse, counts
        self._looked_at = -LOOK_EVERY_S

    async def pace(self) -> None:
        """Return when the next insert may begin."""
        if monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = monotonic()
            try:
                [row] = await self._warehouse.query(PARTS_SQL)
            except ConnectorError:
                return  # the insert meets the same weather, and waits for it; without the grant there is no watch
            self._counts.parts = int(row["parts"])
        if pause := pause_for(self._counts.parts):
            self._counts.paused_s += pause
            await asyncio.sleep(pause)


def pause_for(parts: int) -> float:
    """Return the seconds to wait before an insert, given the most parts that a partition has."""
    share = (parts - SLOW_FROM) / (SLOWEST_AT - SLOW_FROM)
    return LONGEST_PAUSE_S * min(max(share, 0.0), 1.0)
