"""Was a committed transaction lost with a broken frame of the write-ahead log?

SQLite reads the log up to the first frame that is not sound and takes that for its end, as it has to after a crash:
what follows was never flushed. Here every commit is flushed before the next begins. So when frames of a later
transaction lie behind the end that SQLite found, something that was acknowledged is broken, and opening the file
would throw it away without a word.

Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

import sqlite3
import sys
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


def is_broken(path: Path) -> bool:
    """Whether a later transaction follows the end that SQLite found; no broker need be there, and one may be.

    A connection that has read from the file must be open: the end stands in the index that it shares with others.
    Format: https://www.sqlite.org/walformat.html#the_wal_index_header.
    """
    try:
        # The log before its index: what is committed in between lies before the end.
        wal = path.with_name(path.name + "-wal").read_bytes()
        index = path.with_name(path.name + "-shm").read_bytes()
    except FileNotFoundError:
        return False
    accepted = int.from_bytes(index[16:20], sys.byteorder)
    return index[32:40] == wal[16:24] and _commits_behind(wal, accepted)


def _commits_behind(wal: bytes, accepted: int) -> bool:
    """Whether after a first commit behind the end there are more frames: one alone may just be under way."""
    behind = [frame for frame in frames(wal) if frame.number >= accepted]
    ends = [frame.number for frame in behind if frame.commits]
    return bool(ends) and behind[-1].number > ends[0]


class Guard:
    """Holds on to a log that a crash left, by a second name, until it is known that SQLite has read all of it.

    Closing the file takes the log's own name away, but not what is behind the second one. On a file system without
    such names there is no guard.
    """

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(path.name + "-wal")
        self._kept = path.with_name(path.name + "-wal.kept")
        self._put_back()  # The last start may have ended between here and its verdict.
        self._holds = False
        if self._wal.exists() and self._wal.stat().st_size > _HEADER_BYTES:
            with suppress(OSError):
                self._kept.hardlink_to(self._wal)
                self._holds = True

    def lost_commits(self, connection: sqlite3.Connection) -> bool:
        """Whether a later transaction follows the end that SQLite found; called before the first write."""
        if not self._holds:
            return False
        try:
            (_, accepted, _) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.OperationalError:
            return False  # No room to fold it in: SQLite keeps it and reads from it, and so is the end not told.
        return _commits_behind(self._kept.read_bytes(), accepted)

    def restore(self) -> None:
        """Give the log its name back: what SQLite has taken over of it, it would take over again."""
        if self._holds:
            self._put_back()

    def dismiss(self) -> None:
        """All is well; the second name is not needed any more."""
        self._kept.unlink(missing_ok=True)

    def _put_back(self) -> None:
        if self._kept.exists():
            if self._wal.exists():
                self._kept.unlink()
            else:
                self._kept.replace(self._wal)
