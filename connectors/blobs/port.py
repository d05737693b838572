"""The object store's port. Keys are slash-separated paths, the same rules on every store.

::

    Permanent
    └── BlobError
        ├── InvalidBlobName   a bucket or key that some store could not hold, or empty data
        ├── BlobMissing       a reference to nothing
        ├── BlobCorrupt       what is stored is not what the reference promised
        └── BlobExists        a conditional put found other bytes under the key
"""

import hashlib
import re
from collections.abc import AsyncIterator
from typing import Protocol

from connectors.errors import Permanent
from schemas.core.blob_ref import BlobRef

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_MEDIA_TYPE = re.compile(r"[!-~]+/[ -~]+")
_MAX_KEY_CHARACTERS = 512
_MAX_KEY_BYTES = 1024
_MAX_MEDIA_TYPE_CHARACTERS = 100


class BlobError(Permanent):
    """A call on the object store that cannot succeed."""


class InvalidBlobName(BlobError):
    """A bucket, key or media type outside the common rules, or no data."""


class BlobMissing(BlobError):
    """Nothing is stored under the reference."""


class BlobCorrupt(BlobError):
    """The stored bytes do not have the size or SHA-256 of the reference."""


class BlobExists(BlobError):
    """Other bytes are already stored under the key of a conditional put."""


class BlobStore(Protocol):
    """Stores whole objects. Every call may raise ``Transient`` or ``Misconfigured`` besides what it names."""

    async def put(self, bucket: str, key: str, data: bytes, media_type: str, *, if_absent: bool = False) -> BlobRef:
        """Store ``data``, replacing what was there; return its reference. The same put twice is one object.

        Raises:
            BlobExists: with ``if_absent``, when other bytes are there; the same bytes are no conflict.
            InvalidBlobName: see ``check_put``.
        """
        ...

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference.

        Raises:
            BlobMissing: nothing is there.
            BlobCorrupt: something else is there.
        """
        ...

    async def find(self, bucket: str, key: str) -> BlobRef | None:
        """Return the reference of what is stored under the key, without reading it, or None."""
        ...

    def list(self, bucket: str, prefix: str = "") -> AsyncIterator[BlobRef]:
        """Yield the references of all keys that begin with ``prefix``, in the order of their UTF-8 bytes."""
        ...

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key. Nothing there is no error."""
        ...


def reference(bucket: str, key: str, data: bytes, media_type: str) -> BlobRef:
    """Return the reference of bytes that are about to be stored."""
    digest = hashlib.sha256(data).hexdigest()
    return BlobRef(bucket=bucket, key=key, sha256=digest, size_bytes=len(data), media_type=media_type)


def check_put(bucket: str, key: str, data: bytes, media_type: str) -> None:
    """Refuse what some store could not hold.

    Raises:
        InvalidBlobName: names the argument, its value and the rule.
    """
    check_bucket(bucket)
    check_key(key)
    if not data:
        raise InvalidBlobName(f"{bucket}/{key}: no data; an empty object says nothing, do not store it")
    if not _MEDIA_TYPE.fullmatch(media_type) or len(media_type) > _MAX_MEDIA_TYPE_CHARACTERS:
        raise InvalidBlobName(f"{bucket}/{key}: media type {media_type[:120]!r} is not like 'image/jpeg'")


def check_bucket(bucket: str) -> None:
    """Refuse a bucket name that S3 or a directory could not carry (3 to 63 of ``a-z 0-9 -``).

    Raises:
        InvalidBlobName: not such a name.
    """
    if not _BUCKET.fullmatch(bucket):
        raise InvalidBlobName(f"bucket {bucket[:80]!r}: use 3 to 63 of a-z, 0-9 and -, not - at either end")


def check_key(key: str) -> None:
    """Refuse a key that is ambiguous as a path: S3 clients fold ``..`` in URLs, so it could leave its bucket.

    Raises:
        InvalidBlobName: empty, too long, control characters, or an empty, ``.`` or ``..`` segment.
    """
    if not 1 <= len(key) <= _MAX_KEY_CHARACTERS or _utf8_length(key) > _MAX_KEY_BYTES:
        raise InvalidBlobName(
            f"key {key[:80]!r}: use 1 to {_MAX_KEY_CHARACTERS} characters, at most {_MAX_KEY_BYTES} bytes of UTF-8"
        )
    if not key.isprintable():
        raise InvalidBlobName(f"key {key[:80]!r}: control characters cannot be stored everywhere")
    if any(segment in {"", ".", ".."} for segment in key.split("/")):
        raise InvalidBlobName(f"key {key[:80]!r}: every part between slashes needs a name other than . and ..")


def check_content(ref: BlobRef, data: bytes) -> None:
    """Refuse bytes that are not those of the reference.

    Raises:
        BlobCorrupt: says what differs.
    """
    where = f"{ref.bucket}/{ref.key}"
    if len(data) != ref.size_bytes:
        raise BlobCorrupt(f"{where}: {len(data)} bytes stored, {ref.size_bytes} expected; store the original again")
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise BlobCorrupt(f"{where}: SHA-256 differs from the reference; store the original again")


def missing(ref: BlobRef) -> BlobMissing:
    """Return the error for a reference to nothing."""
    return BlobMissing(f"{ref.bucket}/{ref.key}: nothing stored; it was deleted, or never arrived at this store")


def _utf8_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
