"""Analytics on the log: every event of the shop into the warehouse."""

from collections.abc import Sequence

from connectors.bus.app import App
from connectors.bus.records import Fetched
from connectors.clickhouse.port import Warehouse
from processors.analytics.rows import Record
from processors.analytics.sink import Sink
from topics.registry import EVENTS


def wire(app: App, warehouse: Warehouse) -> None:
    """Store every event as it lies in the log. Importing this module registers nothing."""
    sink = Sink(warehouse)

    @app.sink(*EVENTS)
    async def store(records: Sequence[Fetched]) -> None:
        await sink.write([as_record(record) for record in records])


def as_record(record: Fetched) -> Record:
    """Return a fetched record as the sink takes it."""
    return Record(record.topic, record.partition, record.offset, record.headers, record.value or b"")
