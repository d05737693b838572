"""Photographs of a ticket, made small for a language model."""

import asyncio
import logging
from collections.abc import Sequence

from connectors.blobs.port import BlobStore
from connectors.errors import ConnectorError
from connectors.images.decode import ImageRefused
from connectors.images.thumbnail import thumbnail
from connectors.llm.port import Photo
from schemas.core.blob_ref import BlobRef
from schemas.inspections import Finding

_LOG = logging.getLogger(__name__)
SIDE_PX = 1280
"""About 1,640 tokens for a picture of 4:3 by the vendor's rule of width x height / 750; solder joints stay visible."""


class Photos:
    """Fetches at most ``most`` photographs: those with findings first, then in the ticket's order."""

    def __init__(self, blobs: BlobStore, most: int) -> None:
        self._blobs, self._most = blobs, most

    async def of(self, photos: Sequence[BlobRef], findings: Sequence[Finding]) -> tuple[Photo, ...]:
        """Return them upright, as JPEG without metadata, the weightiest first. One that cannot be read is left out."""
        shown = dict.fromkeys(finding.photo for finding in findings if finding.photo < len(photos))
        order = list(dict.fromkeys((*shown, *range(len(photos)))))[: self._most]
        found = [await self._one(position, photos[position]) for position in order]
        return tuple(photo for photo in found if photo is not None)

    async def _one(self, position: int, ref: BlobRef) -> Photo | None:
        try:
            data = await self._blobs.get(ref)
            small, _, _ = await asyncio.to_thread(thumbnail, data, SIDE_PX)
        except (ConnectorError, ImageRefused) as error:
            _LOG.warning("photo left out of the question", extra={"key": ref.key, "reason": str(error)})
            return None
        return Photo(position=position, media_type="image/jpeg", data=small)
