"""The sink's loop in its plainest form, one step at a time, so that a test can stop it anywhere."""

from collections.abc import AsyncIterator, Sequence

from connectors.clickhouse.port import Warehouse
from processors.analytics.plan import (
    PROGRESS,
    PROGRESS_SQL,
    VERIFY_SQL,
    Plan,
    inserts,
    plan_batch,
    read_progress,
    verdict,
)
from processors.analytics.rows import Record


async def steps(warehouse: Warehouse, records: Sequence[Record], max_rows: int = 10_000) -> AsyncIterator[str]:
    """Store one partition's records from its start; every yield is a moment at which the process may die."""
    topic, partition = records[0].topic, records[0].partition
    parameters = {"topic": topic, "partition": partition, "from_offset": records[0].offset}
    plan: Plan = plan_batch(
        records, read_progress(topic, partition, await warehouse.query(PROGRESS_SQL, parameters)), max_rows=max_rows
    )
    for unit in plan.units:
        if not unit.replay:
            await warehouse.insert_json_rows(PROGRESS, unit.intent.progress_line(done=False))
            yield "intent logged"
        planned = inserts(unit)
        for insert in planned:
            await warehouse.insert_json_rows(insert.table, insert.rows, insert.token)
            yield "inserted"
        if unit.replay:
            [counts] = await warehouse.query(VERIFY_SQL, unit.intent.parameters)
            assert verdict(unit, planned, counts["stored"], counts["offsets"]) == "exact"
        await warehouse.insert_json_rows(PROGRESS, unit.intent.progress_line(done=True))
        yield "done"


async def store(warehouse: Warehouse, records: Sequence[Record]) -> None:
    """Store the records without a crash."""
    async for _ in steps(warehouse, records):
        pass
