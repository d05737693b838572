"""Was a committed transaction lost with a broken frame of the write-ahead log?

SQLite reads the log up to the first frame that is not sound and takes that for its end, as it has to after a crash:
what follows was never flushed. Here every commit is flushed before the next begins. So when frames of a later
transaction lie behind the end that SQLite found, something that was acknowledged is broken, and opening the file
would throw it away without a word.

Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24


class Frame(NamedTuple):
    """A page in the log: which one, where its content begins, whether it ends a transaction."""

    number: int
    page: int
    start: int
    commits: bool


def frames(wal: bytes) -> Iterator[Frame]:
    """Frames of the log's present round, sound or not; those of an earlier round carry another salt."""
    salt, page_bytes = wal[16:24], int.from_bytes(wal[8:12], "big")
    step = _FRAME_HEADER_BYTES + page_bytes
    if not 512 <= page_bytes <= 65_536:
        return
    for number, start in enumerate(range(_HEADER_BYTES, len(wal) - step + 1, step)):
        if wal[start + 8 : start + 16] == salt:
            page = int.from_bytes(wal[start : start + 4], "big")
            yield Frame(number, page, start + _FRAME_HEADER_BYTES, wal[start + 4 : start + 8] != bytes(4))


class Guard:
    """Keeps a copy of a log that a crash left, until it is known that SQLite has read all of it."""

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._copy = path.with_name(path.name + "-wal.kept")
        if self._copy.exists():
            # The last start ended between the copy and its verdict; it may have opened and closed the file.
            self._copy.replace(self._wal)
        self._is_needed = self._wal.exists() and self._wal.stat().st_size > _HEADER_BYTES
        if self._is_needed:
            shutil.copyfile(self._wal, self._copy)

    def lost_commits(self, connection: sqlite3.Connection) -> bool:
        """Whether a later transaction follows the end that SQLite found; called before the first write."""
        if not self._is_needed:
            return False
        (_, accepted, _) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        behind = [frame for frame in frames(self._copy.read_bytes()) if frame.number >= accepted]
        ends = [frame.number for frame in behind if frame.commits]
        return bool(ends) and behind[-1].number > ends[0]

    def restore(self) -> None:
        """Put the log back as it was: what SQLite has taken over of it, it would take over again."""
        if self._is_needed:
            self._copy.replace(self._wal)

    def dismiss(self) -> None:
        """All is well; forget the copy."""
        with suppress(FileNotFoundError):
            self._copy.unlink()
