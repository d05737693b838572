"""Retention: where the log of a partition should begin, by time and by size.

Kafka removes whole segments; here a batch is what a segment is there. The newest batch always stays. Batches go
from the oldest on, up to the first that is to be kept: one that is out of date behind a fresh one waits for it.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from infra.broker.store import batch_key
from infra.broker.topic_configs import SETTINGS

_ROWS_PER_LOOK = 500
_BYTES_PER_STEP = 2 * 1024 * 1024
_NO_LIMIT = -1


def setting(configs: Mapping[str, str], name: str) -> str:
    """A topic's own value, or the default."""
    return configs.get(name, SETTINGS[name].default)


def policies(configs: Mapping[str, str]) -> set[str]:
    """`delete`, `compact` or both."""
    return {part.strip() for part in setting(configs, "cleanup.policy").split(",")}


@dataclass(slots=True)
class _Size:
    start: int
    seen: int
    size: int


class Sizes:
    """Bytes in a stretch of each partition, counted once: a later look reads only what has been added since."""

    def __init__(self) -> None:
        self._known: dict[int, _Size] = {}

    def between(self, reader: sqlite3.Connection, partition_id: int, start: int, end: int) -> int:
        """Bytes of the batches that begin in `[start, end)`; the end of a partition only grows."""
        known = self._known.get(partition_id)
        if known is None or known.start != start or known.seen > end:
            # Somebody else moved the start: what went with it cannot be subtracted any more.
            known = self._known[partition_id] = _Size(start, start, 0)
        known.size += _sum(reader, partition_id, known.seen, end)
        known.seen = end
        return known.size

    def removed(self, partition_id: int, start: int, size: int) -> None:
        """The first `size` bytes of the stretch are gone, it begins at `start` now."""
        known = self._known.get(partition_id)
        if known is not None:
            known.start, known.size = start, known.size - size
            known.seen = max(known.seen, start)

    def forget(self, partition_id: int) -> None:
        """The stretch was rewritten: count it again."""
        self._known.pop(partition_id, None)


def _sum(reader: sqlite3.Connection, partition_id: int, start: int, end: int) -> int:
    row = reader.execute(
        "SELECT coalesce(sum(size_bytes), 0) FROM batches WHERE batch_key >= ? AND batch_key < ?",
        (batch_key(partition_id, start), batch_key(partition_id, end)),
    ).fetchone()
    return int(row[0])


def newest_base(reader: sqlite3.Connection, partition_id: int) -> int | None:
    """Offset at which the newest batch of a partition begins; None when it has none."""
    first, end = batch_key(partition_id, 0), batch_key(partition_id + 1, 0)
    (key,) = reader.execute(
        "SELECT max(batch_key) FROM batches WHERE batch_key >= ? AND batch_key < ?", (first, end)
    ).fetchone()
    return None if key is None else int(key) - first


def next_cut(
    reader: sqlite3.Connection, partition_id: int, start: int, excess_bytes: int, oldest_ms: int | None
) -> tuple[int, int] | None:
    """Where the log should begin after one small step, and the bytes below it; None when nothing is to go.

    `excess_bytes` is what lies above the size limit; `oldest_ms` the time before which batches are out of date.
    A batch without a timestamp goes with the next one that has one.
    """
    newest = newest_base(reader, partition_id)
    if newest is None:
        return None
    cut: tuple[int, int] | None = None
    passed = 0
    for last_offset, max_timestamp_ms, size in reader.execute(
        "SELECT last_offset, max_timestamp_ms, size_bytes FROM batches WHERE batch_key >= ? AND batch_key < ?"
        " ORDER BY batch_key LIMIT ?",
        (batch_key(partition_id, start), batch_key(partition_id, newest), _ROWS_PER_LOOK),
    ).fetchall():
        passed += size
        too_large = passed <= excess_bytes
        out_of_date = oldest_ms is not None and max_timestamp_ms < oldest_ms
        if not too_large and not out_of_date:
            break
        if too_large or max_timestamp_ms >= 0:
            cut = last_offset + 1, passed
        if cut is not None and passed >= _BYTES_PER_STEP:
            break
    return cut


def limits(configs: Mapping[str, str], now_ms: int) -> tuple[int | None, int | None]:
    """(most bytes, oldest timestamp in ms) of a topic; None where it has no such limit."""
    if "delete" not in policies(configs):
        return None, None
    most_bytes = int(setting(configs, "retention.bytes"))
    kept_ms = int(setting(configs, "retention.ms"))
    return (
        None if most_bytes == _NO_LIMIT else most_bytes,
        None if kept_ms == _NO_LIMIT else now_ms - kept_ms,
    )
