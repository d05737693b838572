from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.layout import DATABASE
from infra.clickhouse.migrate import Migrator
from infra.clickhouse.server import EmbeddedClickHouse
from tests.support.clickhouse import connect, shared_server


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedClickHouse]:
    with shared_server() as running:
        yield running


@pytest.fixture
async def warehouse(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    """The administrator, with the schema applied and empty."""
    admin = connect(server, database=DATABASE)
    migrator = Migrator(admin)
    await migrator.apply()
    yield admin
    await migrator.revert(0)
    await admin.close()
