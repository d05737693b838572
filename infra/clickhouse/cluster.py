"""The same schema on a cluster: every table replicated within its shard, with a distributed one of its name above it.

Rendered from the migration files, statement by statement, so that there is one source. ``events`` becomes
``events_local`` (ReplicatedMergeTree) and ``events`` (Distributed over the local ones). Materialised views work between
local tables, where an insert arrives; other views read the distributed ones. Rows go to shards by the sorting key, so
that rows which replace or join each other lie together. What fills a table from another runs once, from any of the
servers, between the distributed ones.
"""

import re

from infra.clickhouse.statements import ScriptError

LOCAL = "_local"
PATH = "/clickhouse/tables/{uuid}/{shard}"
"""Where the replicas of a shard meet in Keeper. The server fills in the macros; ``uuid`` is that of the table."""

_CREATE_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_ENGINE = re.compile(r"\bENGINE = (\w*MergeTree)(?:\(([^)]*)\))?")
_ORDER_BY = re.compile(r"\bORDER BY (\((?:[^()]|\([^()]*\))*\)|\w+)")
_MATERIALIZED_VIEW = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+)")
_FROM = re.compile(r"\bFROM (\w+)")
_VIEW = re.compile(r"CREATE VIEW IF NOT EXISTS (\w+)")
_INSERT = re.compile(r"INSERT INTO (\w+) .*\sSETTINGS insert_deduplicate = 0", re.DOTALL)
_DROP = re.compile(r"DROP (TABLE|VIEW) IF EXISTS (\w+)")
_ALTER = re.compile(r"ALTER TABLE (\w+)")
_COMMENT = re.compile(r"ALTER TABLE \w+ MODIFY COMMENT ")
_ON_DISTRIBUTED = re.compile(r"\b(ADD|DROP|MODIFY|RENAME|COMMENT) COLUMN\b")


def on_cluster(statement: str, cluster: str) -> list[str]:
    """Return what a statement is on a cluster, in the order to run it: local tables first, their views last.

    Raises:
        ScriptError: it is no kind of statement that this knows; teach it here, or write it so that it is one.
    """
    on = f"ON CLUSTER '{cluster}'"
    if _CREATE_TABLE.match(statement):
        return _table(statement, cluster, on)
    if _MATERIALIZED_VIEW.match(statement):
        local = _MATERIALIZED_VIEW.sub(rf"CREATE MATERIALIZED VIEW IF NOT EXISTS \1 {on} TO \2{LOCAL}", statement)
        return [_FROM.sub(rf"FROM \1{LOCAL}", local)]
    if _VIEW.match(statement):
        return [_VIEW.sub(rf"CREATE VIEW IF NOT EXISTS \1 {on}", statement)]
    if _INSERT.match(statement):
        # Stored when its shards have it, not when it is queued for them.
        return [f"{statement}, distributed_foreground_insert = 1"]
    if (dropped := _DROP.match(statement)) is not None:
        kind, name = dropped.groups()
        names = [name, f"{name}{LOCAL}"] if kind == "TABLE" else [name]
        return [f"DROP {kind} IF EXISTS {one} {on} SYNC" for one in names]
    if (altered := _ALTER.match(statement)) is not None:
        name = altered.group(1)
        if _COMMENT.match(statement) and name.startswith("v_"):
            return [_ALTER.sub(f"ALTER TABLE {name} {on}", statement)]  # a view: it has no local one
        # Columns are those of the local table; indices, TTL and settings are its business alone.
        names = [f"{name}{LOCAL}", name] if _ON_DISTRIBUTED.search(statement) else [f"{name}{LOCAL}"]
        return [_ALTER.sub(f"ALTER TABLE {one} {on}", statement) for one in names]
    raise ScriptError(f"no form of this statement for a cluster is known: {statement[:80]!r}")


def _table(statement: str, cluster: str, on: str) -> list[str]:
    engine, key = _ENGINE.search(statement), _ORDER_BY.search(statement)
    named = _CREATE_TABLE.match(statement)
    if named is None or engine is None or key is None:
        raise ScriptError(
            f"a table on a cluster needs an engine of the MergeTree family and its key: {statement[:80]!r}"
        )
    name = named.group(1)
    arguments = ", ".join([f"'{PATH}'", "'{replica}'", *filter(None, [engine.group(2)])])
    local = statement.replace(named.group(0), f"CREATE TABLE IF NOT EXISTS {name}{LOCAL} {on}", 1)
    local = local.replace(engine.group(0), f"ENGINE = Replicated{engine.group(1)}({arguments})", 1)
    local = local.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    columns = key.group(1).removeprefix("(").removesuffix(")")
    over = f"ENGINE = Distributed('{cluster}', currentDatabase(), '{name}{LOCAL}', cityHash64({columns}))"
    return [local, f"CREATE TABLE IF NOT EXISTS {name} {on} AS {name}{LOCAL}\n{over}"]
