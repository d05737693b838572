"""Reading an object piece by piece, and cutting what arrives in any size into pieces of one."""

import hashlib
from collections.abc import AsyncIterator

from connectors.blobs.port import BlobStore, not_promised
from schemas.core.blob_ref import BlobRef

PIECE_BYTES = 4 * 1024 * 1024


async def read_stream(store: BlobStore, ref: BlobRef, piece_bytes: int = PIECE_BYTES) -> AsyncIterator[bytes]:
    """Yield the object in pieces; the last one is held back until the whole has the hash of the reference.

    Raises:
        BlobMissing: nothing is there.
        BlobCorrupt: something else is there; what was yielded before must not be used.
    """
    digest = hashlib.sha256()
    for start in range(0, ref.size_bytes, piece_bytes):
        piece = await store.get_range(ref, start, piece_bytes)
        digest.update(piece)
        end = start + len(piece)
        if end != min(start + piece_bytes, ref.size_bytes):
            raise not_promised(ref, end)
        if end == ref.size_bytes and digest.hexdigest() != ref.sha256:
            raise not_promised(ref, end)
        yield piece


async def recut(pieces: AsyncIterator[bytes], piece_bytes: int) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces of ``piece_bytes``; the last one may be shorter."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= piece_bytes:
            yield bytes(held[:piece_bytes])
            del held[:piece_bytes]
    if held:
        yield bytes(held)
