"""The object store on any S3 server, through minio-py in threads (its calls block).

The SHA-256 travels in the object's metadata, because the ETag is no content hash for every server. A conditional put
uses ``If-None-Match: *``, which minio-py has no public call for; its ``_execute`` is held by the contract suite.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.blobs.port import (
    BlobCorrupt,
    BlobExists,
    InvalidBlobName,
    check_bucket,
    check_content,
    check_key,
    check_put,
    missing,
    reference,
)
from connectors.errors import ConnectorError, Misconfigured, Permanent, Transient
from schemas.core.blob_ref import BlobRef

if TYPE_CHECKING:
    from minio import Minio

_T = TypeVar("_T")
_HASH_HEADER = "x-amz-meta-sha256"
_NOTHING_THERE = frozenset({"NoSuchKey", "NoSuchBucket"})
_BUCKET_IS_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_KEYS_ARE_PATHS = frozenset({"ExistingObjectIsDirectory", "ObjectParentIsFile"})
"""How a server over a file system says that a key cannot also be the folder of others (Versity S3 Gateway 1.8)."""
_SETTINGS = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "BucketAlreadyExists",
        "InvalidAccessKeyId",
        "InvalidRegion",
        "MethodNotAllowed",
        "NotImplemented",
        "PermanentRedirect",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
_LIST_CHUNK = 32


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the server is and who we are. ``endpoint`` is ``host:port``; region None asks the server once a bucket."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = True
    region: str | None = "us-east-1"
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 30.0
    threads: int = 8


class S3Blobs:
    """A ``BlobStore`` on S3. Buckets are created when first written to. Retrying is the caller's: one retry here."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.threads)
        self._client = _client(settings)

    async def put(self, bucket: str, key: str, data: bytes, media_type: str, *, if_absent: bool = False) -> BlobRef:
        """Store ``data`` in one request; return its reference."""
        check_put(bucket, key, data, media_type)
        ref = await asyncio.to_thread(reference, bucket, key, data, media_type)
        try:
            await self._run(lambda: self._put_in_bucket(ref, data, if_absent))
        except BlobExists:
            found = await self.find(bucket, key)
            if found is None or (found.sha256, found.size_bytes) != (ref.sha256, ref.size_bytes):
                raise
            return found
        return ref

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference."""
        data = await self._run(lambda: self._read(ref))
        if data is None:
            raise missing(ref)
        return data

    async def find(self, bucket: str, key: str) -> BlobRef | None:
        """Return the reference of what is stored under the key (one HEAD request), or None."""
        check_bucket(bucket)
        check_key(key)
        return await self._run(lambda: self._stat(bucket, key))

    async def list(self, bucket: str, prefix: str = "") -> AsyncIterator[BlobRef]:
        """Yield the references under ``prefix``. S3 lists no metadata, so each object costs a HEAD request."""
        check_bucket(bucket)
        names = self._names(bucket, prefix)
        while chunk := await self._run(lambda: tuple(islice(names, _LIST_CHUNK))):
            for found in await asyncio.gather(*(self.find(bucket, name) for name in chunk)):
                if found is not None:
                    yield found

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key. A bucket that keeps versions keeps the bytes: do not version it."""
        check_bucket(bucket)
        check_key(key)
        await self._run(lambda: self._remove(bucket, key))

    async def _run(self, work: Callable[[], _T]) -> _T:
        async with self._slots:
            return await asyncio.to_thread(self._translating, work)

    def _translating(self, work: Callable[[], _T]) -> _T:
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            return work()
        except (MinioException, HTTPError, OSError) as error:
            raise _translated(error, self._settings.endpoint) from error

    def _put_in_bucket(self, ref: BlobRef, data: bytes, if_absent: bool) -> None:
        from minio.error import S3Error

        try:
            self._put(ref, data, if_absent)
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            self._make_bucket(ref.bucket)
            self._put(ref, data, if_absent)

    def _make_bucket(self, bucket: str) -> None:
        from minio.error import S3Error

        try:
            self._client.make_bucket(bucket)
        except S3Error as error:
            if error.code not in _BUCKET_IS_THERE:
                raise

    def _put(self, ref: BlobRef, data: bytes, if_absent: bool) -> None:
        from minio.error import S3Error

        if not if_absent:
            self._client.put_object(
                ref.bucket,
                ref.key,
                io.BytesIO(data),
                len(data),
                content_type=ref.media_type,
                metadata={_HASH_HEADER: ref.sha256},
                part_size=_one_part(len(data)),
            )
            return
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Content-Type": ref.media_type,
            _HASH_HEADER: ref.sha256,
            "If-None-Match": "*",
        }
        try:
            self._client._execute("PUT", ref.bucket, ref.key, body=data, headers=headers)
        except S3Error as error:
            if error.code not in _CONFLICT:
                raise
            raise BlobExists(f"{ref.bucket}/{ref.key}: other bytes are stored there; choose another key") from error

    def _read(self, ref: BlobRef) -> bytes | None:
        from minio.error import S3Error

        try:
            response = self._client.get_object(ref.bucket, ref.key)
        except S3Error as error:
            if error.code in _NOTHING_THERE:
                return None
            raise
        try:
            data = bytes(response.data)
        finally:
            response.close()
            response.release_conn()
        check_content(ref, data)
        return data

    def _stat(self, bucket: str, key: str) -> BlobRef | None:
        from minio.error import S3Error

        try:
            found = self._client.stat_object(bucket, key)
        except S3Error as error:
            if error.code in _NOTHING_THERE:
                return None
            raise
        return _reference_of(bucket, key, found)

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

        try:
            self._client.remove_object(bucket, key)
        except S3Error as error:
            if error.code not in _NOTHING_THERE:
                raise


def _client(settings: S3Settings) -> "Minio":
    """Return a client with its own pool: minio-py's default waits 5 minutes and tries 5 times."""
    import urllib3
    from minio import Minio

    pool = urllib3.PoolManager(
        maxsize=settings.threads,
        timeout=urllib3.Timeout(connect=settings.connect_timeout_s, read=settings.read_timeout_s),
        retries=urllib3.Retry(total=1, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
    )
    try:
        return Minio(
            settings.endpoint,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=settings.secure,
            region=settings.region,
            http_client=pool,
        )
    except ValueError as error:
        raise Misconfigured(f"S3 endpoint {settings.endpoint!r}: {error}; give host:port, without http://") from error


def _one_part(size_bytes: int) -> int:
    """Return a part size that makes minio-py send one request (S3 wants at least 5 MiB, at most 5 GiB)."""
    return max(size_bytes, 5 * 1024 * 1024)


def _reference_of(bucket: str, key: str, found: Any) -> BlobRef:
    digest = (found.metadata or {}).get(_HASH_HEADER)
    if not digest or not found.size:
        raise BlobCorrupt(
            f"{bucket}/{key}: not stored by this program ({_HASH_HEADER} is missing); upload it through the gateway"
        )
    return BlobRef(
        bucket=bucket, key=key, sha256=digest, size_bytes=found.size, media_type=found.content_type or "unknown/unknown"
    )


def _translated(error: Exception, endpoint: str) -> ConnectorError:
    from minio.error import InvalidResponseError, S3Error, ServerError
    from urllib3.exceptions import LocationParseError, SSLError

    where = f"S3 at {endpoint}"
    reason = getattr(error, "reason", None)
    if isinstance(error, S3Error):
        code = error.code or ""
        if code in _SETTINGS:
            return Misconfigured(f"{where}: {code}: {error.message}; check key, secret, region and policy")
        if code in _KEYS_ARE_PATHS:
            return InvalidBlobName(
                f"{where}: {code}: a key cannot be the folder of other keys here; choose another key"
            )
        if error.response.status >= 500 or code in {"SlowDown", "RequestTimeout", "OperationAborted"}:
            return Transient(f"{where}: {code}: {error.message}")
        return Permanent(f"{where}: {code}: {error.message}")
    if isinstance(error, SSLError) or isinstance(reason, SSLError):
        return Misconfigured(f"{where}: TLS failed: {error}; check that it speaks TLS, and its certificate")
    if isinstance(error, LocationParseError):
        return Misconfigured(f"{where}: not an address: {error}; give host:port")
    if isinstance(error, ServerError) and error.status_code < 500:
        return Permanent(f"{where}: {error}")
    if isinstance(error, InvalidResponseError):
        return Misconfigured(f"{where}: the answer is not S3: {error}; check the endpoint's address")
    return Transient(f"{where}: {error}")
