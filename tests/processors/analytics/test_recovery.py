from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors.clickhouse.port import PoisonRows, Row, Warehouse
from processors.analytics.plan import inserts, plan_batch, poisoned
from processors.analytics.rows import Record
from tests.support.facts import fact
from tests.support.sink import steps, store

MONTH_END = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
CRASHES = 11


def _log(topic: str) -> list[Record]:
    """Twelve quotes on both sides of a month's end, in turns, and one record that is no event."""
    quotes = [
        fact("quote.prepared", MONTH_END + timedelta(hours=-1 if n % 2 else 1), n, f"T-{n:04}", topic,
             total_cents=100 + n, currency="EUR", quote_hash=f"{n:064}")
        for n in range(12)
    ]  # fmt: skip
    return [*quotes, Record(topic, 0, 12, [], b"{}")]


async def _stored(warehouse: Warehouse, topic: str) -> Row:
    [row] = await warehouse.query(
        "SELECT count() AS rows, uniqExact(k_offset) AS offsets, sum(amount_cents) AS cents FROM events "
        "WHERE k_topic = {topic:String}",
        {"topic": topic},
    )
    return row


async def _die_after(warehouse: Warehouse, log: Sequence[Record], survived_steps: int) -> bool:
    running = steps(warehouse, log, max_rows=7)
    for _ in range(survived_steps):
        if await anext(running, None) is None:
            return False
    await running.aclose()
    return True


async def test_everything_is_stored_once_when_the_sink_dies_after_any_step(warehouse: Warehouse) -> None:
    died = [await _die_after(warehouse, _log(f"t{crash}.events.v1"), crash) for crash in range(CRASHES)]
    assert died == [True] * 10 + [False], "the last one must lie beyond the end, so that every step is covered"
    for crash in range(CRASHES):
        topic = f"t{crash}.events.v1"
        await store(warehouse, _log(topic))
        assert await _stored(warehouse, topic) == {"rows": 12, "offsets": 12, "cents": sum(range(100, 112))}

    everything = CRASHES * 12
    rolled_up = await warehouse.query("SELECT sum(events) AS events, sum(amount_cents) AS cents FROM v_kpi_daily")
    assert rolled_up == [{"events": everything, "cents": CRASHES * sum(range(100, 112))}]
    health = await warehouse.query("SELECT event_type, events, duplicates, dead_letters FROM v_pipeline_health")
    assert health == [
        {"event_type": "", "events": 0, "duplicates": 0, "dead_letters": CRASHES},
        {"event_type": "noizylab.quote.prepared.v1", "events": everything, "duplicates": 0, "dead_letters": 0},
    ]


async def test_poison_row_ends_in_the_dead_letters_and_the_others_are_stored(warehouse: Warehouse) -> None:
    log = _log("poison.events.v1")[1:12:2]
    log[2] = Record(log[2].topic, 0, log[2].offset, log[2].headers, b'{"ticket_id": "T-0005", }')
    [unit] = plan_batch(log, []).units
    [planned] = inserts(unit)
    with pytest.raises(PoisonRows) as caught:
        await warehouse.insert_json_rows(planned.table, planned.rows, planned.token)
    refused = caught.value
    assert refused.column == "payload_is_json"
    assert refused.row_number is not None
    for insert in inserts(unit, poisoned(unit, planned, refused.row_number, refused.message, refused.column)):
        await warehouse.insert_json_rows(insert.table, insert.rows, insert.token)

    assert (await _stored(warehouse, "poison.events.v1"))["offsets"] == 5
    [letter] = await warehouse.query("SELECT k_offset, event_type, reason, column_name, value FROM events_dlq")
    assert letter == {
        "k_offset": 5,
        "event_type": "noizylab.quote.prepared.v1",
        "reason": "poison_row",
        "column_name": "payload_is_json",
        "value": '{"ticket_id": "T-0005", }',
    }
