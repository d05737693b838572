"""What the analytics benchmarks run on: embedded broker, embedded engine with the schema, and the sink's process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing
from connectors.clickhouse.server import Connection, ServerWarehouse
from infra.bench.nodes import Node, cpu_s
from infra.bench.servers import embedded_broker, prepare
from infra.clickhouse.layout import ADMIN, DATABASE
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from infra.supervise import READY
from topics.registry import EVENTS, dead_letters
from topics.tickets import TICKET_VIEWS

TOPICS = (*EVENTS, TICKET_VIEWS, dead_letters("analytics"))
LOOK_EVERY_S = 0.02
"""In what is timed by the row; a look costs the engine 3 to 4 ms."""


@dataclass(slots=True)
class Stand:
    """The parts of a run. ``warehouse`` is the administrator's."""

    home: Path
    cluster: Cluster
    engine: EmbeddedClickHouse
    warehouse: ServerWarehouse
    publisher: KafkaPublisher
    sink: Node
    broker: Node

    async def start_sink(self) -> None:
        """Start the sink's process and wait until it has its partitions."""
        said = self.sink.log.read_text().count(READY) if self.sink.log.exists() else 0
        self.sink.start()
        await asyncio.to_thread(
            self.sink.await_ready, "the sink", lambda: self.sink.log.read_text().count(READY) > said
        )

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write records and return when they are acknowledged."""
        await self.publisher.publish(records)

    def engine_cpu_s(self) -> float | None:
        """Return the processor time that the engine took so far, in seconds; None where /proc is missing."""
        return None if self.engine.pid is None else cpu_s(self.engine.pid)

    async def count(self, table: str = "events") -> int:
        """Return the rows of a table."""
        [row] = await self.warehouse.query(f"SELECT count() AS rows FROM {table}")  # noqa: S608 - own names
        return int(row["rows"])


@asynccontextmanager
async def running_stand(home: Path, *, logged: bool = True) -> AsyncIterator[Stand]:
    """Run all but the sink, whose process is made and not started; everything is stopped at the end."""
    async with AsyncExitStack() as ending:
        broker, bootstrap = ending.enter_context(embedded_broker(home / "broker"))
        cluster = Cluster(bootstrap)
        await prepare(cluster, TOPICS)
        engine = EmbeddedClickHouse(home / "clickhouse")
        await engine.start()
        ending.push_async_callback(engine.stop)
        warehouse = connect(engine, DATABASE)
        ending.push_async_callback(warehouse.close)
        await Migrator(warehouse).apply()
        publisher = KafkaPublisher(cluster, client_id="bench-warehouse")
        await publisher.start()
        ending.push_async_callback(publisher.stop)
        command = [sys.executable, "-m", "infra.bench.sink_worker", "--bootstrap", bootstrap]
        command += ["--store", str(engine.data_dir), "--http-port", str(engine.http_port)]
        sink = Node("sink", home, command if logged else [*command, "--unlogged"], lifeline=True)
        ending.push_async_callback(asyncio.to_thread, sink.stop)
        yield Stand(home, cluster, engine, warehouse, publisher, sink, broker)


def connect(engine: EmbeddedClickHouse, database: str) -> ServerWarehouse:
    """Return the administrator's connection to a database of the engine."""
    return ServerWarehouse(Connection("127.0.0.1", engine.http_port, ADMIN, engine.passwords[ADMIN], database))
