"""What the log is told of an inspection. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from processors.vision.inspect import Inspection
from processors.vision.labels import SeenCode
from schemas.core.ids import TicketId
from schemas.core.outcome import Emit, Outcome
from schemas.images import ImageJudged, ImageProblem
from schemas.inspections import BoardInspected, BoardInspectionRefused, InspectBoard, PhotoPictures
from schemas.labels import LabelCode, label_digest

NO_USABLE_PHOTO = "no_usable_photo"
ENGINE_FAILED = "engine_failed"


def decide(
    command: InspectBoard,
    inspection: Inspection,
    pictures: Sequence[PhotoPictures],
    now: datetime,
    sealed: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Say of each photo whether it can be judged, then what they show together, or that none can be judged.

    Args:
        command: the wish.
        inspection: one result for each of its photos, in their order.
        pictures: what was drawn and stored, in the order of the photos.
        now: the time of the command.
        sealed: what codes on labels say, as the log may carry it; one that is not in it is left unsaid.
    """
    judged = [
        ImageJudged(
            ticket_id=command.ticket_id,
            image=image,
            position=position,
            verdict="usable" if result.usable else "reshoot",
            problems=result.problems,
            metrics=result.metrics,
            codes=tuple(_code(command.ticket_id, one, sealed) for one in result.codes),
        )
        for position, (image, result) in enumerate(zip(command.photos, inspection.photos, strict=True))
    ]
    usable = sum(result.usable for result in inspection.photos)
    if not usable:
        return Emit.of(*judged, _refusal(command, inspection, now))
    findings = [finding for result in inspection.photos for finding in result.findings]
    summary = BoardInspected(
        ticket_id=command.ticket_id,
        board_model=command.board_model,
        compared=any(result.compared for result in inspection.photos),
        findings=tuple(findings),
        annotated=tuple(one.annotated for one in pictures),
        pictures=tuple(pictures),
        photos_usable=usable,
        photos_refused=len(inspection.photos) - usable,
        engine=inspection.engine,
        inspected_at=now,
        condition=tuple(result.condition for result in inspection.photos if result.condition is not None),
        parts=tuple(result.parts for result in inspection.photos if result.parts is not None),
    )
    return Emit.of(*judged, summary)


def failed(command: InspectBoard, detail: str, now: datetime) -> Outcome:
    """Hand the board to a person: the engine could not finish with these photos, and would not the next time."""
    return Emit.of(
        BoardInspectionRefused(ticket_id=command.ticket_id, reason=ENGINE_FAILED, detail=detail, refused_at=now)
    )


def _code(ticket_id: TicketId, seen: SeenCode, sealed: Mapping[str, str]) -> LabelCode:
    x_px, y_px, width_px, height_px = seen.box_px
    return LabelCode(
        kind=seen.kind,
        symbology=seen.symbology,
        text=sealed.get(seen.text),
        digest=label_digest(ticket_id, seen.number),
        x_px=x_px,
        y_px=y_px,
        width_px=width_px,
        height_px=height_px,
    )


def _refusal(command: InspectBoard, inspection: Inspection, now: datetime) -> BoardInspectionRefused:
    problems: dict[str, ImageProblem] = {}
    for result in inspection.photos:
        for problem in result.problems:
            problems.setdefault(problem.code, problem)
    count = len(inspection.photos)
    photos = "the photo" if count == 1 else f"none of the {count} photos"
    verb = "cannot" if count == 1 else "can"
    advice = " ".join(problem.advice for problem in problems.values())
    return BoardInspectionRefused(
        ticket_id=command.ticket_id,
        reason=NO_USABLE_PHOTO,
        detail=f"{photos} {verb} be judged ({', '.join(problems)}). {advice}",
        problems=tuple(problems.values()),
        refused_at=now,
    )
