"""Save what can be read of a broken file into a new one. The old one is kept beside it.

First by SQL, stepping over what SQLite cannot read; then, where something was stepped over, page by page (`carve`).
Only batches whose CRC and place are right get into the new file. What is missing is named by offset.
"""

import logging
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.broker.carve import PAGE_BYTES, carve
from infra.broker.errors import BrokerError
from infra.broker.integrity import OFFSET_BITS, batch_fault, quick_check
from infra.broker.producers import ProducerState
from infra.broker.store import Store, take_lock
from infra.broker.wal import frames

_LOG = logging.getLogger(__name__)

_MASK = (1 << OFFSET_BITS) - 1
_LAST_KEY = 2**63 - 1
_SIDE_FILES = ("-wal", "-shm")
_OWN_MARKS = {"in_use"}


@dataclass(slots=True)
class Report:
    """What was saved and what was not. `lost` maps a partition's name to its missing (first, last) offsets."""

    kept_as: Path
    batches: int = 0
    lost: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    unreadable_tables: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The report for a person."""
        yield f"{self.batches} batches saved; the broken file is kept as {self.kept_as}"
        for table in self.unreadable_tables:
            yield f"table {table} could not be read whole: check what it held"
        for name, ranges in sorted(self.lost.items()):
            for first, last in ranges:
                yield f"lost: {name} offsets {first} to {last} ({last - first + 1})"
        if not self.lost:
            yield "no offset is missing"


def repair(path: Path) -> Report:
    """Replace the file by one that holds everything sound of it. Needs room for two more copies meanwhile.

    Raises:
        BrokerFileInUseError: a broker runs on it.
        BrokerError: there is no such file, or no room.
    """
    path = path.resolve()
    if not path.exists():
        raise BrokerError(f"there is no {path}")
    lock = take_lock(path)
    folder = path.with_name(path.name + ".repairing")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        copy, fresh = folder / "copy.db", folder / "new.db"
        shutil.copyfile(path, copy)
        with suppress(FileNotFoundError):
            _fold(copy, Path(f"{path}-wal").read_bytes())
        Store.open(fresh).close()
        report = Report(_free_name(path))
        _save(copy, fresh, report)
        Store.open(fresh).close()  # Looks at it as every start does.
        _exchange(path, fresh, report.kept_as)
    except (OSError, sqlite3.DatabaseError) as error:
        raise BrokerError(f"{path} could not be repaired, it is as it was: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()
    return report


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return name


def _exchange(path: Path, fresh: Path, kept_as: Path) -> None:
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{kept_as}{suffix}")
    path.replace(kept_as)
    fresh.replace(path)


def _fold(copy: Path, wal: bytes) -> None:
    """Write the pages of the write-ahead log into the copy, up to its last commit.

    SQLite itself would stop at the first broken frame. Here that frame is one broken page, if not even that: a later
    frame often holds the same page again.
    """
    found = list(frames(wal))
    ends = [frame.number for frame in found if frame.commits]
    most = copy.stat().st_size // PAGE_BYTES + len(found)  # A broken page number must not blow up the copy.
    with copy.open("r+b") as file:
        for frame in found:
            if ends and frame.number <= ends[-1] and 0 < frame.page <= most:
                file.seek((frame.page - 1) * PAGE_BYTES)
                file.write(wal[frame.start : frame.start + PAGE_BYTES])


def _save(copy: Path, fresh: Path, report: Report) -> None:
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous = OFF")  # It counts only once it is complete; `Store.open` flushes it.
        target.execute("BEGIN IMMEDIATE")
        with closing(_open_broken(copy, fresh)) as source:
            whole = _is_whole(source)
            _copy_tables(source, target, report)
            damage = list(_copy_batches(source, target))
        if not whole or damage:
            _add_carved(copy, target, damage, "partitions" in report.unreadable_tables)
        _adopt_orphans(target, "partitions" in report.unreadable_tables)
        _account(target, damage, report)
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _open_broken(copy: Path, fresh: Path) -> sqlite3.Connection:
    """Open the copy; where its first page is broken, with the first page of a new file, which has the same tables."""
    for attempt in range(2):
        if attempt:
            _transplant(copy, fresh)
        source = sqlite3.connect(copy, isolation_level=None)
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.execute("SELECT max(rowid) FROM partitions").fetchone()
        except sqlite3.DatabaseError as error:
            _LOG.warning("the file does not open (%s)", error)
            if attempt:
                return source
            source.close()
            continue
        return source
    raise AssertionError


def _transplant(copy: Path, fresh: Path) -> None:
    pages = max(1, copy.stat().st_size // PAGE_BYTES)
    first = bytearray(fresh.read_bytes()[:PAGE_BYTES])
    first[28:32] = pages.to_bytes(4, "big")
    first[32:40] = bytes(8)  # No free pages are known.
    with copy.open("r+b") as file:
        file.write(first)


def _is_whole(source: sqlite3.Connection) -> bool:
    try:
        return quick_check(source, None) is None
    except sqlite3.DatabaseError:
        return False


def _copy_tables(source: sqlite3.Connection, target: sqlite3.Connection, report: Report) -> None:
    tables = target.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'batches'").fetchall()
    for (table,) in tables:
        columns = ", ".join(row[1] for row in target.execute(f"PRAGMA table_info({table})"))
        marks = ", ".join("?" * (columns.count(",") + 1))
        try:
            for row in source.execute(f"SELECT {columns} FROM {table} NOT INDEXED"):  # noqa: S608 - names of our schema
                if table == "meta" and row[0] in _OWN_MARKS:
                    continue
                with suppress(sqlite3.IntegrityError):
                    target.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608 - as above
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            report.unreadable_tables.append(table)


def _copy_batches(source: sqlite3.Connection, target: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Copy what SQL reads; yields the (first, last) keys between which something was unreadable or unsound."""
    done = -1
    while True:
        try:
            rows = source.execute("SELECT * FROM batches WHERE batch_key > ? ORDER BY batch_key", (done,))
            for row in rows:
                if row[0] <= done:
                    raise sqlite3.DatabaseError("keys out of order")
                if batch_fault(row[0], row[1], row[4]) is None:
                    target.execute("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?)", row)
                else:
                    yield row[0], row[0]
                done = row[0]
        except (sqlite3.DatabaseError, TypeError):
            following = _next_readable(source, done)
            yield done + 1, _LAST_KEY if following is None else following
            if following is None:
                return
            # Where the next one was read alone but not in its turn, it is stepped over, so that this ends.
            done = following - 1 if following - 1 > done else following
            continue
        return


def _next_readable(source: sqlite3.Connection, done: int) -> int | None:
    """Smallest key behind the damage that SQL can find: ever longer steps, then back by halves."""
    unreadable, step = done + 1, 1
    found: int | None = None
    while found is None and unreadable < _LAST_KEY:
        unreadable = min(_LAST_KEY, done + 1 + step)
        found = _probe(source, unreadable)
        step *= 2
    if found is None:
        return None
    low, high = done + 1, unreadable
    while low < high:
        middle = (low + high) // 2
        better = _probe(source, middle)
        if better is None:
            low = middle + 1
        else:
            found, high = better, middle
    return found


def _probe(source: sqlite3.Connection, key: int) -> int | None:
    try:
        row = source.execute(
            "SELECT batch_key, data FROM batches WHERE batch_key >= ? ORDER BY batch_key LIMIT 1", (key,)
        ).fetchone()
    except sqlite3.DatabaseError:
        return None
    return None if row is None or row[0] < key else int(row[0])


def _add_carved(copy: Path, target: sqlite3.Connection, damage: list[tuple[int, int]], no_partitions: bool) -> None:
    """Add what the pages hold beyond what SQL read.

    A page may be left from what was deleted. In a topic that is never compacted every sound batch from its start on
    belongs; elsewhere only one from where SQL could not read.
    """
    starts = dict(target.execute("SELECT partition_id, log_start_offset FROM partitions").fetchall())
    compacted = _compacted(target)
    for row in carve(copy):
        partition_id, offset = row.key >> OFFSET_BITS, row.key & _MASK
        known = no_partitions or (partition_id in starts and row.last_offset >= starts[partition_id])
        if known and (partition_id not in compacted or any(low <= row.key <= high for low, high in damage)):
            covered = target.execute(
                "SELECT 1 FROM batches WHERE batch_key > ? AND batch_key <= ? AND last_offset >= ?",
                (row.key - offset - 1, (partition_id << OFFSET_BITS) + row.last_offset, offset),
            ).fetchone()
            if covered is None:
                target.execute("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?)", row)


def _compacted(target: sqlite3.Connection) -> set[int]:
    return {
        partition_id
        for partition_id, value in target.execute(
            "SELECT partition_id, value FROM partitions JOIN topic_configs USING (topic_id)"
            " WHERE topic_configs.name = 'cleanup.policy'"
        )
        if "compact" in str(value)
    }


def _adopt_orphans(target: sqlite3.Connection, no_partitions: bool) -> None:
    """Partitions whose topic is gone: under a made-up name where the table was broken, else they were deleted."""
    orphans = target.execute(
        f"SELECT DISTINCT batch_key >> {OFFSET_BITS} FROM batches"  # noqa: S608 - a constant of ours
        f" WHERE batch_key >> {OFFSET_BITS} NOT IN"
        " (SELECT partition_id FROM partitions JOIN topics USING (topic_id))"
    ).fetchall()
    for (partition_id,) in orphans:
        low, high = partition_id << OFFSET_BITS, partition_id << OFFSET_BITS | _MASK
        if no_partitions:
            made = target.execute("INSERT INTO topics (name) VALUES (?)", (f"recovered-{partition_id}",)).lastrowid
            target.execute("DELETE FROM partitions WHERE partition_id = ?", (partition_id,))
            target.execute(
                "INSERT INTO partitions (partition_id, topic_id, partition_index) VALUES (?, ?, 0)",
                (partition_id, made),
            )
        else:
            target.execute("DELETE FROM batches WHERE batch_key BETWEEN ? AND ?", (low, high))
    for table in ("producers", "group_offsets", "aborted_transactions"):
        target.execute(f"DELETE FROM {table} WHERE partition_id NOT IN (SELECT partition_id FROM partitions)")  # noqa: S608 - names above
    target.execute("DELETE FROM partitions WHERE topic_id NOT IN (SELECT topic_id FROM topics)")


def _account(target: sqlite3.Connection, damage: list[tuple[int, int]], report: Report) -> None:
    """Find the holes, and see to it that no lost offset is given a second time."""
    (report.batches,) = target.execute("SELECT count(*) FROM batches").fetchone()
    ends = _known_ends(target)
    compacted = _compacted(target)
    partitions = target.execute(
        "SELECT partition_id, name, partition_index, log_start_offset FROM partitions JOIN topics USING (topic_id)"
    ).fetchall()
    for partition_id, name, index, start in partitions:
        low = partition_id << OFFSET_BITS
        spans = target.execute(
            "SELECT batch_key - ?, last_offset FROM batches WHERE batch_key BETWEEN ? AND ? ORDER BY batch_key",
            (low, low, low | _MASK),
        ).fetchall()
        holes = list(_holes(spans, start, ends[partition_id]))
        if partition_id in compacted:
            holes = [hole for hole in holes if any(low + hole[0] <= d[1] and d[0] <= low + hole[1] for d in damage)]
        if holes:
            report.lost[f"{name}-{index}"] = holes
        end = max([ends[partition_id], *(last + 1 for _, last in spans[-1:])])
        target.execute(
            "UPDATE partitions SET next_offset_floor = max(next_offset_floor, ?) WHERE partition_id = ?",
            (end, partition_id),
        )


def _known_ends(target: sqlite3.Connection) -> dict[int, int]:
    """How far each log went at least, by what groups have read and producers have written."""
    ends: dict[int, int] = defaultdict(int)
    ends.update(target.execute("SELECT partition_id, next_offset_floor FROM partitions").fetchall())
    for partition_id, offset in target.execute("SELECT partition_id, committed_offset FROM group_offsets"):
        ends[partition_id] = max(ends[partition_id], offset)
    for partition_id, epoch, packed in target.execute("SELECT partition_id, epoch, batches FROM producers"):
        with suppress(Exception):  # A damaged row says nothing.
            for batch in ProducerState.unpack(epoch, packed).batches:
                size = (batch.last_sequence - batch.first_sequence) % 2**31 + 1
                ends[partition_id] = max(ends[partition_id], batch.base_offset + size)
    return ends


def _holes(spans: Iterable[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    for first, last in spans:
        if first > start:
            yield start, first - 1
        start = max(start, last + 1)
    if end > start:
        yield start, end - 1
