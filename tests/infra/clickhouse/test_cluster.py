"""The schema as it is made on a cluster: rendered from the same files, and read by the engine's own parser."""

import pytest

from connectors.clickhouse.server import ServerWarehouse
from infra.clickhouse.cluster import on_cluster
from infra.clickhouse.migrate import HISTORY_TABLE, load_migrations
from infra.clickhouse.server import EmbeddedClickHouse
from infra.clickhouse.statements import ScriptError
from tests.support.clickhouse import connect

EVENTS = """CREATE TABLE IF NOT EXISTS events (a UInt8, day Date) ENGINE = ReplacingMergeTree(a)
PARTITION BY toYYYYMM(day) ORDER BY (day, cityHash64(a)) SETTINGS non_replicated_deduplication_window = 10"""


def test_table_becomes_a_replicated_one_and_a_distributed_one_of_its_name() -> None:
    assert on_cluster(EVENTS, "shop") == [
        (
            "CREATE TABLE IF NOT EXISTS events_local ON CLUSTER 'shop' (a UInt8, day Date) "
            "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', a)\n"
            "PARTITION BY toYYYYMM(day) ORDER BY (day, cityHash64(a)) SETTINGS replicated_deduplication_window = 10"
        ),
        (
            "CREATE TABLE IF NOT EXISTS events ON CLUSTER 'shop' AS events_local\n"
            "ENGINE = Distributed('shop', currentDatabase(), 'events_local', cityHash64(day, cityHash64(a)))"
        ),
    ]


UNIQUE = "SETTINGS insert_deduplicate = 0"


@pytest.mark.parametrize(
    ("statement", "rendered"),
    [
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO totals AS SELECT 1 FROM events AS e",
            [("CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER 'c' TO totals_local AS SELECT 1 "
             "FROM events_local AS e")],
        ),
        (
            "CREATE VIEW IF NOT EXISTS v AS SELECT 1 FROM events",
            ["CREATE VIEW IF NOT EXISTS v ON CLUSTER 'c' AS SELECT 1 FROM events"],
        ),
        (
            "DROP TABLE IF EXISTS t",
            ["DROP TABLE IF EXISTS t ON CLUSTER 'c' SYNC", "DROP TABLE IF EXISTS t_local ON CLUSTER 'c' SYNC"],
        ),
        ("DROP VIEW IF EXISTS v", ["DROP VIEW IF EXISTS v ON CLUSTER 'c' SYNC"]),
        (
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS n UInt8",
            ["ALTER TABLE t_local ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS n UInt8",
             "ALTER TABLE t ON CLUSTER 'c' ADD COLUMN IF NOT EXISTS n UInt8"],
        ),
        (
            f"INSERT INTO t (n) SELECT 1 FROM events {UNIQUE}",
            [f"INSERT INTO t (n) SELECT 1 FROM events {UNIQUE}, distributed_foreground_insert = 1"],
        ),
        ("ALTER TABLE t ADD INDEX i n TYPE minmax", ["ALTER TABLE t_local ON CLUSTER 'c' ADD INDEX i n TYPE minmax"]),
        ("ALTER TABLE t MATERIALIZE COLUMN n", ["ALTER TABLE t_local ON CLUSTER 'c' MATERIALIZE COLUMN n"]),
        ("ALTER TABLE v_a MODIFY COMMENT 'b'", ["ALTER TABLE v_a ON CLUSTER 'c' MODIFY COMMENT 'b'"]),
        ("ALTER TABLE t MODIFY TTL day", ["ALTER TABLE t_local ON CLUSTER 'c' MODIFY TTL day"]),
    ],
)  # fmt: skip
def test_every_kind_of_statement_has_its_form(statement: str, rendered: list[str]) -> None:
    assert on_cluster(statement, "c") == rendered


@pytest.mark.parametrize(
    "statement", ["OPTIMIZE TABLE t", "INSERT INTO t SELECT 1", "CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = Log"]
)
def test_statement_without_a_form_is_refused(statement: str) -> None:
    with pytest.raises(ScriptError):
        on_cluster(statement, "c")


async def test_every_migration_is_rendered_and_read_by_the_engine(server: EmbeddedClickHouse) -> None:
    admin: ServerWarehouse = connect(server, database="default")
    scripts = [HISTORY_TABLE.strip()]
    for migration in load_migrations():
        scripts += [*migration.forward, *migration.back]
    rendered = [one for statement in scripts for one in on_cluster(statement, "shop")]
    try:
        for statement in rendered:
            assert "ON CLUSTER 'shop'" in statement or statement.startswith("INSERT INTO")
            assert await admin.query("SELECT formatQuery({sql:String}) AS sql", {"sql": statement})
            await admin.command(f"EXPLAIN AST {statement}")
    finally:
        await admin.close()
    replicated = [one for one in rendered if "ENGINE = Replicated" in one]
    assert len(replicated) == sum(one.startswith("CREATE TABLE") for one in scripts)
    assert not any("non_replicated" in one for one in rendered)
