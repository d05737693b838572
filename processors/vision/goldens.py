"""Golden pictures: one photo of a sound board for each model, taken from straight above."""

import logging

from connectors.blobs.port import BlobError, BlobStore
from schemas.core.ids import BoardModel

log = logging.getLogger(__name__)


class Goldens:
    """Looks golden pictures up in the object store, as ``<bucket>/<board_model>.jpg``."""

    def __init__(self, blobs: BlobStore, bucket: str = "goldens") -> None:
        self._blobs = blobs
        self._bucket = bucket

    async def find(self, board_model: BoardModel | None) -> bytes | None:
        """Return the golden picture's file, or None when none is known or the stored one is damaged."""
        if board_model is None:
            return None
        try:
            found = await self._blobs.stat(self._bucket, f"{board_model}.jpg")
            return None if found is None else await self._blobs.get(found.ref)
        except BlobError as error:
            log.warning("golden picture of %s is unusable, store it again: %s", board_model, error)
            return None
