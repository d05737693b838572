"""The object store on any S3 server, through minio-py in threads (its calls block).

The SHA-256 travels in the object's metadata, because the ETag is no content hash for every server. A conditional put
uses ``If-None-Match`` and ``If-Match``, which minio-py has no public call for; its ``_execute`` and the two calls for
multipart uploads are held by the contract suite. A stream is spooled to a temporary file first: its hash must be known
before the upload, and a source that fails half-way never reaches the server.
"""

import asyncio
import contextlib
import hashlib
import io
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import IO, Any, TypeVar

from connectors.blobs.port import (
    BlobCorrupt,
    BlobExists,
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
    reference,
    retained,
    same_bytes,
)
from connectors.blobs.presign import BlobUrls, ThroughGateway
from connectors.blobs.s3_client import PARTS_AT_ONCE, S3Settings, connect
from connectors.blobs.s3_errors import translated
from connectors.clock.clock import Clock, SystemClock
from connectors.errors import Misconfigured
from schemas.core.blob_ref import BlobRef

_T = TypeVar("_T")
_HASH_HEADER = "x-amz-meta-sha256"
_RETAIN_HEADER = "x-amz-object-lock-retain-until-date"
_NOTHING_THERE = frozenset({"NoSuchKey", "NoSuchBucket"})
_BUCKET_IS_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_NO_LOCKS = frozenset(
    {"InvalidBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"}
)
_LIST_CHUNK = 32
_PART_BYTES = 8 * 1024 * 1024
_SPOOL_BYTES = 8 * 1024 * 1024


class S3Blobs(ThroughGateway):
    """A ``BlobStore`` on S3. Buckets are created when first written to. Retrying is the caller's: one retry here.

    ``urls`` signs addresses for puts, which go through the gateway: an object that a stranger puts straight to the
    server has no hash, and its size and type would be his.
    """

    def __init__(self, settings: S3Settings, *, urls: BlobUrls | None = None, clock: Clock | None = None) -> None:
        self._settings = settings
        self._urls = urls
        self._clock = clock or SystemClock()
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="s3")
        self._client = connect(settings)
        self._making_bucket = threading.Lock()

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
        """Store ``data`` in one request; return its reference."""
        check_put(bucket, key, data, media_type)
        ref = await self._run(lambda: reference(bucket, key, data, media_type))
        try:
            if if_match is not None:
                await self._run(lambda: self._swap(ref, data, if_match))
            elif if_absent:
                await self._run(lambda: self._in_bucket(bucket, lambda: self._put_if(ref, data, "If-None-Match", "*")))
            else:
                await self._run(lambda: self._in_bucket(bucket, lambda: self._upload(ref, io.BytesIO(data), one=True)))
        except BlobExists:
            found = await self.stat(bucket, key)
            if if_match is not None or found is None or not same_bytes(found.ref, ref):
                raise
            return found.ref
        return ref

    async def put_stream(self, bucket: str, key: str, pieces: AsyncIterator[bytes], media_type: str) -> BlobRef:
        """Spool the pieces, then send them in parts. An upload that fails is aborted; ``tidy`` finds the rest."""
        check_name(bucket, key, media_type)
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
            async for piece in pieces:
                size += len(piece)
                await self._run(lambda piece=piece: _spool(piece, digest, spool))  # type: ignore[misc]  # bound default
            if not size:
                raise no_data(bucket, key)
            ref = BlobRef(bucket=bucket, key=key, sha256=digest.hexdigest(), size_bytes=size, media_type=media_type)
            await self._run(lambda: self._in_bucket(bucket, lambda: self._upload(ref, spool)))
        return ref

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference."""

        def work() -> bytes:
            data = self._read(ref)
            check_content(ref, data)
            return data

        return await self._run(work)

    async def get_range(self, ref: BlobRef, start: int, length: int) -> bytes:
        """Return a part of the bytes."""
        check_range(start, length)
        return await self._run(lambda: self._read(ref, start, length))

    async def stat(self, bucket: str, key: str) -> Stored | None:
        """Return what is stored under the key (one HEAD request), or None."""
        check_bucket(bucket)
        check_key(key)
        return await self._run(lambda: self._stat(bucket, key))

    async def list(self, bucket: str, prefix: str = "") -> AsyncIterator[Stored]:
        """Yield what is stored under ``prefix``. S3 lists no metadata, so each object costs a HEAD request."""
        check_bucket(bucket)
        names = self._names(bucket, prefix)
        while chunk := await self._run(lambda: tuple(islice(names, _LIST_CHUNK))):
            for found in await asyncio.gather(*(self.stat(bucket, name) for name in chunk)):
                if found is not None:
                    yield found

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key. A bucket that keeps versions keeps the bytes: do not version it."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._remove(bucket, key))

    async def copy(self, ref: BlobRef, bucket: str, key: str) -> BlobRef:
        """Have the server copy the object, with its hash."""
        target = ref.model_copy(update={"bucket": bucket, "key": key})
        check_name(bucket, key, ref.media_type)
        await self._run(lambda: self._in_bucket(bucket, lambda: self._copy(ref, target)))
        return target

    async def retain(self, bucket: str, key: str, until: datetime) -> None:
        """Lock the object in compliance mode: the server itself refuses, to its owner too."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._retain(bucket, key, until))

    async def presign_get(self, ref: BlobRef, expires_in: timedelta) -> str:
        """Return an address at the server itself; signing asks nobody, once the region is known."""
        return await self._run(lambda: self._client.presigned_get_object(ref.bucket, ref.key, expires=expires_in))

    async def tidy(self, bucket: str, older_than: timedelta) -> int:
        """Abort multipart uploads that were begun so long ago."""
        check_bucket(bucket)
        return await self._run(lambda: self._abort(bucket, self._clock.now() - older_than))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._translating, work)

    def _translating(self, work: Callable[[], _T]) -> _T:
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            return work()
        except (MinioException, HTTPError, OSError) as error:
            raise translated(error, self._settings.endpoint) from error

    def _in_bucket(self, bucket: str, write: Callable[[], None]) -> None:
        from minio.error import S3Error

        try:
            write()
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            self._make_bucket(bucket)
            write()

    def _make_bucket(self, bucket: str) -> None:
        from minio.error import S3Error

        try:
            # One at a time: Versity S3 Gateway 1.8 answers 500 to some of several who make the same bucket at once.
            with self._making_bucket:
                self._client.make_bucket(bucket, object_lock=bucket in self._settings.object_lock)
        except S3Error as error:
            if error.code not in _BUCKET_IS_THERE:
                raise

    def _upload(self, ref: BlobRef, source: IO[bytes], *, one: bool = False) -> None:
        """Send a whole object: in one request, or, when it is large, in parts that are aborted when one fails."""
        self._refuse_if_retained(ref.bucket, ref.key)
        source.seek(0)
        self._client.put_object(
            ref.bucket,
            ref.key,
            source,  # type: ignore[arg-type]  # a spooled file reads as any other
            ref.size_bytes,
            content_type=ref.media_type,
            metadata={_HASH_HEADER: ref.sha256},
            part_size=max(ref.size_bytes, 5 * 1024 * 1024) if one else _PART_BYTES,
            num_parallel_uploads=PARTS_AT_ONCE,
        )

    def _put_if(self, ref: BlobRef, data: bytes, condition: str, value: str) -> None:
        from minio.error import S3Error

        headers: dict[str, str | list[str] | tuple[str]] = {
            "Content-Type": ref.media_type,
            _HASH_HEADER: ref.sha256,
            condition: value,
        }
        try:
            self._client._execute("PUT", ref.bucket, ref.key, body=data, headers=headers)
        except S3Error as error:
            if error.code not in _CONFLICT:
                raise
            raise other_bytes(ref.bucket, ref.key) from error

    def _swap(self, ref: BlobRef, data: bytes, expected: BlobRef) -> None:
        """Replace the bytes of ``expected``: its hash is compared here, that nothing came between by the server."""
        found = self._head(ref.bucket, ref.key)
        if found is None:
            raise missing(ref)
        if not same_bytes(_stored_of(ref.bucket, ref.key, found).ref, expected):
            raise other_bytes(ref.bucket, ref.key)
        self._refuse_if_retained(ref.bucket, ref.key)
        self._put_if(ref, data, "If-Match", f'"{found.etag}"')

    def _read(self, ref: BlobRef, start: int = 0, length: int = 0) -> bytes:
        """Return the object, or ``length`` bytes of it; nothing behind its end."""
        from minio.error import S3Error

        try:
            response = self._client.get_object(ref.bucket, ref.key, offset=start, length=length)
        except S3Error as error:
            if error.code in _NOTHING_THERE:
                raise missing(ref) from error
            if error.code == "InvalidRange":
                return b""
            raise
        try:
            return bytes(response.data)
        finally:
            response.close()
            response.release_conn()

    def _head(self, bucket: str, key: str) -> Any:
        from minio.error import S3Error

        try:
            return self._client.stat_object(bucket, key)
        except S3Error as error:
            if error.code in _NOTHING_THERE:
                return None
            raise

    def _stat(self, bucket: str, key: str) -> Stored | None:
        found = self._head(bucket, key)
        return None if found is None else _stored_of(bucket, key, found)

    def _names(self, bucket: str, prefix: str) -> Iterator[str]:
        from minio.error import S3Error

        try:
            for one in self._client.list_objects(bucket, prefix=prefix, recursive=True):
                yield str(one.object_name)
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise

    def _remove(self, bucket: str, key: str) -> None:
        from minio.error import S3Error

        self._refuse_if_retained(bucket, key)
        try:
            self._client.remove_object(bucket, key)
        except S3Error as error:
            if error.code not in _NOTHING_THERE:
                raise

    def _copy(self, ref: BlobRef, target: BlobRef) -> None:
        from minio.commonconfig import CopySource
        from minio.error import S3Error

        self._refuse_if_retained(target.bucket, target.key)
        found = self._stat(ref.bucket, ref.key)
        if found is None:
            raise missing(ref)
        if not same_bytes(found.ref, ref):
            raise BlobCorrupt(f"{ref.bucket}/{ref.key}: other bytes than the reference promises; nothing was copied")
        try:
            self._client.copy_object(target.bucket, target.key, CopySource(ref.bucket, ref.key))
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise missing(ref) from error
            raise

    def _refuse_if_retained(self, bucket: str, key: str) -> None:
        """Say no ourselves: a server with versions would hide the locked one behind a newer, or a deletion."""
        if bucket not in self._settings.object_lock:
            return
        found = self._stat(bucket, key)
        if found is not None and found.retain_until is not None and found.retain_until > self._clock.now():
            raise retained(bucket, key, found.retain_until)

    def _retain(self, bucket: str, key: str, until: datetime) -> None:
        from minio.commonconfig import COMPLIANCE
        from minio.error import S3Error
        from minio.retention import Retention

        if bucket not in self._settings.object_lock:
            raise _cannot_lock(bucket)
        found = self._stat(bucket, key)
        if found is None:
            raise nothing_at(bucket, key)
        if found.retain_until is not None and found.retain_until >= until:
            return
        try:
            self._client.set_object_retention(bucket, key, Retention(COMPLIANCE, until.astimezone(UTC)))
        except S3Error as error:
            if error.code in _NO_LOCKS:
                raise _cannot_lock(bucket) from error
            raise

    def _abort(self, bucket: str, before: datetime) -> int:
        from minio.error import S3Error

        aborted = 0
        try:
            uploads = self._client._list_multipart_uploads(bucket).uploads
        except S3Error as error:
            if error.code == "NoSuchBucket":
                return 0
            raise
        for upload in uploads:
            if upload.initiated_time is not None and upload.initiated_time <= before:
                with contextlib.suppress(S3Error):  # ended by somebody else in between
                    self._client._abort_multipart_upload(bucket, upload.object_name, str(upload.upload_id))
                    aborted += 1
        return aborted


def _spool(piece: bytes, digest: "hashlib._Hash", spool: IO[bytes]) -> None:
    digest.update(piece)
    spool.write(piece)


def _cannot_lock(bucket: str) -> Misconfigured:
    return Misconfigured(
        f"bucket {bucket} cannot lock objects: S3 gives that to new buckets only; name it in NOIZYLAB_S3_OBJECT_LOCK "
        "before it is first written to, or make one with object lock and copy the objects into it"
    )


def _stored_of(bucket: str, key: str, found: Any) -> Stored:
    headers = found.metadata or {}
    digest = headers.get(_HASH_HEADER)
    if not digest or not found.size:
        raise BlobCorrupt(
            f"{bucket}/{key}: not stored by this program ({_HASH_HEADER} is missing); upload it through the gateway"
        )
    ref = BlobRef(
        bucket=bucket, key=key, sha256=digest, size_bytes=found.size, media_type=found.content_type or "unknown/unknown"
    )
    until = headers.get(_RETAIN_HEADER)
    return Stored(ref, found.last_modified, datetime.fromisoformat(until) if until else None)
