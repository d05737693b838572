"""The schema's history: numbered SQL files, applied in order, recorded in the database.

``NNNN_what.sql`` goes forward, ``NNNN_what.down.sql`` back. Every statement must be harmless when repeated
(``IF NOT EXISTS``), because a migration that was cut short is run again from its first statement; ClickHouse has no
transactions over DDL. An applied file never changes: its checksum is recorded, and another one is refused.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from connectors.clickhouse.port import Row, Warehouse
from infra.clickhouse.cluster import on_cluster
from infra.clickhouse.statements import split_statements

MIGRATIONS_DIR = Path(__file__).parent / "migrations"

HISTORY_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version  UInt32,
    name     String,
    checksum String,
    state    Enum8('started' = 1, 'applied' = 2, 'reverting' = 3, 'reverted' = 4),
    step     UInt64 COMMENT 'counts the changes of this table; the newest of a version holds',
    at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(step)
ORDER BY version
"""
HISTORY_SQL = "SELECT version, name, checksum, state FROM schema_migrations FINAL ORDER BY version"

State = Literal["pending", "started", "applied", "reverting", "reverted"]


class MigrationError(RuntimeError):
    """The files and the recorded history do not fit; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered change. ``checksum`` is the SHA-256 of the forward file's bytes."""

    version: int
    name: str
    forward: tuple[str, ...]
    back: tuple[str, ...]
    checksum: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where one migration stands. ``started`` and ``reverting`` mean that it was cut short."""

    version: int
    name: str
    state: State


def load_migrations(directory: Path = MIGRATIONS_DIR) -> list[Migration]:
    """Read the migration files, in order.

    Raises:
        MigrationError: a name does not fit, a number is missing or used twice, or a down file is missing.
    """
    found = [_load(path) for path in sorted(directory.glob("*.sql")) if not path.name.endswith(".down.sql")]
    versions = [migration.version for migration in found]
    if versions != list(range(1, len(found) + 1)):
        raise MigrationError(f"{directory}: migrations must be numbered 0001, 0002, ... once each, found {versions}")
    return found


class Migrator:
    """Brings a database to the newest schema, or back. Needs a user who may create and drop.

    ``cluster`` names a ClickHouse cluster on which the same files make replicated and distributed tables.
    """

    def __init__(self, warehouse: Warehouse, directory: Path = MIGRATIONS_DIR, *, cluster: str | None = None) -> None:
        self._warehouse = warehouse
        self._migrations = load_migrations(directory)
        self._cluster = cluster

    def statements(self, statements: Sequence[str]) -> list[str]:
        """Return what is run for some statements of a file."""
        if self._cluster is None:
            return list(statements)
        return [rendered for statement in statements for rendered in on_cluster(statement, self._cluster)]

    async def plan(self) -> list[Migration]:
        """Return what ``apply`` would run, in order, after checking the files against the history.

        Raises:
            MigrationError: an applied file was changed or removed, or a migration is half reverted.
        """
        return _pending(self._migrations, await self._history())

    async def apply(self, *, dry_run: bool = False) -> list[Migration]:
        """Run what is pending and return it; with ``dry_run`` run nothing. A second call has nothing to do."""
        pending = await self.plan()
        if not dry_run:
            for migration in pending:
                await self._run(migration, migration.forward, "started", "applied")
        return pending

    async def revert(self, to_version: int, *, dry_run: bool = False) -> list[Migration]:
        """Take back every applied migration above ``to_version``, newest first, and return them.

        The data in what a migration created is lost; the log of facts can refill it while it is retained.
        """
        history = await self._history()
        states = {version: row["state"] for version, row in history.items()}
        undone = [m for m in reversed(self._migrations)
                  if m.version > to_version and states.get(m.version, "reverted") != "reverted"]  # fmt: skip
        if not dry_run:
            for migration in undone:
                await self._run(migration, migration.back, "reverting", "reverted")
        return undone

    async def status(self) -> list[Status]:
        """Return every known migration with its state, oldest first."""
        history = await self._history()
        return [Status(m.version, m.name, history[m.version]["state"] if m.version in history else "pending")
                for m in self._migrations]  # fmt: skip

    async def _run(self, migration: Migration, statements: Sequence[str], before: State, after: State) -> None:
        for statement in self.statements([HISTORY_TABLE.strip()]):
            await self._warehouse.command(statement)
        await self._record(migration, before)
        for statement in self.statements(statements):
            await self._warehouse.command(statement)
        await self._record(migration, after)

    async def _record(self, migration: Migration, state: State) -> None:
        [newest] = await self._warehouse.query("SELECT max(step) AS step FROM schema_migrations")
        row = {
            "version": migration.version,
            "name": migration.name,
            "checksum": migration.checksum,
            "state": state,
            "step": newest["step"] + 1,
        }
        await self._warehouse.insert_json_rows("schema_migrations", orjson.dumps(row))

    async def _history(self) -> dict[int, Row]:
        if not await self._warehouse.query("SELECT 1 FROM system.tables WHERE database = currentDatabase() "
                                           "AND name = 'schema_migrations'"):  # fmt: skip
            return {}
        rows = await self._warehouse.query(HISTORY_SQL)
        return {row["version"]: row for row in rows}


def _load(path: Path) -> Migration:
    named = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
    if named is None:
        raise MigrationError(f"{path}: the name must look like 0001_what_it_does.sql")
    back = path.with_name(path.stem + ".down.sql")
    if not back.exists():
        raise MigrationError(f"{path}: {back.name} is missing; say how to go back")
    forward = path.read_bytes()
    return Migration(
        version=int(named.group(1)),
        name=named.group(2),
        forward=tuple(split_statements(forward.decode())),
        back=tuple(split_statements(back.read_text(encoding="utf-8"))),
        checksum=hashlib.sha256(forward).hexdigest(),
    )


def _pending(migrations: Sequence[Migration], history: dict[int, Row]) -> list[Migration]:
    known = {migration.version for migration in migrations}
    for version, row in history.items():
        if row["state"] != "reverted" and version not in known:
            raise MigrationError(
                f"migration {version:04} {row['name']} is in the database but not among the files: "
                f"this release is older than the schema, install the newer one"
            )
        if row["state"] == "reverting":
            raise MigrationError(f"migration {version:04} {row['name']} is half reverted: run the revert again first")
    pending = []
    for migration in migrations:
        row = history.get(migration.version, {"state": "pending"})
        if row["state"] != "applied":
            pending.append(migration)
        elif row["checksum"] != migration.checksum:
            raise MigrationError(
                f"migration {migration.version:04} {migration.name} was changed after it was applied: "
                f"restore the file and put the change into a new migration"
            )
        elif pending:
            raise MigrationError(
                f"migration {migration.version:04} is applied but {pending[0].version:04} before it is not: "
                f"revert to {pending[0].version - 1} and apply again"
            )
    return pending
