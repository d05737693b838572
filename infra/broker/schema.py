"""Tables of the broker's file and the steps that bring an older file up to date.

A new file is made by running every step from the first, so a file that grew up and a new one cannot differ.
"""

import sqlite3
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from infra.broker.errors import BrokerError

_IDLE_PRODUCER_MS = 7 * 24 * 3600 * 1000

# A batch's key is partition id and base offset in one integer: SQLite stores a rowid table as a B+tree with
# whole rows in its leaves, which for blobs of 0.5-4 kB takes a third to a half of the space of WITHOUT ROWID.
_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE topics (topic_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE topic_configs (
    topic_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (topic_id, name)
) WITHOUT ROWID;
CREATE TABLE partitions (
    partition_id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic_id INTEGER NOT NULL,
    partition_index INTEGER NOT NULL,
    log_start_offset INTEGER NOT NULL DEFAULT 0,
    next_offset_floor INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic_id, partition_index)
);
CREATE TABLE batches (
    batch_key INTEGER PRIMARY KEY,
    last_offset INTEGER NOT NULL,
    max_timestamp_ms INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE producers (
    partition_id INTEGER NOT NULL, producer_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL, batches BLOB NOT NULL, PRIMARY KEY (partition_id, producer_id)
) WITHOUT ROWID;
CREATE TABLE groups (
    group_id TEXT PRIMARY KEY, generation INTEGER NOT NULL, protocol_type TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE group_offsets (
    group_id TEXT NOT NULL, partition_id INTEGER NOT NULL, committed_offset INTEGER NOT NULL,
    leader_epoch INTEGER NOT NULL, metadata TEXT, committed_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, partition_id)
) WITHOUT ROWID;
"""

# `partitions` is JSON: partition id -> offset of the first batch, -1 before there is one. `offsets` is JSON: group ->
# partition id -> [offset, leader epoch, metadata], what the group's offsets become when the transaction is committed.
_TRANSACTIONS = """
CREATE TABLE transactions (
    transactional_id TEXT PRIMARY KEY, producer_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
    previous_epoch INTEGER NOT NULL, timeout_ms INTEGER NOT NULL, state TEXT NOT NULL,
    started_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, partitions TEXT NOT NULL, offsets TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE aborted_transactions (
    partition_id INTEGER NOT NULL, last_offset INTEGER NOT NULL, first_offset INTEGER NOT NULL,
    producer_id INTEGER NOT NULL, PRIMARY KEY (partition_id, last_offset)
) WITHOUT ROWID;
"""

_STEPS: Mapping[int, str] = {1: _FIRST, 2: _TRANSACTIONS}
VERSION = max(_STEPS)


def found_version(writer: sqlite3.Connection, path: Path) -> int:
    """Version of the file as it is, 0 for an empty one.

    Raises:
        BrokerError: the file belongs to another program or to a newer version of this one.
    """
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= VERSION:
        raise BrokerError(f"{path} has broker schema {version}, this program knows {VERSION}; upgrade it.")
    (tables,) = writer.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and tables:
        raise BrokerError(f"{path} is an SQLite file of another program; choose another --path.")
    return int(version)


def bring_up_to_date(writer: sqlite3.Connection, version: int) -> None:
    """Run the steps that a file of `version` lacks; each is done whole or not at all."""
    for number in range(version + 1, VERSION + 1):
        identity = ""
        if number == 1:
            cluster_id = uuid.uuid4().hex[:22]
            identity = f"INSERT INTO meta VALUES ('cluster_id', '{cluster_id}'), ('next_producer_id', '1');"  # noqa: S608 - hex digits
        writer.executescript(f"BEGIN; {_STEPS[number]} {identity} PRAGMA user_version = {number}; COMMIT;")


def forget_idle(writer: sqlite3.Connection) -> None:
    """Drop producers that were silent for a week, as Kafka does, and groups that never committed an offset.

    The number of such a group's generation is not missed: no member of a time before this start is known any more.
    """
    oldest_ms = int(time.time() * 1000) - _IDLE_PRODUCER_MS
    writer.execute("DELETE FROM producers WHERE updated_ms < ?", (oldest_ms,))
    writer.execute("DELETE FROM transactions WHERE updated_ms < ? AND state != 'Ongoing'", (oldest_ms,))
    writer.execute("DELETE FROM groups WHERE group_id NOT IN (SELECT group_id FROM group_offsets)")
