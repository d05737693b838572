"""Wires vision to its topics."""

import logging

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobCorrupt, BlobMissing, BlobStore
from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.processes.pool import WorkFailed
from processors.vision.config import Policy
from processors.vision.decide import decide, failed
from processors.vision.goldens import Goldens
from processors.vision.inspect import Inspection
from processors.vision.pool import Inspector
from processors.vision.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import Envelope
from schemas.core.message import Message
from schemas.core.outcome import Outcome, Reject
from schemas.inspections import InspectBoard, InspectionView
from topics.inspections import IMAGE_EVENTS, INSPECTION_COMMANDS, INSPECTION_EVENTS, INSPECTION_VIEWS

log = logging.getLogger(__name__)

INSPECTIONS = Aggregate(view=INSPECTION_VIEWS, evolve=evolve)


def wire(app: App, inspector: Inspector, goldens: Goldens, blobs: BlobStore, policy: Policy | None = None) -> None:
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
        annotated = await _store(blobs, bucket, inspection)
        return decide(command, inspection, annotated, envelope.time)


async def _read(blobs: BlobStore, ref: BlobRef) -> bytes | None:
    try:
        return await blobs.get(ref)
    except (BlobMissing, BlobCorrupt) as error:
        log.warning("photo is unusable: %s", error)
        return None


async def _store(blobs: BlobStore, bucket: str, inspection: Inspection) -> dict[int, BlobRef]:
    """Store the drawn pictures under their content's names: a later inspection cannot overwrite them."""
    stored: dict[int, BlobRef] = {}
    for position, result in enumerate(inspection.photos):
        if result.annotated is not None:
            stored[position] = await put_content(blobs, bucket, result.annotated, "image/jpeg")
    return stored
