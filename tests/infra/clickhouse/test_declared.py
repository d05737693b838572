"""The document of the schema and the migrated database say the same; and going back and forth changes nothing."""

import os
from pathlib import Path

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.migrate import Migrator

DOCUMENT = Path(__file__).resolve().parents[3] / "infra" / "docs" / "warehouse.md"
HEAD = """# The warehouse

Every table and view with its columns, as the migrations in `infra/clickhouse/migrations` make them; a test compares the
two. Figures are defined in `processors/analytics/figures.py`, the views
`v_*` are flat: no lists, no FINAL, no merge functions. [bi.md](bi.md) says how to look at them with other programs.
"""


async def _document(warehouse: ServerWarehouse) -> str:
    tables = await warehouse.query(
        "SELECT name, engine, sorting_key, comment FROM system.tables WHERE database = currentDatabase() "
        "AND name != 'schema_migrations' ORDER BY name"
    )
    columns = await warehouse.query(
        "SELECT table, name, type, default_kind, comment FROM system.columns WHERE database = currentDatabase() "
        "ORDER BY table, position"
    )
    parts = [HEAD]
    for table in tables:
        key = f", ordered by `{table['sorting_key']}`" if table["sorting_key"] else ""
        says = f" {table['comment']}" if table["comment"] else ""
        parts.append(f"## {table['name']}\n\n{table['engine']}{key}.{says}\n")
        parts.append("| column | type | | |\n|---|---|---|---|")
        for column in columns:
            if column["table"] == table["name"]:
                kind = column["default_kind"].lower().replace("materialized", "computed")
                parts.append(f"| `{column['name']}` | `{column['type']}` | {kind} | {column['comment']} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


async def test_declared_columns_are_those_of_the_migrated_database(empty_database: ServerWarehouse) -> None:
    migrator = Migrator(empty_database)
    await migrator.apply()
    found = await _document(empty_database)
    if os.environ.get("NOIZYLAB_UPDATE_SNAPSHOTS") == "1":
        DOCUMENT.write_text(found, encoding="utf-8")
    declared = DOCUMENT.read_text(encoding="utf-8")
    assert found == declared, f"{DOCUMENT.name}: read the difference, then renew with NOIZYLAB_UPDATE_SNAPSHOTS=1"

    versions = len(await migrator.status())
    for version in range(versions - 1, -1, -1):
        await migrator.revert(version)
        await migrator.apply()
        await migrator.revert(version)
    await migrator.apply()
    assert await _document(empty_database) == declared
    await migrator.revert(0)
    left = await empty_database.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert left == [{"name": "schema_migrations"}]
