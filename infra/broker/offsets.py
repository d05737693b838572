"""Committed offsets of all groups: in memory for reading, in the file before a commit is answered."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple


class CommittedOffset(NamedTuple):
    """Next offset a group wants from a partition, with what the client stored beside it."""

    offset: int
    leader_epoch: int
    metadata: str | None


class CommittedOffsets:
    """group -> partition id -> committed offset; holds only what is on disk."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[int, CommittedOffset]] = {}

    def load(self, reader: sqlite3.Connection) -> None:
        """Read everything back from the file."""
        for group_id, partition_id, *rest in reader.execute(
            "SELECT group_id, partition_id, committed_offset, leader_epoch, metadata FROM group_offsets"
        ):
            self._groups.setdefault(group_id, {})[partition_id] = CommittedOffset(*rest)

    def of_group(self, group_id: str) -> dict[int, CommittedOffset]:
        """Offsets of a group by partition id; empty for an unknown group."""
        return self._groups.get(group_id, {})

    def group_ids(self) -> Iterable[str]:
        """Groups that committed at least one offset."""
        return self._groups.keys()

    def committed(self, group_id: str, entries: dict[int, CommittedOffset]) -> None:
        """Publish offsets that are now on disk."""
        self._groups.setdefault(group_id, {}).update(entries)

    def forget_groups(self, group_ids: Iterable[str]) -> None:
        """Drop all offsets of groups."""
        for group_id in group_ids:
            self._groups.pop(group_id, None)

    def forget_partitions(self, partition_ids: Iterable[int], group_id: str | None = None) -> None:
        """Drop the offsets of partitions, in one group or in all of them."""
        gone = set(partition_ids)
        for entries in self._groups.values() if group_id is None else (self._groups.get(group_id, {}),):
            for partition_id in gone.intersection(entries):
                del entries[partition_id]


def write_offsets(
    writer: sqlite3.Connection, group_id: str, entries: dict[int, CommittedOffset], committed_ms: int
) -> None:
    """Store offsets of one group inside the caller's transaction."""
    writer.executemany(
        "INSERT OR REPLACE INTO group_offsets VALUES (?, ?, ?, ?, ?, ?)",
        [(group_id, partition_id, *entry, committed_ms) for partition_id, entry in entries.items()],
    )


def erase_groups(writer: sqlite3.Connection, group_ids: list[str]) -> None:
    """Remove groups and their offsets inside the caller's transaction."""
    rows = [(group_id,) for group_id in group_ids]
    writer.executemany("DELETE FROM groups WHERE group_id = ?", rows)
    writer.executemany("DELETE FROM group_offsets WHERE group_id = ?", rows)


def erase_offsets(writer: sqlite3.Connection, group_id: str, partition_ids: list[int]) -> None:
    """Remove a group's offsets of some partitions inside the caller's transaction."""
    rows = [(group_id, partition_id) for partition_id in partition_ids]
    writer.executemany("DELETE FROM group_offsets WHERE group_id = ? AND partition_id = ?", rows)
