"""Objects named after their content: the same bytes, from however many tickets, are one object."""

import asyncio
import hashlib
from datetime import timedelta

from connectors.blobs.port import BlobRetained, BlobStore, check_put, same_bytes
from connectors.clock.clock import Clock, SystemClock
from schemas.core.blob_ref import BlobRef

FRESH = timedelta(days=1)
"""An equal object younger than this is not uploaded again. It is far below the grace that a sweep gives to objects
that nothing refers to, so what a put found cannot be swept before the message that refers to it is written."""


async def put_content(
    blobs: BlobStore, bucket: str, data: bytes, media_type: str, *, clock: Clock | None = None
) -> BlobRef:
    """Store bytes under ``sha256/<hh>/<hash>``, unless they are there; an old object is put again, which renews it.

    Nobody deletes such an object because one reference to it ends: others may have the same bytes. The sweep does.

    Raises:
        InvalidBlobName: no data, or a media type that is none.
    """
    check_put(bucket, "sha256", data, media_type)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    key = f"sha256/{digest[:2]}/{digest}"
    ref = BlobRef(bucket=bucket, key=key, sha256=digest, size_bytes=len(data), media_type=media_type)
    found = await blobs.stat(bucket, key)
    now = (clock or SystemClock()).now()
    if found is not None and same_bytes(found.ref, ref) and found.stored_at > now - FRESH:
        return ref
    try:
        return await blobs.put(bucket, key, data, media_type)
    except BlobRetained:
        return ref  # it lies there and cannot be swept either
