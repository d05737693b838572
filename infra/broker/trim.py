"""Moving the start of a log: what lies below it is gone, on disk first and for clients afterwards."""

import sqlite3

from infra.broker.log import Partition
from infra.broker.store import batch_key


def write_log_start(writer: sqlite3.Connection, partition_id: int, offset: int) -> None:
    """Set the log start to `offset` and delete the whole batches below it, inside the caller's transaction.

    A batch that `offset` lies in stays, as in Kafka; readers skip what is below. `offset` is at most the high
    watermark. A start that is already further on stays where it is.
    """
    writer.execute(
        "UPDATE partitions SET log_start_offset = max(log_start_offset, ?),"
        " next_offset_floor = max(next_offset_floor, ?) WHERE partition_id = ?",
        (offset, offset, partition_id),
    )
    writer.execute(
        "DELETE FROM batches WHERE batch_key >= ? AND batch_key < ? AND last_offset < ?",
        (batch_key(partition_id, 0), batch_key(partition_id, offset), offset),
    )
    writer.execute(
        "DELETE FROM aborted_transactions WHERE partition_id = ? AND last_offset < ?", (partition_id, offset)
    )


def publish_log_start(partition: Partition, offset: int) -> None:
    """Show clients a log start that is on disk. Runs in the event loop; waiting fetches look again."""
    if offset <= partition.log_start_offset:
        return
    partition.log_start_offset = offset
    partition.aborted = [entry for entry in partition.aborted if entry.last_offset >= offset]
    for wake in list(partition.waiters):
        wake()
