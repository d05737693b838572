"""Bringing the warehouse of a shop up to date."""

from dataclasses import replace

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.layout import ADMIN
from infra.clickhouse.migrate import Migration, Migrator, Status
from infra.ports import warehouse_connection
from infra.settings import Settings


async def migrate_warehouse(settings: Settings) -> tuple[list[Migration], list[Status]]:
    """Make the database when it is missing and apply what is pending; returns what was applied, and where all stand.

    Raises:
        ConnectorError: the warehouse cannot be reached, or the user may not create tables.
        MigrationError: the files and the recorded history do not fit.
    """
    connection = warehouse_connection(settings, ADMIN)
    outside = ServerWarehouse(replace(connection, database="default"))
    try:
        await outside.command(f"CREATE DATABASE IF NOT EXISTS {connection.database}")
    finally:
        await outside.close()
    warehouse = ServerWarehouse(connection)
    try:
        migrator = Migrator(warehouse)
        return await migrator.apply(), await migrator.status()
    finally:
        await warehouse.close()
