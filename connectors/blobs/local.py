"""The object store as a directory: no server, safe against crashes and several processes.

Layout: ``<root>/<bucket>/<hh>/<SHA-256 of the key>.blob``, ``hh`` being the first two hex digits, so a key is never
part of a path. A file is one line of JSON (the reference), then the bytes: data and description change
together in one rename, which two files could not.
"""

import asyncio
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from connectors.blobs.port import (
    BlobCorrupt,
    BlobExists,
    check_bucket,
    check_content,
    check_key,
    check_put,
    missing,
    reference,
)
from connectors.errors import Misconfigured, Transient
from connectors.files import sync_directory
from schemas.core.blob_ref import BlobRef

_T = TypeVar("_T")
_MAX_HEADER_BYTES = 8192
_SUFFIX = ".blob"
_NOT_BY_WAITING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR})


class LocalBlobs:
    """A ``BlobStore`` in a directory. At most ``threads`` disk operations run at a time, off the event loop."""

    def __init__(self, root: Path, *, threads: int = 4) -> None:
        self._root = root
        self._slots = asyncio.Semaphore(threads)

    async def put(self, bucket: str, key: str, data: bytes, media_type: str, *, if_absent: bool = False) -> BlobRef:
        """Store ``data``; on return it is on the disk, not only in the system's cache."""
        check_put(bucket, key, data, media_type)
        ref = await self._run(lambda: reference(bucket, key, data, media_type))
        return await self._run(lambda: self._write(ref, data, if_absent))

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference."""
        return await self._run(lambda: self._read(ref))

    async def find(self, bucket: str, key: str) -> BlobRef | None:
        """Return the reference of what is stored under the key, or None. Reads one line."""
        check_bucket(bucket)
        check_key(key)
        return await self._run(lambda: _described(self._path(bucket, key)))

    async def list(self, bucket: str, prefix: str = "") -> AsyncIterator[BlobRef]:
        """Yield the references under ``prefix``. Reads a line of every file of the bucket: for tools, not requests."""
        check_bucket(bucket)
        for ref in await self._run(lambda: self._scan(bucket, prefix)):
            yield ref

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._remove(bucket, key))

    async def _run(self, work: Callable[[], _T]) -> _T:
        async with self._slots:
            try:
                return await asyncio.to_thread(work)
            except OSError as error:
                raise _translated(error, self._root) from error

    def _path(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._root / bucket / digest[:2] / (digest + _SUFFIX)

    def _write(self, ref: BlobRef, data: bytes, if_absent: bool) -> BlobRef:
        path = self._path(ref.bucket, ref.key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
        try:
            with temporary.open("xb") as file:
                file.write(ref.model_dump_json().encode() + b"\n")
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if if_absent:
                found = _linked(temporary, path, ref)
            else:
                found = ref
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
        return found

    def _read(self, ref: BlobRef) -> bytes:
        try:
            with self._path(ref.bucket, ref.key).open("rb") as file:
                file.readline(_MAX_HEADER_BYTES)
                data = file.read()
        except FileNotFoundError as error:
            raise missing(ref) from error
        check_content(ref, data)
        return data

    def _scan(self, bucket: str, prefix: str) -> tuple[BlobRef, ...]:
        return tuple(
            sorted(
                (ref for ref in _descriptions(self._root / bucket) if ref.key.startswith(prefix)),
                key=lambda ref: ref.key.encode(),
            )
        )

    def _remove(self, bucket: str, key: str) -> None:
        path = self._path(bucket, key)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync_directory(path.parent)


def _linked(temporary: Path, path: Path, ref: BlobRef) -> BlobRef:
    """Give the file its name only if the name is free: the one file-system call that is both check and act."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        found = _described(path)
        if found is None or (found.sha256, found.size_bytes) != (ref.sha256, ref.size_bytes):
            raise BlobExists(f"{ref.bucket}/{ref.key}: other bytes are stored there; choose another key") from error
        return found
    return ref


def _described(path: Path) -> BlobRef | None:
    try:
        with path.open("rb") as file:
            return _header(file, path)
    except FileNotFoundError:
        return None


def _header(file: BinaryIO, path: Path) -> BlobRef:
    try:
        return BlobRef.model_validate_json(file.readline(_MAX_HEADER_BYTES))
    except ValidationError as error:
        raise BlobCorrupt(f"{path}: the first line is not a description; restore the file from a backup") from error


def _descriptions(bucket: Path) -> Iterator[BlobRef]:
    for path in bucket.glob(f"??/*{_SUFFIX}"):
        found = _described(path)
        if found is not None:
            yield found


def _translated(error: OSError, root: Path) -> Transient | Misconfigured:
    if error.errno in _NOT_BY_WAITING:
        return Misconfigured(f"object store {root}: {error}; give this user a directory it can write to")
    return Transient(f"object store {root}: {error}; free space or mend the disk")
