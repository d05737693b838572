from pathlib import Path

import pytest

from connectors.clickhouse.server import ServerWarehouse
from connectors.errors import Permanent
from infra.clickhouse.migrate import MigrationError, Migrator, Status, load_migrations

TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"


async def _tables(warehouse: ServerWarehouse) -> list[str]:
    return [row["name"] for row in await warehouse.query(TABLES)]


def _write(directory: Path, number: int, forward: str, back: str = "SELECT 1") -> None:
    (directory / f"{number:04}_change.sql").write_text(forward)
    (directory / f"{number:04}_change.down.sql").write_text(back)


def _create(table: str) -> tuple[str, str]:
    return f"CREATE TABLE IF NOT EXISTS {table} (n Int8) ENGINE = Log;", f"DROP TABLE IF EXISTS {table};"


async def test_schema_goes_forward_and_back_and_forward(empty_database: ServerWarehouse) -> None:
    migrator = Migrator(empty_database)
    everything = load_migrations()
    assert await migrator.apply(dry_run=True) == everything
    assert await _tables(empty_database) == []

    assert await migrator.apply() == everything
    first = await _tables(empty_database)
    assert {"events", "events_dlq", "tickets", "kpi_daily", "v_events"} <= set(first)
    assert await migrator.apply() == []
    assert {status.state for status in await migrator.status()} == {"applied"}

    assert await migrator.revert(0, dry_run=True) == everything[::-1]
    assert await _tables(empty_database) == first
    assert await migrator.revert(0) == everything[::-1]
    assert await _tables(empty_database) == ["schema_migrations"]
    assert {status.state for status in await migrator.status()} == {"reverted"}

    assert await migrator.apply() == everything
    assert await _tables(empty_database) == first


async def test_changed_file_is_refused_when_it_was_applied(empty_database: ServerWarehouse, tmp_path: Path) -> None:
    _write(tmp_path, 1, *_create("a"))
    await Migrator(empty_database, tmp_path).apply()
    _write(tmp_path, 1, _create("a")[0] + " -- a new thought")
    with pytest.raises(MigrationError, match=r"0001 change was changed after it was applied.*new migration"):
        await Migrator(empty_database, tmp_path).plan()


async def test_older_release_is_refused_when_the_schema_is_newer(
    empty_database: ServerWarehouse, tmp_path: Path
) -> None:
    _write(tmp_path, 1, *_create("a"))
    _write(tmp_path, 2, *_create("b"))
    await Migrator(empty_database, tmp_path).apply()
    for path in tmp_path.glob("0002*"):
        path.unlink()
    with pytest.raises(MigrationError, match="0002 change is in the database but not among the files"):
        await Migrator(empty_database, tmp_path).apply()


async def test_migration_is_run_again_when_it_was_cut_short(empty_database: ServerWarehouse, tmp_path: Path) -> None:
    _write(tmp_path, 1, _create("a")[0] + "SELEC 1;" + _create("b")[0])
    migrator = Migrator(empty_database, tmp_path)
    with pytest.raises(Permanent, match="Syntax error"):
        await migrator.apply()
    assert await migrator.status() == [Status(1, "change", "started")]

    _write(tmp_path, 1, _create("a")[0] + _create("b")[0])
    mended = Migrator(empty_database, tmp_path)
    assert [migration.version for migration in await mended.apply()] == [1]
    assert await mended.status() == [Status(1, "change", "applied")]
    assert await _tables(empty_database) == ["a", "b", "schema_migrations"]


async def test_half_reverted_migration_must_be_reverted_first(empty_database: ServerWarehouse, tmp_path: Path) -> None:
    _write(tmp_path, 1, _create("a")[0], "DROP TABLE IF EXISTS a; SELEC 1")
    migrator = Migrator(empty_database, tmp_path)
    await migrator.apply()
    with pytest.raises(Permanent, match="Syntax error"):
        await migrator.revert(0)
    with pytest.raises(MigrationError, match="half reverted"):
        await migrator.apply()
    _write(tmp_path, 1, *_create("a"))
    mended = Migrator(empty_database, tmp_path)
    await mended.revert(0)
    assert [migration.version for migration in await mended.apply()] == [1]


async def test_only_newer_migrations_are_taken_back(empty_database: ServerWarehouse, tmp_path: Path) -> None:
    for number, table in enumerate("abc", start=1):
        _write(tmp_path, number, *_create(table))
    migrator = Migrator(empty_database, tmp_path)
    await migrator.apply()
    assert [migration.version for migration in await migrator.revert(1)] == [3, 2]
    assert await _tables(empty_database) == ["a", "schema_migrations"]
    assert [status.state for status in await migrator.status()] == ["applied", "reverted", "reverted"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a.sql"], "0001_a.down.sql is missing"),
        (["0002_a.sql", "0002_a.down.sql"], "must be numbered 0001"),
        (["1_a.sql", "1_a.down.sql"], "must look like"),
    ],
)
def test_directory_is_refused_when_a_file_does_not_fit(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match=message):
        load_migrations(tmp_path)


def test_every_statement_is_harmless_when_repeated() -> None:
    for migration in load_migrations():
        for statement in (*migration.forward, *migration.back):
            # What fills a table of sets, newest and earliest values changes nothing the second time.
            repeatable = (" IF NOT EXISTS ", " IF EXISTS ", " MODIFY COMMENT ", " MODIFY SETTING ", "MATERIALIZE ",
                          "INSERT INTO tickets ", "INSERT INTO parts_daily ")  # fmt: skip
            assert any(words in statement for words in repeatable), statement
