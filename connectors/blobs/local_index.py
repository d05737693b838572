"""What lies in a bucket's directory, without opening every file: descriptions remembered in SQLite.

The files are the truth and describe themselves. A remembered description counts only while the file has the same
inode, size and time of change as when it was read, as in Git's index: so a put needs no second write, a crash cannot
part the two, and a lost or damaged index costs one slow listing.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

log = logging.getLogger(__name__)

SUFFIX = ".blob"
_SCHEMA = """CREATE TABLE IF NOT EXISTS described (
    bucket TEXT, name TEXT, inode INTEGER, size_bytes INTEGER, changed_ns INTEGER, description BLOB,
    PRIMARY KEY (bucket, name)) WITHOUT ROWID"""

_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a bucket. ``line`` is its description, as it stands in the file."""

    path: Path
    changed_ns: int
    line: bytes


class Index:
    """Remembers first lines. Only a listing uses it; everything else reads the one file it is about."""

    def __init__(self, path: Path, max_line_bytes: int) -> None:
        self._path = path
        self._max_line_bytes = max_line_bytes

    def entries(self, bucket: Path) -> list[Entry]:
        """Return the files of a bucket; only those that changed since the last call are opened."""
        if not bucket.is_dir():
            return []
        known = self._recall(bucket.name)
        found: dict[str, tuple[_Stamp, bytes]] = {}
        entries, news = [], []
        for path, stamp in _files(bucket):
            remembered = known.get(path.name)
            if remembered is not None and remembered[0] == stamp:
                line = remembered[1]
            else:
                try:
                    with path.open("rb") as file:
                        line = file.readline(self._max_line_bytes)
                except FileNotFoundError:
                    continue  # deleted, or replaced and deleted, since its folder was read
                news.append((bucket.name, path.name, *stamp, line))
            found[path.name] = (stamp, line)
            entries.append(Entry(path, stamp[2], line))
        gone = [(bucket.name, name) for name in known.keys() - found.keys()]
        if news or gone:
            self._note(news, gone)
        return entries

    def _recall(self, bucket: str) -> dict[str, tuple[_Stamp, bytes]]:
        wanted = "SELECT name, inode, size_bytes, changed_ns, description FROM described WHERE bucket = ?"
        with self._healing(), self._open() as database:
            return {row[0]: (row[1:4], row[4]) for row in database.execute(wanted, (bucket,))}
        return {}

    def _note(self, news: list[tuple[str, str, int, int, int, bytes]], gone: list[tuple[str, str]]) -> None:
        with self._healing(), self._open() as database, database:
            database.executemany("INSERT OR REPLACE INTO described VALUES (?, ?, ?, ?, ?, ?)", news)
            database.executemany("DELETE FROM described WHERE bucket = ? AND name = ?", gone)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=5)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute(_SCHEMA)
            yield database

    @contextlib.contextmanager
    def _healing(self) -> Iterator[None]:
        """Do without the index when it cannot be used: it only saves time. A damaged one is made anew."""
        try:
            yield
        except sqlite3.OperationalError as error:
            log.warning("%s is not used: %s", self._path, error)
        except sqlite3.DatabaseError as error:
            log.warning("%s is made anew: %s", self._path, error)
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)


def _files(bucket: Path) -> Iterator[tuple[Path, _Stamp]]:
    for shard in _scan(bucket):
        if not shard.is_dir():
            continue
        for entry in _scan(Path(shard.path)):
            if entry.name.endswith(SUFFIX):
                with contextlib.suppress(FileNotFoundError):
                    stat = entry.stat()
                    yield Path(entry.path), (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _scan(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
