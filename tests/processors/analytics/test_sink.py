import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.ranges import LogRanges
from connectors.bus.records import Outgoing
from connectors.bus.stage import PartitionState, WorkerStop
from connectors.clickhouse.port import PoisonRows, Row, Settings, Warehouse
from connectors.errors import Misconfigured, Transient
from processors.analytics import parts, patience, store
from processors.analytics import sink as sink_module
from processors.analytics.agent import wire
from processors.analytics.metrics import SinkCollector
from processors.analytics.rows import COLUMNS, Record
from processors.analytics.sink import Sink
from tests.support.driver import MemoryLog, as_fetched
from tests.support.facts import ListedLog, fact
from tests.support.lines import read_values

MARCH = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
APRIL = MARCH + timedelta(hours=2)


class Shelf(Warehouse):
    """A warehouse in memory. An insert is stored as a whole or not at all, as a block of one partition is."""

    def __init__(self, *, poison: frozenset[int] = frozenset(), names_rows: bool = True) -> None:
        self.inserts: list[tuple[str, list[Row]]] = []
        self.tried = 0
        self.down: Exception | None = None
        self.away = {"events", "events_dlq"}
        self.progress: list[Row] = []
        self.parts = 1
        self.open = asyncio.Event()
        self.open.set()
        self._poison = poison
        self._names_rows = names_rows

    async def insert_json_rows(
        self, table: str, rows: bytes, token: str | None = None, settings: Settings | None = None
    ) -> None:
        lines = [orjson.loads(line) for line in rows.split(b"\n")]
        if table != "sink_progress":
            await self._insert(table, lines)
            return
        if self.down is not None and table in self.away:
            raise self.down
        self.progress += lines

    async def insert_lines(self, table: str, columns: Sequence[str], rows: bytes, token: str | None = None) -> None:
        assert table in ("events", "ticket_snapshots")
        assert columns == COLUMNS[table]
        lines = [read_values(table, line) for line in rows.split(b"\n")]
        for line in lines:
            line |= {"k_partition": int(line["k_partition"]), "k_offset": int(line["k_offset"])}
        await self._insert(table, lines)

    async def _insert(self, table: str, lines: list[Row]) -> None:
        self.tried += 1
        await self.open.wait()
        if self.down is not None and table in self.away:
            raise self.down
        if table == "events":
            assert len({line["event_ts"][:7] for line in lines}) == 1, "a block lies in one partition"
            for number, line in enumerate(lines, start=1):
                if line["k_offset"] in self._poison:
                    raise PoisonRows(number if self._names_rows else None, "payload_is_json", "violated constraint")
        self.inserts.append((table, lines))

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> list[Row]:
        if "system.parts" in sql:
            return [{"parts": self.parts}]
        return []

    async def command(self, sql: str) -> None:
        raise NotImplementedError("a sink only writes")

    async def close(self) -> None:
        return None

    def stored(self, table: str = "events") -> list[int]:
        """Return the offsets of all rows of a table, in the order they were stored."""
        return [row["k_offset"] for name, rows in self.inserts if name == table for row in rows]


def facts(*offsets: int, at: datetime = MARCH, topic: str = "tickets.events.v1") -> list[Record]:
    return [fact("ticket.moved", at, offset, topic=topic) for offset in offsets]


async def started(*writes: "asyncio.Task[None]") -> None:
    """Let tasks run up to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(one.done() for one in writes)


async def test_shares_one_insert_among_partitions() -> None:
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=0.01)
    await asyncio.gather(
        sink.write(facts(1, 2)), sink.write(facts(3, topic="quotes.events.v1")), sink.write(facts(4, 5))
    )
    assert [table for table, _ in shelf.inserts] == ["events"]
    assert sorted(shelf.stored()) == [1, 2, 3, 4, 5]
    assert sink.counts.rows == 5
    await sink.write(facts(6))
    assert len(shelf.inserts) == 2


async def test_writes_months_apart_because_they_are_partitions_of_the_table() -> None:
    shelf = Shelf()
    mixed = [*facts(1), *facts(2, at=APRIL), *facts(3), *facts(4, at=APRIL)]
    await Sink(shelf, ListedLog(), linger_s=0).write(mixed)
    assert [[row["k_offset"] for row in rows] for _, rows in shelf.inserts] == [[1, 3], [2, 4]]


@pytest.mark.parametrize("names_rows", [True, False], ids=["row-named", "row-not-named"])
@pytest.mark.parametrize("poison", [{1}, {3}, {7}, {2, 3}, {1, 2, 3, 4, 5, 6, 7}], ids=str)
async def test_stores_the_others_when_the_warehouse_refuses_rows(poison: set[int], names_rows: bool) -> None:
    shelf = Shelf(poison=frozenset(poison), names_rows=names_rows)
    sink = Sink(shelf, ListedLog(), linger_s=0)
    await sink.write(facts(1, 2, 3, 4, 5, 6, 7))
    good = {1, 2, 3, 4, 5, 6, 7} - poison
    assert sorted(shelf.stored()) == sorted(good)
    assert sorted(shelf.stored("events_dlq")) == sorted(poison)
    assert sink.counts.rows == len(good)
    [letters] = [rows for table, rows in shelf.inserts if table == "events_dlq"]
    assert {(row["reason"], row["error"], row["column_name"]) for row in letters} == {
        ("poison_row", "violated constraint", "payload_is_json")
    }


async def test_stores_what_is_no_event_as_a_dead_letter() -> None:
    shelf = Shelf()
    headless = Record("tickets.events.v1", 0, 2, [], b"{}")
    await Sink(shelf, ListedLog(), linger_s=0).write([*facts(1), headless])
    assert (shelf.stored(), shelf.stored("events_dlq")) == ([1], [2])


@pytest.mark.parametrize("away", ["sink_progress", "events", "events_dlq"])
async def test_waits_and_acknowledges_nobody_while_a_table_cannot_be_written(
    away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONGEST_RETRY_S", 0.01)
    shelf = Shelf(poison=frozenset({1}))
    sink = Sink(shelf, ListedLog(), linger_s=0)
    shelf.down, shelf.away = Transient("ClickHouse is away"), {away}
    writes = [asyncio.create_task(sink.write(facts(1))), asyncio.create_task(sink.write(facts(2)))]
    async with asyncio.timeout(5):
        while sink.counts.retries < 4:
            await asyncio.sleep(0.005)
    assert not any(one.done() for one in writes)
    shelf.down = None
    async with asyncio.timeout(5):
        await asyncio.gather(*writes)
    assert (shelf.stored(), shelf.stored("events_dlq")) == ([2], [1])


async def test_logs_the_ranges_of_a_batch_before_its_rows_and_again_when_they_are_stored() -> None:
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=0.01)
    shelf.open.clear()
    write = asyncio.gather(sink.write(facts(1, 2)), sink.write(facts(7, topic="quotes.events.v1")))
    async with asyncio.timeout(5):
        while not shelf.tried:
            await asyncio.sleep(0)
    said = [(row["k_topic"], row["first_offset"], row["last_offset"], row["state"]) for row in shelf.progress]
    assert said == [("quotes.events.v1", 7, 7, "intended"), ("tickets.events.v1", 1, 2, "intended")]
    shelf.open.set()
    await write
    assert [row["state"] for row in shelf.progress] == ["intended"] * 2 + ["done"] * 2
    assert len({row["batch_id"] for row in shelf.progress}) == 1


async def test_begins_nothing_when_its_partitions_belong_to_somebody_else() -> None:
    async def fence() -> None:
        raise WorkerStop("partitions were taken away")

    shelf = Shelf()
    with pytest.raises(WorkerStop):
        await Sink(shelf, ListedLog(), linger_s=0, fence=fence).write(facts(1))
    assert (shelf.progress, shelf.inserts) == ([], [])


async def test_stops_when_so_many_rows_are_refused_that_the_table_must_be_at_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "MAX_POISON", 3)
    shelf = Shelf(poison=frozenset(range(10)))
    with pytest.raises(Misconfigured, match="3 rows of one batch were refused"):
        await Sink(shelf, ListedLog(), linger_s=0).write(facts(*range(10)))
    assert [row["state"] for row in shelf.progress] == ["intended"]


async def test_slows_down_while_a_table_has_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [parts.pause_for(number) for number in (1, 300, 600, 900, 5_000)] == [0.0, 0.0, 2.5, 5.0, 5.0]
    monkeypatch.setattr(parts, "LONGEST_PAUSE_S", 0.02)
    shelf = Shelf()
    shelf.parts = 900
    sink = Sink(shelf, ListedLog(), linger_s=0)
    await sink.write(facts(1))
    assert (sink.counts.parts, sink.counts.paused_s) == (900, 0.02)


async def test_tells_what_it_did_in_metrics() -> None:
    sink = Sink(Shelf(poison=frozenset({2})), ListedLog(), linger_s=0)
    await sink.write(facts(1, 2, 3))
    samples = {
        s.name: s.value for f in SinkCollector(sink.counts).collect() for s in f.samples if "bucket" not in s.name
    }
    assert samples["noizylab_sink_rows_total"] == 2
    assert samples["noizylab_sink_refused_total"] == 1
    assert samples["noizylab_sink_batch_seconds_count"] == 1


async def test_waits_for_no_moment_when_enough_rows_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "ENOUGH_ROWS", 3)
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=600)
    first = asyncio.create_task(sink.write(facts(1, 2)))
    await started(first)
    assert shelf.tried == 0  # and nothing is logged either
    async with asyncio.timeout(5):
        await asyncio.gather(first, sink.write(facts(3)))
    assert len(shelf.inserts) == 1
    assert shelf.stored() == [1, 2, 3]


async def test_parts_what_is_too_much_for_one_insert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "MAX_ROWS", 3)
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=0.01)
    await asyncio.gather(sink.write(facts(1, 2)), sink.write(facts(3, 4, topic="quotes.events.v1")))
    assert [[row["k_offset"] for row in rows] for _, rows in shelf.inserts] == [[1, 2], [3, 4]]


async def test_waits_for_no_moment_when_enough_bytes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "MAX_BYTES", 2000)
    shelf = Shelf()
    big = [fact("ticket.moved", MARCH, 1, note="x" * 2000)]
    async with asyncio.timeout(5):
        await Sink(shelf, ListedLog(), linger_s=600).write(big)
    assert shelf.stored() == [1]


async def test_gathers_the_next_rows_while_an_insert_is_under_way() -> None:
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=0)
    shelf.open.clear()
    first = asyncio.create_task(sink.write(facts(1)))
    async with asyncio.timeout(5):
        while shelf.tried == 0:
            await asyncio.sleep(0)
    second = asyncio.create_task(sink.write(facts(2)))
    await started(first, second)
    shelf.open.set()
    await asyncio.gather(first, second)
    assert [[row["k_offset"] for row in rows] for _, rows in shelf.inserts] == [[1], [2]]


async def test_goes_on_for_the_others_when_one_partition_is_taken_away() -> None:
    shelf = Shelf()
    sink = Sink(shelf, ListedLog(), linger_s=0)
    shelf.open.clear()
    taken, kept = asyncio.create_task(sink.write(facts(1))), asyncio.create_task(sink.write(facts(2)))
    await started(taken, kept)
    taken.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taken
    shelf.open.set()
    async with asyncio.timeout(5):
        await kept
    assert shelf.stored() == [1, 2], "what was taken away is stored as well; its next owner repeats it"


async def test_the_processor_stores_records_as_they_lie_in_the_log() -> None:
    shelf = Shelf()
    app = App("analytics", Cluster("127.0.0.1:1"), MemoryLog())
    wire(app, shelf, LogRanges(Cluster("127.0.0.1:1"), "test"))
    [stage] = app.sinks
    record = facts(0)[0]
    outgoing = Outgoing(record.topic, b"T-0001", record.value, list(record.headers), partition=3)
    tombstone = Outgoing(record.topic, b"T-0001", None, list(record.headers), partition=3)
    await stage.run([as_fetched(outgoing, 41), as_fetched(tombstone, 42)], PartitionState(3))
    [(_, rows), (_, letters)] = shelf.inserts
    assert [(row["k_topic"], row["k_partition"], row["k_offset"]) for row in rows] == [("tickets.events.v1", 3, 41)]
    assert [(row["k_offset"], row["reason"]) for row in letters] == [(42, "no_data")]
