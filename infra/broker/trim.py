"""Move the start of a partition's log: rows in a writer's transaction, memory in the event loop after it."""

import sqlite3

from infra.broker.log import Log, Partition
from infra.broker.store import batch_key


def trim_rows(writer: sqlite3.Connection, partition_id: int, log_start_offset: int) -> None:
    """Delete whole batches below `log_start_offset`. Offsets are never given twice, even when none are left."""
    first, end = batch_key(partition_id, 0), batch_key(partition_id + 1, 0)
    newest = writer.execute(
        "SELECT last_offset FROM batches WHERE batch_key >= ? AND batch_key < ? ORDER BY batch_key DESC LIMIT 1",
        (first, end),
    ).fetchone()
    floor = log_start_offset if newest is None else max(log_start_offset, newest[0] + 1)
    writer.execute(
        "UPDATE partitions SET log_start_offset = max(log_start_offset, ?),"
        " next_offset_floor = max(next_offset_floor, ?) WHERE partition_id = ?",
        (log_start_offset, floor, partition_id),
    )
    writer.execute(
        "DELETE FROM batches WHERE batch_key >= ? AND batch_key < ? AND last_offset < ?",
        (first, batch_key(partition_id, log_start_offset), log_start_offset),
    )


def trim_memory(log: Log, partition: Partition, log_start_offset: int) -> None:
    """Serve nothing below `log_start_offset`. What lies in the tail below it leaves with its turn in the budget."""
    if log.partitions.get(partition.partition_id) is partition:
        partition.log_start_offset = max(partition.log_start_offset, log_start_offset)
