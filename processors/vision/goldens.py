"""Golden pictures of each model: one photo of a sound board from straight above, or a set of references."""

import logging

from connectors.blobs.port import BlobError, BlobStore
from processors.vision.references import CARD, PICTURE, TOLERANCE, Reference, read_set
from schemas.core.ids import BoardModel

log = logging.getLogger(__name__)

_MOST = 8
"""References of one set that are used: each costs a tenth of a second with every photo."""


class Goldens:
    """Looks golden pictures up in the object store: ``<bucket>/<board_model>.jpg``, and the set of references in
    ``<bucket>/<board_model>/`` (see :mod:`processors.vision.references`).
    """

    def __init__(self, blobs: BlobStore, bucket: str = "goldens") -> None:
        self._blobs = blobs
        self._bucket = bucket

    async def find(self, board_model: BoardModel | None) -> tuple[Reference, ...]:
        """Return the references of a model, those of its set first; none when none is known or all are damaged."""
        if board_model is None:
            return ()
        try:
            listed = read_set(await self._set_files(f"{board_model}/"))
        except BlobError as error:
            log.warning("the set of %s is unusable, learn the board again: %s", board_model, error)
            listed = ()
        try:
            found = await self._blobs.stat(self._bucket, f"{board_model}{PICTURE}")
            single = () if found is None else (Reference(await self._blobs.get(found.ref)),)
        except BlobError as error:
            log.warning("golden picture of %s is unusable, store it again: %s", board_model, error)
            single = ()
        return listed[:_MOST] + single

    async def _set_files(self, prefix: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        async for one in self._blobs.list(self._bucket, prefix):
            if one.ref.key.endswith((PICTURE, TOLERANCE, CARD)):
                found[one.ref.key.removeprefix(prefix)] = await self._blobs.get(one.ref)
        return found


async def store_set(
    blobs: BlobStore, board_model: BoardModel, files: dict[str, bytes], bucket: str = "goldens"
) -> None:
    """Store the files of a reference in the set of a model; the picture last, so that it is never without the rest."""
    kinds = {PICTURE: "image/jpeg", TOLERANCE: "image/png", CARD: "application/json"}
    for name in sorted(files, key=lambda name: name.endswith(PICTURE)):
        kind = next(kinds[end] for end in (TOLERANCE, PICTURE, CARD) if name.endswith(end))
        await blobs.put(bucket, f"{board_model}/{name}", files[name], kind)
