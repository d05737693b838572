"""Move the start of a partition's log: rows in a writer's transaction, memory in the event loop after it."""

import sqlite3

from infra.broker.log import Log, Partition
from infra.broker.store import batch_key


def trim_rows(writer: sqlite3.Connection, partition_id: int, log_start_offset: int) -> None:
    """Delete whole batches below `log_start_offset`. Offsets are never given twice, even when none are left.

    A batch that the new start lies in stays, as in Kafka; readers skip what is below. The start is at most the high
    watermark. One that is already further on stays where it is.
    """
    writer.execute(
        "UPDATE partitions SET log_start_offset = max(log_start_offset, ?),"
        " next_offset_floor = max(next_offset_floor, ?) WHERE partition_id = ?",
        (log_start_offset, log_start_offset, partition_id),
    )
    writer.execute(
        "DELETE FROM batches WHERE batch_key >= ? AND batch_key < ? AND last_offset < ?",
        (batch_key(partition_id, 0), batch_key(partition_id, log_start_offset), log_start_offset),
    )
    writer.execute(
        "DELETE FROM aborted_transactions WHERE partition_id = ? AND last_offset < ?", (partition_id, log_start_offset)
    )


def trim_memory(log: Log, partition: Partition, log_start_offset: int) -> None:
    """Serve nothing below `log_start_offset`. What lies in the tail below it leaves with its turn in the budget."""
    if log.partitions.get(partition.partition_id) is not partition or log_start_offset <= partition.log_start_offset:
        return
    partition.log_start_offset = log_start_offset
    partition.aborted = [entry for entry in partition.aborted if entry.last_offset >= log_start_offset]
    for wake in list(partition.waiters):
        wake()
