"""Bringing the warehouse of a shop up to date."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from connectors.clickhouse.server import ServerWarehouse
from connectors.errors import Misconfigured
from infra.clickhouse.layout import ADMIN
from infra.clickhouse.migrate import Migration, MigrationError, Migrator, Status
from infra.ports import warehouse_connection
from infra.settings import Settings

MIGRATION_TIMEOUT_S = 3600.0


async def migrate_warehouse(settings: Settings) -> tuple[list[Migration], list[Status]]:
    """Make the database when it is missing and apply what is pending; returns what was applied, and where all stand.

    Raises:
        ConnectorError: the warehouse cannot be reached, the user may not create tables, or the files and the recorded
            history do not fit.
    """
    await prepare_warehouse(settings)
    async with migrator_of(settings) as migrator:
        return await migrator.apply(), await migrator.status()


async def prepare_warehouse(settings: Settings) -> None:
    """Make the database when it is missing.

    Raises:
        ConnectorError: the warehouse cannot be reached, or the user may not create a database.
    """
    connection, cluster = warehouse_connection(settings, ADMIN), _cluster(settings)
    outside = ServerWarehouse(replace(connection, database="default"))
    where = "" if cluster is None else f" ON CLUSTER '{cluster}'"
    try:
        await outside.command(f"CREATE DATABASE IF NOT EXISTS {connection.database}{where}")
    finally:
        await outside.close()


@asynccontextmanager
async def migrator_of(settings: Settings) -> AsyncIterator[Migrator]:
    """Lend the migrator of a shop's warehouse.

    Raises:
        Misconfigured: the files and the recorded history do not fit, or a cluster is named and no server.
    """
    # A statement may fill a table from ten million rows before it answers.
    warehouse = ServerWarehouse(replace(warehouse_connection(settings, ADMIN), timeout_s=MIGRATION_TIMEOUT_S))
    try:
        yield Migrator(warehouse, cluster=_cluster(settings))
    except MigrationError as error:
        raise Misconfigured(str(error)) from error
    finally:
        await warehouse.close()


def _cluster(settings: Settings) -> str | None:
    if settings.clickhouse_cluster is not None and settings.embedded_clickhouse:
        raise Misconfigured("NOIZYLAB_CLICKHOUSE_CLUSTER is set; set NOIZYLAB_CLICKHOUSE to a server of it as well")
    return settings.clickhouse_cluster
