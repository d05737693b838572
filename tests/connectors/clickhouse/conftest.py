import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.server import EmbeddedClickHouse
from tests.support.clickhouse import connect, shared_server


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedClickHouse]:
    with shared_server() as running:
        yield running


@pytest.fixture
async def warehouse(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    """The administrator in a fresh database with a small table, a roll-up behind it, and the view between."""
    root = connect(server)
    await root.command("CREATE DATABASE port")
    admin = connect(server, database="port")
    for sql in SCHEMA:
        await admin.command(sql)
    yield admin
    await admin.close()
    await root.command("DROP DATABASE port")
    await root.close()


SCHEMA = (
    """CREATE TABLE facts (day Date, name Enum('a' = 1, 'b' = 2), n UInt8, text String,
         CONSTRAINT small CHECK n < 200)
       ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day
       SETTINGS non_replicated_deduplication_window = 100""",
    """CREATE TABLE totals (name String, n UInt64) ENGINE = SummingMergeTree ORDER BY name
       SETTINGS non_replicated_deduplication_window = 100""",
    "CREATE MATERIALIZED VIEW totals_from_facts TO totals AS SELECT name, sum(f.n) AS n FROM facts AS f GROUP BY name",
)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that is bound, so nobody else can have it, and that refuses connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
