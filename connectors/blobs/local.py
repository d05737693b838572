"""The object store as a directory: no server, safe against crashes and several processes.

Layout: ``<root>/<bucket>/<hh>/<SHA-256 of the key>.blob``, ``hh`` being the first two hex digits, so a key is never
part of a path. A file is one line of JSON (the reference), then the bytes: data and description change
together in one rename, which two files could not. A lock is a ``.lock`` file beside it. Changes of one ``hh`` folder
hold an advisory lock on it, so that what was checked (is it there? is it locked?) still stands when they act.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from connectors.blobs.local_index import SUFFIX, Entry, Index
from connectors.blobs.port import (
    BlobCorrupt,
    Stored,
    check_bucket,
    check_content,
    check_key,
    check_name,
    check_put,
    check_range,
    missing,
    no_data,
    nothing_at,
    other_bytes,
    retained,
    same_bytes,
)
from connectors.blobs.presign import BlobUrls, ThroughGateway
from connectors.blobs.stream import read_stream
from connectors.clock.clock import Clock, SystemClock
from connectors.errors import Misconfigured, Transient
from connectors.files import sync_directory
from schemas.core.blob_ref import BlobRef

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_MAX_HEADER_BYTES = 8192
_NOT_BY_WAITING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR})
_UNKNOWN_SHA256, _LARGEST_BYTES = "0" * 64, 10**15


class LocalBlobs(ThroughGateway):
    """A ``BlobStore`` in a directory, in ``threads`` threads of its own. Without ``urls`` it cannot presign."""

    def __init__(
        self, root: Path, *, threads: int = 4, urls: BlobUrls | None = None, clock: Clock | None = None
    ) -> None:
        self._root = root
        self._urls = urls
        self._clock = clock or SystemClock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        self._index = Index(root / "index.sqlite3", _MAX_HEADER_BYTES)

    async def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        media_type: str,
        *,
        if_absent: bool = False,
        if_match: BlobRef | None = None,
    ) -> BlobRef:
        """Store ``data``; on return it is on the disk, not only in the system's cache."""
        check_put(bucket, key, data, media_type)

        def work() -> BlobRef:
            with self._arriving(bucket, key, media_type) as arriving:
                arriving.write(data)
                return self._commit(arriving, if_absent=if_absent, if_match=if_match)

        return await self._run(work)

    async def put_stream(self, bucket: str, key: str, pieces: AsyncIterator[bytes], media_type: str) -> BlobRef:
        """Store the pieces as they come; the object appears when the last one is on the disk."""
        check_name(bucket, key, media_type)
        arriving = await self._run(lambda: _Arriving(self._path(bucket, key), bucket, key, media_type))
        try:
            async for piece in pieces:
                await self._run(lambda piece=piece: arriving.write(piece))  # type: ignore[misc]  # bound default
            return await self._run(lambda: self._commit(arriving, if_absent=False, if_match=None))
        finally:
            await self._run(arriving.discard)

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference."""

        def work() -> bytes:
            with self._opened(ref) as file:
                data = file.read()
            check_content(ref, data)
            return data

        return await self._run(work)

    async def get_range(self, ref: BlobRef, start: int, length: int) -> bytes:
        """Return a part of the bytes."""
        check_range(start, length)

        def work() -> bytes:
            with self._opened(ref) as file:
                file.seek(start, os.SEEK_CUR)
                return file.read(length)

        return await self._run(work)

    async def stat(self, bucket: str, key: str) -> Stored | None:
        """Return what is stored under the key, or None. Reads one line."""
        check_bucket(bucket)
        check_key(key)
        return await self._run(lambda: _stored(self._path(bucket, key)))

    async def list(self, bucket: str, prefix: str = "") -> AsyncIterator[Stored]:
        """Yield what is stored under ``prefix``; a file without a description is logged and left out.

        Looks at every file name of the bucket and opens the new ones: for tools, not for requests.
        """
        check_bucket(bucket)
        for one in await self._run(lambda: self._scan(bucket, prefix)):
            yield one

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._remove(bucket, key))

    async def copy(self, ref: BlobRef, bucket: str, key: str) -> BlobRef:
        """Store the same bytes under another name."""
        return await self.put_stream(bucket, key, read_stream(self, ref), ref.media_type)

    async def retain(self, bucket: str, key: str, until: datetime) -> None:
        """Lock the object: a file beside it says until when."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._retain(self._path(bucket, key), bucket, key, until))

    async def tidy(self, bucket: str, older_than: timedelta) -> int:
        """Remove temporary files that no put has written to for so long."""
        check_bucket(bucket)
        before = (self._clock.now() - older_than).timestamp()
        return await self._run(lambda: _remove_temporaries(self._root / bucket, before))

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            raise _translated(error, self._root) from error

    def _path(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._root / bucket / digest[:2] / (digest + SUFFIX)

    @contextlib.contextmanager
    def _arriving(self, bucket: str, key: str, media_type: str) -> "Iterator[_Arriving]":
        arriving = _Arriving(self._path(bucket, key), bucket, key, media_type)
        try:
            yield arriving
        finally:
            arriving.discard()

    def _commit(self, arriving: "_Arriving", *, if_absent: bool, if_match: BlobRef | None) -> BlobRef:
        ref = arriving.finish()
        with _locked(arriving.path.parent) as folder:
            found = _stored(arriving.path)
            if if_absent and found is not None:
                if not same_bytes(found.ref, ref):
                    raise other_bytes(ref.bucket, ref.key)
                return found.ref
            if if_match is not None:
                if found is None:
                    raise missing(if_match)
                if not same_bytes(found.ref, if_match):
                    raise other_bytes(ref.bucket, ref.key)
            self._refuse_if_retained(found, ref.bucket, ref.key)
            arriving.temporary.replace(arriving.path)
            os.fsync(folder)
        return ref

    def _refuse_if_retained(self, found: Stored | None, bucket: str, key: str) -> None:
        if found is not None and found.retain_until is not None and found.retain_until > self._clock.now():
            raise retained(bucket, key, found.retain_until)

    @contextlib.contextmanager
    def _opened(self, ref: BlobRef) -> Iterator[BinaryIO]:
        """Open the file of an object, past its description."""
        try:
            with self._path(ref.bucket, ref.key).open("rb") as file:
                file.readline(_MAX_HEADER_BYTES)
                yield file
        except FileNotFoundError as error:
            raise missing(ref) from error

    def _scan(self, bucket: str, prefix: str) -> tuple[Stored, ...]:
        found = []
        for entry in self._index.entries(self._root / bucket):
            try:
                stored = _described(entry)
            except BlobCorrupt as error:
                log.error("%s", error)
                continue
            if stored.ref.key.startswith(prefix):
                found.append(stored)
        return tuple(sorted(found, key=lambda one: one.ref.key.encode()))

    def _remove(self, bucket: str, key: str) -> None:
        path = self._path(bucket, key)
        if not path.exists():
            return
        with _locked(path.parent) as folder:
            until = _retained_until(path)
            if until is not None and until > self._clock.now():
                raise retained(bucket, key, until)
            path.unlink(missing_ok=True)
            _lock_file(path).unlink(missing_ok=True)
            os.fsync(folder)

    def _retain(self, path: Path, bucket: str, key: str, until: datetime) -> None:
        if not path.exists():
            raise nothing_at(bucket, key)
        with _locked(path.parent) as folder:
            if not path.exists():
                raise nothing_at(bucket, key)
            present = _retained_until(path)
            if present is not None and present >= until:
                return
            temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
            with temporary.open("x") as file:
                file.write(until.astimezone(UTC).isoformat())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(_lock_file(path))
            os.fsync(folder)


class _Arriving:
    """A file that is being written under a temporary name. Its first line gets its place at once, its text last."""

    def __init__(self, path: Path, bucket: str, key: str, media_type: str) -> None:
        self.path = path
        self.temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
        self._widest = BlobRef(
            bucket=bucket, key=key, sha256=_UNKNOWN_SHA256, size_bytes=_LARGEST_BYTES, media_type=media_type
        )
        self._width = len(self._widest.model_dump_json().encode())
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        _make_folders(path.parent)
        self._file = self.temporary.open("xb")
        self._file.write(b" " * self._width + b"\n")

    def write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size_bytes += len(piece)
        self._file.write(piece)

    def finish(self) -> BlobRef:
        """Write the description and wait for the disk."""
        if not self._size_bytes:
            raise no_data(self._widest.bucket, self._widest.key)
        ref = self._widest.model_copy(update={"sha256": self._digest.hexdigest(), "size_bytes": self._size_bytes})
        self._file.seek(0)
        self._file.write(ref.model_dump_json().encode().ljust(self._width))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return ref

    def discard(self) -> None:
        """Close and remove what did not get its name."""
        self._file.close()
        self.temporary.unlink(missing_ok=True)


def _make_folders(folder: Path) -> None:
    """Make a bucket's folders, so that they survive a power cut: a name is part of the folder above.

    All 256 at once: each would cost its own waiting for the disk otherwise.
    """
    if not folder.exists():
        bucket = folder.parent
        for number in range(256):
            (bucket / f"{number:02x}").mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(bucket)
        sync_directory(bucket.parent)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold a folder against other changes, in this process and others; yields its descriptor, for ``fsync``."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _stored(path: Path) -> Stored | None:
    try:
        with path.open("rb") as file:
            line = file.readline(_MAX_HEADER_BYTES)
            return _described(Entry(path, os.fstat(file.fileno()).st_mtime_ns, line))
    except FileNotFoundError:
        return None


def _described(entry: Entry) -> Stored:
    try:
        ref = BlobRef.model_validate_json(entry.line)
    except ValidationError as error:
        raise BlobCorrupt(
            f"{entry.path}: the first line is not a description; restore the file from a backup"
        ) from error
    return Stored(ref, datetime.fromtimestamp(entry.changed_ns / 1e9, UTC), _retained_until(entry.path))


def _lock_file(path: Path) -> Path:
    return path.with_suffix(".lock")


def _retained_until(path: Path) -> datetime | None:
    lock = _lock_file(path)
    try:
        return datetime.fromisoformat(lock.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BlobCorrupt(f"{lock}: not a time; write until when the object is locked, as 2030-01-01T00:00Z") from error


def _remove_temporaries(bucket: Path, before: float) -> int:
    removed = 0
    for path in bucket.glob("??/.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime <= before:
                path.unlink()
                removed += 1
    return removed


def _translated(error: OSError, root: Path) -> Transient | Misconfigured:
    if error.errno in _NOT_BY_WAITING:
        return Misconfigured(f"object store {root}: {error}; give this user a directory it can write to")
    return Transient(f"object store {root}: {error}; free space or mend the disk")
