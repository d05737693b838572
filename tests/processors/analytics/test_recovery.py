"""The sink dies at every step of its work; whoever comes after it stores the rest, and nothing twice."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest

from connectors.clickhouse.port import Row, Settings, Warehouse
from connectors.errors import Misconfigured
from processors.analytics.batch import Range, batch_id, joined
from processors.analytics.intents import Intents
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from tests.support.facts import ListedLog, fact

MONTH_END = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
STEPS = 6
"""Intent, the first month, the same without its refused row, the second month, dead letters, done."""


class Died(Exception):
    """The process is gone at this moment."""


class Dying(Warehouse):
    """A warehouse whose caller dies at its n-th insert: before it arrives, or when it is stored and not answered."""

    def __init__(self, inner: Warehouse, at: int, *, answered: bool) -> None:
        self._inner, self._left, self._stored = inner, at, answered

    async def insert_json_rows(
        self, table: str, rows: bytes, token: str | None = None, settings: Settings | None = None
    ) -> None:
        await self._counted(self._inner.insert_json_rows(table, rows, token, settings))

    async def insert_lines(self, table: str, columns: Sequence[str], rows: bytes, token: str | None = None) -> None:
        await self._counted(self._inner.insert_lines(table, columns, rows, token))

    async def _counted(self, insert: Coroutine[Any, Any, None]) -> None:
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._stored):
            insert.close()
            raise Died
        await insert
        if self._left == 0:
            raise Died

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[Row]:
        return await self._inner.query(sql, parameters, settings)

    async def command(self, sql: str) -> None:
        await self._inner.command(sql)

    async def close(self) -> None:
        return None


def _log(topic: str, partition: int = 0) -> list[Record]:
    """Twelve quotes on both sides of a month's end, in turns, one that is no JSON, and one that is no event."""
    records = [
        fact("quote.prepared", MONTH_END + timedelta(hours=-1 if n % 2 else 1), n, f"T-{n:04}", topic,
             total_cents=100 + n, currency="EUR", quote_hash=f"{n:064}")
        for n in range(13)
    ]  # fmt: skip
    records[5].value = b'{"ticket_id": "T-0005", }'
    return [
        Record(topic, partition, one.offset, one.headers, one.value)
        for one in (*records, Record(topic, 0, 13, [], b"{}"))
    ]


async def _count(warehouse: Warehouse, topic: str) -> Row:
    [row] = await warehouse.query(
        "SELECT count() AS rows, uniqExact(k_offset) AS offsets, sum(amount_cents) AS cents FROM events "
        "WHERE k_topic = {topic:String}",
        {"topic": topic},
    )
    return row


ALL = {"rows": 12, "offsets": 12, "cents": sum(range(100, 113)) - 105}


@pytest.mark.parametrize("answered", [False, True], ids=["not-stored", "stored-unanswered"])
async def test_everything_is_stored_once_when_the_sink_dies_at_any_step(
    warehouse: Warehouse, *, answered: bool
) -> None:
    for step in range(1, STEPS + 1):
        topic = f"t{step}.events.v1"
        log = ListedLog(_log(topic))
        sink = Sink(Dying(warehouse, step, answered=answered), log, linger_s=0)
        await sink.opened(topic, 0, 0)
        with pytest.raises(Died):
            await sink.write(log.records)

        after = Sink(warehouse, log, linger_s=0)
        await after.opened(topic, 0, 0)
        await after.write(log.records[:4])  # the bounds of what is fetched now are others than before
        await after.write(log.records[4:])
        assert await _count(warehouse, topic) == ALL, step
        assert after.counts.verdicts.keys() <= {"exact"}
        finished = answered and step == STEPS
        assert after.counts.replayed == (0 if finished or (step == 1 and not answered) else 1), step

    turns = STEPS
    totals = await warehouse.query("SELECT sum(events) AS events, sum(amount_cents) AS cents FROM v_kpi_daily")
    assert totals == [{"events": turns * 12, "cents": turns * ALL["cents"]}]
    letters = await warehouse.query(
        "SELECT k_offset, reason, column_name, count() AS topics FROM events_dlq FINAL GROUP BY ALL ORDER BY k_offset"
    )
    assert letters == [
        {"k_offset": 5, "reason": "poison_row", "column_name": "payload_is_json", "topics": turns},
        {"k_offset": 13, "reason": "bad_envelope", "column_name": "", "topics": turns},
    ]


async def test_a_batch_of_two_partitions_is_replayed_once_by_the_owner_of_either(warehouse: Warehouse) -> None:
    log = ListedLog([*_log("two.events.v1"), *_log("two.events.v1", 1)])
    first = Sink(Dying(warehouse, 2, answered=True), log, linger_s=0.01)
    with pytest.raises(Died):
        await asyncio.gather(first.write(log.records[:14]), first.write(log.records[14:]))

    one, other = Sink(warehouse, log, linger_s=0), Sink(warehouse, log, linger_s=0)
    await one.opened("two.events.v1", 0, 0)
    await other.opened("two.events.v1", 1, 0)
    await one.write(log.records[:14])
    await other.write(log.records[14:])
    found = await _count(warehouse, "two.events.v1")
    assert found == {"rows": 24, "offsets": 12, "cents": 2 * ALL["cents"]}
    assert (one.counts.replayed, other.counts.replayed) == (1, 0)
    assert (one.counts.known, other.counts.known) == (14, 14)


async def test_only_what_is_not_stored_is_written_when_new_records_lie_round_known_ones(warehouse: Warehouse) -> None:
    log = ListedLog(_log("gap.events.v1"))
    await Sink(warehouse, log, linger_s=0).write(log.records[4:7])
    sink = Sink(warehouse, log, linger_s=0)
    await sink.opened("gap.events.v1", 0, 0)
    await sink.write(log.records)
    assert await _count(warehouse, "gap.events.v1") == ALL
    ranges = await warehouse.query(
        "SELECT first_offset, last_offset FROM sink_progress FINAL WHERE k_topic = 'gap.events.v1' ORDER BY 1"
    )
    assert [tuple(row.values()) for row in ranges] == [(0, 3), (4, 6), (7, 13)]


async def test_batches_side_by_side_reach_over_nothing_that_is_stored(warehouse: Warehouse) -> None:
    log = ListedLog(_log("side.events.v1"))
    await Sink(warehouse, log, linger_s=0).write(log.records[4:7])
    sink = Sink(warehouse, log, linger_s=0)
    await sink.opened("side.events.v1", 0, 0)
    await asyncio.gather(*(sink.write(log.records[start : start + 2]) for start in range(0, 14, 2)))
    assert await _count(warehouse, "side.events.v1") == ALL
    ranges = await warehouse.query(
        "SELECT first_offset, last_offset FROM sink_progress FINAL WHERE k_topic = 'side.events.v1' ORDER BY 1"
    )
    ends = [tuple(row.values()) for row in ranges]
    assert all(last < first for (_, last), (first, _) in pairwise(ends)), "ranges lie side by side"
    assert (ends[0][0], ends[-1][1]) == (0, 13)


async def test_batch_that_comes_again_behind_later_ones_stops_the_worker(warehouse: Warehouse) -> None:
    log = ListedLog(_log("again.events.v1"))
    sink = Sink(warehouse, log, linger_s=0)
    await sink.opened("again.events.v1", 0, 0)
    await sink.write(log.records[:6])
    with pytest.raises(RuntimeError, match="came after those behind it"):
        await sink.write(log.records[:3])
    await sink.opened("again.events.v1", 0, 0)
    await sink.write(log.records)
    assert await _count(warehouse, "again.events.v1") == ALL


async def test_lost_rows_are_stored_and_counted_when_a_token_outlived_them(warehouse: Warehouse) -> None:
    log = ListedLog(_log("lost.events.v1"))
    with pytest.raises(Died):
        await Sink(Dying(warehouse, STEPS - 1, answered=True), log, linger_s=0).write(log.records)
    await warehouse.command("DELETE FROM events WHERE k_topic = 'lost.events.v1' AND k_offset IN (2, 3)")
    assert (await _count(warehouse, "lost.events.v1"))["rows"] == 10
    after = Sink(warehouse, log, linger_s=0)
    await after.opened("lost.events.v1", 0, 0)
    assert await _count(warehouse, "lost.events.v1") == ALL
    assert after.counts.verdicts == {"lost": 1}


async def test_rows_that_are_there_twice_are_found(warehouse: Warehouse) -> None:
    log = ListedLog(_log("twice.events.v1"))
    ranges = joined(Range(*one.place, one.offset) for one in log.records)
    await Sink(warehouse, log, linger_s=0, logged=False).write(log.records)
    await Intents(warehouse).intend(ranges, batch_id(ranges))
    after = Sink(warehouse, log, linger_s=0)
    await after.opened("twice.events.v1", 0, 0)
    assert after.counts.verdicts == {"repeated": 1}


async def test_topic_that_was_made_anew_is_refused_because_its_events_would_be_taken_for_known(
    warehouse: Warehouse,
) -> None:
    log = ListedLog(_log("anew.events.v1"))
    await Sink(warehouse, log, linger_s=0).write(log.records)
    log.records = log.records[:3]
    with pytest.raises(Misconfigured, match=r"ends at offset 3, but offsets up to 13 .* made anew"):
        await Sink(warehouse, log, linger_s=0).opened("anew.events.v1", 0, 0)


async def test_newest_version_of_a_ticket_holds_whatever_arrives_after_it(warehouse: Warehouse) -> None:
    def view(offset: int, version: int, state: str) -> Record:
        held = {"version": version, "causes": [], "state": {
            "ticket_id": "T-1", "workspace_id": "main", "state": state, "complaint": "nzs1.secret",
            "device": {"category": "laptop", "brand": "Framework", "model": "13", "serial": "S-1"},
            "opened_at": "2026-03-02T09:00:00Z", "moved_at": "2026-03-02T10:00:00.5Z", "quote_total_cents": 900,
        }}  # fmt: skip
        return Record("tickets.views.v1", 0, offset, [], orjson.dumps(held))

    sink = Sink(warehouse, ListedLog(), linger_s=0)
    await sink.write([view(0, 1, "received"), view(1, 3, "ready"), view(2, 2, "quoted")])
    await sink.write([Record("tickets.views.v1", 0, 3, [], b""), Record("tickets.views.v1", 0, 4, [], b"[]")])
    await sink.write([view(5, 1, "received")])
    [row] = await warehouse.query(
        "SELECT state, version, workspace_id, device_brand, quote_total_cents, toString(moved_at) AS moved "
        "FROM v_ticket_snapshots"
    )
    assert row == {"state": "ready", "version": 3, "workspace_id": "main", "device_brand": "Framework",
                   "quote_total_cents": 900, "moved": "2026-03-02 10:00:00.500"}  # fmt: skip
    [letter] = await warehouse.query("SELECT k_offset, column_name FROM events_dlq")
    assert letter == {"k_offset": 4, "column_name": "snapshot_is_a_ticket"}
