"""Migration 0005 computes the typed columns another way; what they hold, of every committed example, is the same."""

from datetime import UTC, datetime
from uuid import UUID

from connectors.clickhouse.port import Row
from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator
from processors.analytics.rows import COLUMNS, Record, event_row
from schemas.core.envelope import Envelope
from tests.schemas.examples import examples_of
from topics.registry import EVENTS

COMPUTED = """SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events'
AND default_kind = 'MATERIALIZED' ORDER BY position"""


async def _columns(warehouse: ServerWarehouse) -> list[Row]:
    now, lines = datetime(2026, 3, 2, tzinfo=UTC), []
    examples = [(topic, event) for topic in EVENTS for kind in topic.carries for event in examples_of(kind).values()]
    for number, (topic, event) in enumerate(examples):
        envelope = Envelope(UUID(int=number), "/noizylab/x", event.TYPE, "T-1", now, now, "T-1")
        lines.append(event_row(Record(topic.name, 0, number, envelope.to_headers(), event.to_json())).line)
    await warehouse.insert_lines("events", COLUMNS["events"], b"\n".join(lines))
    names = ", ".join(row["name"] for row in await warehouse.query(COMPUTED))
    rows = await warehouse.query(f"SELECT k_offset, {names} FROM events ORDER BY k_offset")
    await warehouse.command("TRUNCATE TABLE events")
    assert len(rows) == len(examples) > 100
    return rows


async def test_columns_hold_the_same_when_they_come_of_one_reading(empty_database: ServerWarehouse) -> None:
    migrator = Migrator(empty_database)
    await migrator.apply()
    now = await _columns(empty_database)
    await migrator.revert(4)
    before = await _columns(empty_database)
    assert [{name: row[name] for name in before[0]} for row in now] == before
    assert {len({str(row[name]) for row in now}) > 1 for name in ("amount_cents", "faults", "state_to")} == {True}
