"""A worker of the analytics benchmarks: the sink as it runs in a shop, in a process of its own, until told to stop."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.ranges import LogRanges
from connectors.clickhouse.server import Connection, ServerWarehouse
from infra.clickhouse.layout import DATABASE, WRITER, load_passwords
from infra.garbage import collect_seldom
from infra.lifeline import stop_with_parent
from infra.supervise import READY
from processors.analytics.agent import wire

INSTANCE = "bench-sink"


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.sink_worker", description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--store", type=Path, required=True, help="the embedded store, for its password")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--unlogged", action="store_true", help="without the intent log and its tokens")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    stop_with_parent()
    uvloop.install()
    password = load_passwords(options.store)[WRITER]
    connection = Connection("127.0.0.1", options.http_port, WRITER, password, DATABASE)
    return asyncio.run(_serve(Cluster(options.bootstrap, instance=INSTANCE), connection, logged=not options.unlogged))


async def _serve(cluster: Cluster, connection: Connection, *, logged: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    publisher = KafkaPublisher(cluster, client_id=f"bench-sink-{os.getpid()}")
    warehouse, ranges = ServerWarehouse(connection), LogRanges(cluster, "bench-sink-replay")
    app = App("analytics", cluster, publisher)
    wire(app, warehouse, ranges, logged=logged)
    await publisher.start()
    try:
        await app.start()
        assert app.engine is not None
        assert app.failed is not None
        await app.engine.assigned.wait()
        collect_seldom(sink=True)
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        stopping = asyncio.create_task(stop.wait())
        waiting: list[asyncio.Future[Any]] = [stopping, app.failed]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return 0 if stop.is_set() else 1
    finally:
        await app.stop()
        await publisher.stop()
        await ranges.close()
        await warehouse.close()


if __name__ == "__main__":
    sys.exit(main())
