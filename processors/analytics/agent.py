"""Analytics on the log: every event of the shop, and every ticket's newest state, into the warehouse."""

from collections.abc import Sequence

from connectors.bus.app import App
from connectors.bus.ranges import LogRanges
from connectors.bus.records import Fetched
from connectors.clickhouse.port import Warehouse
from processors.analytics.batch import Range
from processors.analytics.metrics import SinkCollector
from processors.analytics.rows import Record
from processors.analytics.sink import MAX_ROWS, Sink
from topics.registry import EVENTS
from topics.tickets import TICKET_VIEWS


class BusLog:
    """The log of the bus, as the sink reads it again."""

    def __init__(self, ranges: LogRanges) -> None:
        self._ranges = ranges

    async def read(self, ranges: Sequence[Range]) -> list[Record]:
        """Return every record of some ranges that is still in the log."""
        found = await self._ranges.read([(one.topic, one.partition, one.first, one.last) for one in ranges])
        return [as_record(record) for record in found]

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record of a partition will get."""
        return await self._ranges.end(topic, partition)


def wire(app: App, warehouse: Warehouse, ranges: LogRanges, *, logged: bool = True) -> Sink:
    """Store every event as it lies in the log, each once. Importing this module registers nothing.

    ``logged`` False leaves the intent log out: for comparison only.
    """
    sink = Sink(warehouse, BusLog(ranges), fence=app.guard, logged=logged, clock=app.wall_clock)
    app.collectors.append(SinkCollector(sink.counts))

    @app.sink(*EVENTS, TICKET_VIEWS, opens=sink.opened, batch_records=MAX_ROWS)
    async def store(records: Sequence[Fetched]) -> None:
        await sink.write([as_record(record) for record in records])

    return sink


def as_record(record: Fetched) -> Record:
    """Return a fetched record as the sink takes it."""
    return Record(
        record.topic, record.partition, record.offset, record.headers, record.value or b"", record.timestamp_ms
    )
