"""Wires vision to its topics."""

import logging

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobCorrupt, BlobMissing, BlobStore
from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.processes.pool import WorkFailed
from connectors.vault.port import Vault
from processors.vision.config import Policy
from processors.vision.decide import decide, failed
from processors.vision.goldens import Goldens
from processors.vision.inspect import Inspection, PhotoResult
from processors.vision.pool import Inspector
from processors.vision.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import Envelope
from schemas.core.ids import TicketId
from schemas.core.message import Message
from schemas.core.outcome import Outcome, Reject
from schemas.inspections import Box, InspectBoard, InspectionView, PhotoPictures
from topics.inspections import IMAGE_EVENTS, INSPECTION_COMMANDS, INSPECTION_EVENTS, INSPECTION_VIEWS

log = logging.getLogger(__name__)

_MOST_CHARACTERS = 200
"""Of a code that is kept: no number or link on a device's label is longer."""
INSPECTIONS = Aggregate(view=INSPECTION_VIEWS, evolve=evolve)


def wire(
    app: App, inspector: Inspector, goldens: Goldens, blobs: BlobStore, vault: Vault, policy: Policy | None = None
) -> None:
    """Judge the photos of a ticket and compare the board with its golden picture."""
    bucket = (policy or Policy()).image_bucket

    @app.agent(INSPECTION_COMMANDS, emits=(IMAGE_EVENTS, INSPECTION_EVENTS), state=INSPECTIONS)
    async def inspect(command: Message, envelope: Envelope, view: InspectionView | None) -> Outcome:
        if not isinstance(command, InspectBoard):
            return Reject("not_an_inspection", f"{type(command).__name__} is no command of vision")
        photos = [await _read(blobs, ref) for ref in command.photos]
        try:
            inspection = await inspector.inspect(photos, await goldens.find(command.board_model))
        except WorkFailed as error:
            log.error("photos of %s cannot be inspected: %s", command.ticket_id, error)
            return failed(command, str(error), envelope.time)
        if inspection.golden_problem is not None:
            log.warning("golden picture of %s is unusable: %s", command.board_model, inspection.golden_problem)
        pictures = [
            await _store(blobs, bucket, position, result)
            for position, result in enumerate(inspection.photos)
            if result.annotated is not None
        ]
        return decide(command, inspection, pictures, envelope.time, await _sealed(vault, command.ticket_id, inspection))


async def _read(blobs: BlobStore, ref: BlobRef) -> bytes | None:
    try:
        return await blobs.get(ref)
    except (BlobMissing, BlobCorrupt) as error:
        log.warning("photo is unusable: %s", error)
        return None


async def _store(blobs: BlobStore, bucket: str, position: int, result: PhotoResult) -> PhotoPictures:
    """Store what was drawn of a photo under its content's names: a later inspection cannot overwrite it."""

    async def put(data: bytes) -> BlobRef:
        return await put_content(blobs, bucket, data, "image/jpeg")

    assert result.annotated is not None
    annotated, made = await put(result.annotated), result.slider
    if made is None:
        return PhotoPictures(photo=position, annotated=annotated)
    return PhotoPictures(
        photo=position,
        annotated=annotated,
        before=await put(made.before),
        after=await put(made.after),
        heat=await put(made.heat),
        width_px=made.width_px,
        height_px=made.height_px,
        boxes=tuple(Box(x_px=x0, y_px=y0, width_px=x1 - x0, height_px=y1 - y0) for x0, y0, x1, y1 in made.boxes),
    )


async def _sealed(vault: Vault, ticket_id: TicketId, inspection: Inspection) -> dict[str, str]:
    """Return what the codes on labels say as the log may carry it: sealed under the ticket's key."""
    texts = dict.fromkeys(code.text for result in inspection.photos for code in result.codes)
    return {text: await vault.seal_text(ticket_id, text) for text in texts if len(text) <= _MOST_CHARACTERS}
