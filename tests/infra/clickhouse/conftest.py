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
async def empty_database(server: EmbeddedClickHouse, request: pytest.FixtureRequest) -> AsyncIterator[ServerWarehouse]:
    """The administrator in a database of this test's own."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    root = connect(server)
    await root.command(f"CREATE DATABASE {name}")
    admin = connect(server, database=name)
    yield admin
    await admin.close()
    await root.command(f"DROP DATABASE {name}")
    await root.close()
