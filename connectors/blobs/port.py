"""The object store's port. Keys are slash-separated paths, the same rules on every store.

::

    Permanent
    └── BlobError
        ├── InvalidBlobName   a bucket or key that some store could not hold, or empty data
        ├── BlobMissing       a reference to nothing
        ├── BlobCorrupt       what is stored is not what the reference promised
        ├── BlobExists        a conditional put found other bytes under the key
        └── BlobRetained      the object is locked: nobody may change or delete it yet
"""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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


class BlobRetained(BlobError):
    """The object is locked until a moment that has not come."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds: the reference, when it was last put (UTC), and until when it is locked, if it is."""

    ref: BlobRef
    stored_at: datetime
    retain_until: datetime | None = None


class BlobStore(Protocol):
    """Stores objects. Every call may raise ``Transient`` or ``Misconfigured`` besides what it names."""

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
        """Store ``data``, replacing what was there; return its reference. The same put twice is one object.

        ``if_absent`` has one winner on every server that was tried. ``if_match`` is as good as the server: the
        contract suite names one that lets two writers win at times.

        Raises:
            BlobExists: with ``if_absent``, when other bytes are there (the same bytes are no conflict); with
                ``if_match``, when the bytes there are not those of that reference.
            BlobMissing: with ``if_match``, when nothing is there.
            BlobRetained: what is there is locked.
            InvalidBlobName: see ``check_put``.
        """
        ...

    async def put_stream(self, bucket: str, key: str, pieces: AsyncIterator[bytes], media_type: str) -> BlobRef:
        """Store what ``pieces`` yields, never holding all of it in memory; as :meth:`put` otherwise.

        An error of ``pieces`` leaves what was there before.
        """
        ...

    async def get(self, ref: BlobRef) -> bytes:
        """Return the bytes, checked against the reference. ``stream.read_stream`` does it piece by piece.

        Raises:
            BlobMissing: nothing is there.
            BlobCorrupt: something else is there.
        """
        ...

    async def get_range(self, ref: BlobRef, start: int, length: int) -> bytes:
        """Return up to ``length`` bytes from offset ``start``, fewer at the end of the object, none behind it.

        A part has no hash to be checked against: only a sealed store proves it. Raises as :meth:`get` does.
        """
        ...

    async def stat(self, bucket: str, key: str) -> Stored | None:
        """Return what is stored under the key, without reading it, or None."""
        ...

    def list(self, bucket: str, prefix: str = "") -> AsyncIterator[Stored]:
        """Yield what is stored under keys that begin with ``prefix``, in the order of their UTF-8 bytes."""
        ...

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key. Nothing there is no error.

        Raises:
            BlobRetained: it is locked.
        """
        ...

    async def copy(self, ref: BlobRef, bucket: str, key: str) -> BlobRef:
        """Store the same bytes under another name; return that reference. Raises as :meth:`get` and :meth:`put`."""
        ...

    async def retain(self, bucket: str, key: str, until: datetime) -> None:
        """Lock the object until a moment: until then the store refuses to change or delete it. A lock only grows.

        Raises:
            BlobMissing: nothing is there.
            Misconfigured: this bucket cannot lock.
        """
        ...

    async def presign_get(self, ref: BlobRef, expires_in: timedelta) -> str:
        """Return an address that gives the bytes to whoever asks with GET, until it expires."""
        ...

    async def presign_put(
        self, bucket: str, key: str, media_type: str, *, max_bytes: int, expires_in: timedelta
    ) -> str:
        """Return an address that takes up to ``max_bytes`` of this media type with PUT, until it expires."""
        ...

    async def tidy(self, bucket: str, older_than: timedelta) -> int:
        """Remove what puts that were cut off left behind at least so long ago; return how many. Objects stay."""
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
    check_name(bucket, key, media_type)
    if not data:
        raise no_data(bucket, key)


def check_name(bucket: str, key: str, media_type: str) -> None:
    """Refuse a name or media type that some store could not hold; raises as :func:`check_put`."""
    check_bucket(bucket)
    check_key(key)
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


def check_range(start: int, length: int) -> None:
    """Refuse a part that is none.

    Raises:
        ValueError: a negative offset, or a length under 1.
    """
    if start < 0 or length < 1:
        raise ValueError(f"a part begins at 0 or later and has at least one byte, not start {start}, length {length}")


def check_content(ref: BlobRef, data: bytes) -> None:
    """Refuse bytes that are not those of the reference.

    Raises:
        BlobCorrupt: says what differs.
    """
    if len(data) != ref.size_bytes or hashlib.sha256(data).hexdigest() != ref.sha256:
        raise not_promised(ref, len(data))


def not_promised(ref: BlobRef, stored_bytes: int) -> BlobCorrupt:
    """Return the error for stored bytes, so many, that are not those of the reference."""
    where = f"{ref.bucket}/{ref.key}"
    if stored_bytes != ref.size_bytes:
        return BlobCorrupt(f"{where}: {stored_bytes} bytes stored, {ref.size_bytes} expected; store the original again")
    return BlobCorrupt(f"{where}: SHA-256 differs from the reference; store the original again")


def no_data(bucket: str, key: str) -> InvalidBlobName:
    """Return the error for a put of nothing."""
    return InvalidBlobName(f"{bucket}/{key}: no data; an empty object says nothing, do not store it")


def other_bytes(bucket: str, key: str) -> BlobExists:
    """Return the error for a conditional put that met other bytes."""
    return BlobExists(f"{bucket}/{key}: other bytes are stored there; choose another key, or read them first")


def retained(bucket: str, key: str, until: datetime) -> BlobRetained:
    """Return the error for a change of a locked object."""
    return BlobRetained(f"{bucket}/{key}: locked until {until:%Y-%m-%d %H:%M} UTC; nobody can change it before")


def same_bytes(one: BlobRef, other: BlobRef) -> bool:
    """Whether two references promise the same content."""
    return (one.sha256, one.size_bytes) == (other.sha256, other.size_bytes)


def missing(ref: BlobRef) -> BlobMissing:
    """Return the error for a reference to nothing."""
    return nothing_at(ref.bucket, ref.key)


def nothing_at(bucket: str, key: str) -> BlobMissing:
    """Return the error for a name under which nothing is stored."""
    return BlobMissing(f"{bucket}/{key}: nothing stored; it was deleted, or never arrived at this store")


def _utf8_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
