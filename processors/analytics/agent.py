"""Analytics on the log: every event of the shop, and every ticket's newest state, into the warehouse."""

import logging
from collections.abc import Sequence

from connectors.bus.app import App
from connectors.bus.packs import Item, Pack
from connectors.bus.ranges import LogRanges
from connectors.clickhouse.port import Warehouse
from connectors.errors import Transient
from processors.analytics.batch import Range
from processors.analytics.metrics import SinkCollector
from processors.analytics.outlook import DaysOff, forecast_when_due
from processors.analytics.rows import Record
from processors.analytics.sink import AHEAD, MAX_ROWS, Sink
from processors.analytics.strips import as_record
from topics.access import ACCESS_VIEWS
from topics.registry import EVENTS
from topics.tickets import TICKET_VIEWS

log = logging.getLogger(__name__)

LOOK_EVERY_S = 900.0


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

    @app.sink(*EVENTS, TICKET_VIEWS, opens=sink.opened, batch_records=MAX_ROWS, ahead=AHEAD, packed=True)
    async def store(items: Sequence[Item]) -> None:
        await sink.write([one if isinstance(one, Pack) else as_record(one) for one in items])

    return sink


def wire_outlook(app: App, warehouse: Warehouse, days_off: DaysOff) -> None:
    """Forecast every workspace once a day, on whatever worker comes first. Importing this module registers nothing."""
    app.follow(ACCESS_VIEWS)  # for the days off

    @app.every(LOOK_EVERY_S)
    async def forecast() -> None:
        try:
            await forecast_when_due(warehouse, days_off, app.wall_clock.now())
        except Transient as error:
            log.warning("the forecasts wait: %s", error)
