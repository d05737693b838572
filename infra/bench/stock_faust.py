"""The same chain on stock Faust: its own Kafka driver, three agents, a table at B. A peer, and the control of kills.

``python -m infra.bench.stock_faust HOST:PORT --datadir DIR``. With ``--await-acks`` an agent waits for the broker's
acknowledgement of each record, the safest way Faust has; without it, only until the record is in the producer's
buffer, as its documentation does.
"""

import argparse
from pathlib import Path
from typing import Any

import faust
import uvloop

from infra.bench.chain import HOPS
from infra.lifeline import stop_with_parent
from topics.topic import PARTITIONS

APP_ID = "bench-stock"
TABLE = "seen"
CHANGELOG = f"{APP_ID}-{TABLE}-changelog"
AGENTS = ("a", "b", "c")


def build(bootstrap: str, datadir: Path, session_s: float, *, await_acks: bool) -> faust.App:
    """Return the app. Values are JSON objects that are handed on whole, under their key."""
    app = faust.App(
        APP_ID,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=str(datadir),
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        # The changelog is declared with the other topics before the start: racing its creation breaks the table.
        topic_allow_declare=False,
        web_enabled=False,
        producer_acks=-1,
        broker_commit_interval=0.5,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
    )
    topics = [app.topic(hop.name, key_type=bytes, value_serializer="json") for hop in HOPS]
    table = app.Table(TABLE, default=list, partitions=PARTITIONS)

    async def send(stage: int, key: bytes, value: dict[str, Any]) -> None:
        sent = await topics[stage + 1].send(key=key, value=value | {"reason": AGENTS[stage]})
        if await_acks:
            await sent

    @app.agent(topics[0], name="a")
    async def a(stream: Any) -> None:
        async for key, value in stream.items():
            await send(0, key, value)

    @app.agent(topics[1], name="b")
    async def b(stream: Any) -> None:
        async for key, value in stream.items():
            table[key.decode()] = [*table[key.decode()], value.get("id")]
            await send(1, key, value)

    @app.agent(topics[2], name="c")
    async def c(stream: Any) -> None:
        async for key, value in stream.items():
            await send(2, key, value)

    return app


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.stock_faust", description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("--datadir", type=Path, required=True)
    parser.add_argument("--session-s", type=float, default=10)
    parser.add_argument("--await-acks", action="store_true")
    options = parser.parse_args()
    stop_with_parent()
    uvloop.install()
    app = build(options.bootstrap, options.datadir, options.session_s, await_acks=options.await_acks)
    faust.Worker(app, loglevel="WARN").execute_from_commandline()


if __name__ == "__main__":
    main()
