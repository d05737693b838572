"""The intent log in the warehouse: what was begun, what was finished, and what a crash left between the two."""

from collections.abc import Sequence
from typing import Protocol

from connectors.clickhouse.port import Warehouse
from connectors.errors import Misconfigured
from processors.analytics.batch import (
    KNOWN_SQL,
    OFFSETS_SQL,
    PROGRESS,
    RANGES_SQL,
    STORED_SQL,
    Known,
    Range,
    Verdict,
    progress_lines,
    read_known,
    read_ranges,
    verdict,
)
from processors.analytics.rows import Record


class Log(Protocol):
    """The log, read beside the consumer group: a batch may cover partitions that another worker reads now."""

    async def read(self, ranges: Sequence[Range]) -> list[Record]:
        """Return every record of some ranges that is still in the log, in order within a partition.

        Raises:
            Transient: the log does not answer.
        """

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record of a partition will get.

        Raises:
            Transient: the log does not answer.
        """


class Intents:
    """Reads and writes ``sink_progress``."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    async def intend(self, ranges: Sequence[Range], batch: str) -> None:
        """Log that a batch is about to be inserted. Logging it twice says nothing new."""
        await self._warehouse.insert_json_rows(PROGRESS, progress_lines(ranges, batch, done=False))

    async def finish(self, ranges: Sequence[Range], batch: str) -> None:
        """Log that every row of a batch is stored."""
        await self._warehouse.insert_json_rows(PROGRESS, progress_lines(ranges, batch, done=True))

    async def known(self, topic: str, partition: int, from_offset: int) -> list[Known]:
        """Return the logged ranges of a partition that reach to an offset or beyond, in order."""
        parameters = {"topic": topic, "partition": partition, "offset": from_offset}
        return read_known(topic, partition, await self._warehouse.query(KNOWN_SQL, parameters))

    async def ranges(self, batch: str) -> tuple[Range, ...]:
        """Return all ranges of a batch."""
        return read_ranges(await self._warehouse.query(RANGES_SQL, {"batch_id": batch}))

    async def verdict(self, ranges: Sequence[Range], expected: int) -> Verdict:
        """Compare what is stored of a batch with the number of rows that it has."""
        stored = offsets = 0
        for one in ranges:
            [row] = await self._warehouse.query(STORED_SQL, one.parameters)
            stored, offsets = stored + row["stored"], offsets + row["offsets"]
        return verdict(expected, stored, offsets)

    async def stored(self, ranges: Sequence[Range]) -> set[tuple[str, int, int]]:
        """Return the places of all rows that are stored of some ranges."""
        found: set[tuple[str, int, int]] = set()
        for one in ranges:
            rows = await self._warehouse.query(OFFSETS_SQL, one.parameters)
            found.update((one.topic, one.partition, row["k_offset"]) for row in rows)
        return found


def check_end(known: Sequence[Known], end: int) -> None:
    """Refuse a log that ends before what was inserted from it: its events would be taken for known ones and dropped.

    Raises:
        Misconfigured: the topic was made anew.
    """
    for one in known:
        if one.range.last >= end:
            raise Misconfigured(
                f"{one.range.topic}/{one.range.partition} ends at offset {end}, but offsets up to {one.range.last} "
                "were stored from it: the topic was made anew. To take its events, remove the rows of this topic "
                f"from {PROGRESS} (ALTER TABLE {PROGRESS} DELETE WHERE k_topic = '{one.range.topic}')"
            )
