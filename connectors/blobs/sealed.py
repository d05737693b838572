"""A store that seals what it is given and keeps it in another: whoever reads disk or server learns no content.

References are those of the plain bytes, so no caller knows the difference. What was stored before sealing began has no
footer and is read as it is; only its hash in the reference, which comes from the log, says that it is genuine. So a
range of such an object, and what ``stat`` says of it, are as trustworthy as the store below.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from connectors.blobs.keys import BlobKeys
from connectors.blobs.port import (
    BlobCorrupt,
    BlobExists,
    BlobMissing,
    BlobStore,
    Stored,
    check_content,
    check_name,
    check_put,
    check_range,
    missing,
    not_promised,
    other_bytes,
    reference,
    same_bytes,
)
from connectors.blobs.presign import BlobUrls, ThroughGateway
from connectors.blobs.seal import (
    CHUNK_BYTES,
    FOOTER_BYTES,
    TAG_BYTES,
    Footer,
    NotOpened,
    ObjectCipher,
    chunks_of,
    new_salt,
    read_footer,
    sealed_size,
)
from connectors.blobs.stream import read_stream, recut
from schemas.core.blob_ref import BlobRef

log = logging.getLogger(__name__)

_PIECE_BYTES = 16 * CHUNK_BYTES
_LISTED_AT_ONCE = 16


class SealedBlobs(ThroughGateway):
    """A ``BlobStore`` over ``below``. Addresses lead to the gateway, which opens; without ``urls`` there are none."""

    def __init__(self, below: BlobStore, keys: BlobKeys, *, urls: BlobUrls | None = None) -> None:
        self._below = below
        self._keys = keys
        self._urls = urls

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
        """Seal and store ``data``; return the reference of the plain bytes."""
        check_put(bucket, key, data, media_type)
        ref, sealed = await asyncio.to_thread(self._sealed, bucket, key, data, media_type)
        below = None if if_match is None else await self._below_of(if_match, bucket, key)
        try:
            await self._below.put(bucket, key, sealed, media_type, if_absent=if_absent, if_match=below)
        except BlobExists:
            # Two seals of the same bytes differ, so the store below cannot see that they are the same.
            found = await self.stat(bucket, key)
            if if_match is not None or found is None or not same_bytes(found.ref, ref):
                raise
            return found.ref
        return ref

    async def put_stream(self, bucket: str, key: str, pieces: AsyncIterator[bytes], media_type: str) -> BlobRef:
        """Seal the pieces as they come."""
        check_name(bucket, key, media_type)
        sealing = _Sealing(self._new_cipher(bucket, key))
        await self._below.put_stream(bucket, key, sealing.pieces(pieces), media_type)
        return BlobRef(
            bucket=bucket, key=key, sha256=sealing.sha256, size_bytes=sealing.size_bytes, media_type=media_type
        )

    async def get(self, ref: BlobRef) -> bytes:
        """Return the plain bytes, checked against the reference."""
        # One byte more than expected is asked for: then another size shows, whichever it is.
        data = await self._below.get_range(ref, 0, sealed_size(ref.size_bytes) + 1)
        if len(data) in {ref.size_bytes, sealed_size(ref.size_bytes)}:
            return await asyncio.to_thread(self._opened, ref, data)
        found = await self.stat(ref.bucket, ref.key)
        raise missing(ref) if found is None else not_promised(ref, found.ref.size_bytes)

    async def get_range(self, ref: BlobRef, start: int, length: int) -> bytes:
        """Return a part of the plain bytes, proved by the seal of its chunks."""
        check_range(start, length)
        end = min(start + length, ref.size_bytes)
        if start >= end:
            return b""
        footer = read_footer(await self._tail(ref))
        if footer is None:
            return await self._below.get_range(ref, start, length)
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        step = CHUNK_BYTES + TAG_BYTES
        ends = last == chunks_of(ref.size_bytes) - 1
        until = sealed_size(ref.size_bytes) - FOOTER_BYTES if ends else (last + 1) * step
        sealed = await self._below.get_range(ref, first * step, until - first * step)
        plain = await asyncio.to_thread(self._open_chunks, ref, footer, sealed, first, ends=ends)
        return plain[start - first * CHUNK_BYTES : end - first * CHUNK_BYTES]

    async def stat(self, bucket: str, key: str) -> Stored | None:
        """Return what is stored under the key, as its seal says, or None."""
        below = await self._below.stat(bucket, key)
        return None if below is None else await self._described(below)

    async def list(self, bucket: str, prefix: str = "") -> AsyncIterator[Stored]:
        """Yield what is stored under ``prefix``; reads the end of every object. A broken one is logged and left out."""
        group: list[Stored] = []
        async for one in self._below.list(bucket, prefix):
            group.append(one)
            if len(group) == _LISTED_AT_ONCE:
                for described in await self._listed(group):
                    yield described
                group.clear()
        for described in await self._listed(group):
            yield described

    async def delete(self, bucket: str, key: str) -> None:
        """Remove what is stored under the key."""
        await self._below.delete(bucket, key)

    async def copy(self, ref: BlobRef, bucket: str, key: str) -> BlobRef:
        """Seal the same bytes under another name, because a seal is bound to its name."""
        return await self.put_stream(bucket, key, read_stream(self, ref), ref.media_type)

    async def retain(self, bucket: str, key: str, until: datetime) -> None:
        """Lock the object in the store below."""
        await self._below.retain(bucket, key, until)

    async def tidy(self, bucket: str, older_than: timedelta) -> int:
        """Tidy the store below."""
        return await self._below.tidy(bucket, older_than)

    async def is_current(self, ref: BlobRef) -> bool:
        """Whether the object is sealed under the newest key."""
        footer = read_footer(await self._tail(ref))
        return footer is not None and footer.key_id == self._keys.newest()[1]

    def _new_cipher(self, bucket: str, key: str) -> ObjectCipher:
        shop_key, key_id = self._keys.newest()
        return ObjectCipher(shop_key, key_id, new_salt(), bucket, key)

    def _cipher_of(self, footer: Footer, bucket: str, key: str) -> ObjectCipher:
        return ObjectCipher(self._keys.named(footer.key_id), footer.key_id, footer.salt, bucket, key)

    def _sealed(self, bucket: str, key: str, data: bytes, media_type: str) -> tuple[BlobRef, bytes]:
        ref = reference(bucket, key, data, media_type)
        cipher = self._new_cipher(bucket, key)
        return ref, cipher.seal(data, 0, ends=True) + cipher.footer(ref.sha256, ref.size_bytes)

    def _opened(self, ref: BlobRef, data: bytes) -> bytes:
        footer = read_footer(data) if len(data) == sealed_size(ref.size_bytes) else None
        if footer is not None:
            data = self._open_chunks(ref, footer, data[:-FOOTER_BYTES], 0, ends=True)
        check_content(ref, data)
        return data

    def _open_chunks(self, ref: BlobRef, footer: Footer, sealed: bytes, first: int, *, ends: bool) -> bytes:
        try:
            return self._cipher_of(footer, ref.bucket, ref.key).open(sealed, first, ends=ends)
        except NotOpened as error:
            raise _broken(ref.bucket, ref.key) from error

    async def _tail(self, ref: BlobRef) -> bytes:
        """Return what ends the object, if it is sealed and has the size of the reference."""
        return await self._below.get_range(ref, sealed_size(ref.size_bytes) - FOOTER_BYTES, FOOTER_BYTES + 1)

    async def _described(self, below: Stored) -> Stored:
        size = below.ref.size_bytes
        if size <= FOOTER_BYTES:
            return below
        footer = read_footer(await self._below.get_range(below.ref, size - FOOTER_BYTES, FOOTER_BYTES))
        if footer is None:
            return below
        try:
            sha256, plain = self._cipher_of(footer, below.ref.bucket, below.ref.key).summary(footer)
        except NotOpened as error:
            raise _broken(below.ref.bucket, below.ref.key) from error
        ref = below.ref.model_copy(update={"sha256": sha256, "size_bytes": plain})
        return Stored(ref, below.stored_at, below.retain_until)

    async def _listed(self, group: Sequence[Stored]) -> Sequence[Stored]:
        described = []
        for answer in await asyncio.gather(*map(self._described, group), return_exceptions=True):
            if isinstance(answer, Stored):
                described.append(answer)
            elif isinstance(answer, BlobCorrupt):
                log.error("%s", answer)
            elif not isinstance(answer, BlobMissing):  # one deleted in between is none
                raise answer
        return described

    async def _below_of(self, expected: BlobRef, bucket: str, key: str) -> BlobRef:
        """Return the reference that the store below knows the expected bytes by."""
        below = await self._below.stat(bucket, key)
        if below is None:
            raise missing(expected)
        if not same_bytes((await self._described(below)).ref, expected):
            raise other_bytes(bucket, key)
        return below.ref


class _Sealing:
    """Seals a stream; hash and size of the plain bytes are known when it has ended."""

    def __init__(self, cipher: ObjectCipher) -> None:
        self._cipher = cipher
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.sha256 = ""

    async def pieces(self, plain: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        # One piece is held back, because the last one is sealed as the last.
        held = b""
        async for piece in recut(plain, _PIECE_BYTES):
            if held:
                yield await asyncio.to_thread(self._seal, held, ends=False)
            held = piece
        if not held:
            return  # the store below refuses an object of nothing
        yield await asyncio.to_thread(self._seal, held, ends=True)
        self.sha256 = self._digest.hexdigest()
        yield self._cipher.footer(self.sha256, self.size_bytes)

    def _seal(self, piece: bytes, *, ends: bool) -> bytes:
        first_chunk = self.size_bytes // CHUNK_BYTES
        self._digest.update(piece)
        self.size_bytes += len(piece)
        return self._cipher.seal(piece, first_chunk, ends=ends)


def _broken(bucket: str, key: str) -> BlobCorrupt:
    return BlobCorrupt(
        f"{bucket}/{key}: the seal does not open: damaged, changed, or moved here from another name; store the "
        "original again, or restore it from a backup"
    )
