"""What the log is told of an inspection. Pure."""

from collections.abc import Mapping
from datetime import datetime

from processors.vision.inspect import Inspection
from schemas.core.blob_ref import BlobRef
from schemas.core.outcome import Emit, Outcome
from schemas.images import ImageJudged, ImageProblem
from schemas.inspections import BoardInspected, BoardInspectionRefused, InspectBoard

NO_USABLE_PHOTO = "no_usable_photo"
ENGINE_FAILED = "engine_failed"


def decide(command: InspectBoard, inspection: Inspection, annotated: Mapping[int, BlobRef], now: datetime) -> Outcome:
    """Say of each photo whether it can be judged, then what they show together, or that none can be judged.

    Args:
        command: the wish.
        inspection: one result for each of its photos, in their order.
        annotated: reference of the drawn picture, by position of its photo.
        now: the time of the command.
    """
    judged = [
        ImageJudged(
            ticket_id=command.ticket_id,
            image=image,
            position=position,
            verdict="usable" if result.usable else "reshoot",
            problems=result.problems,
            metrics=result.metrics,
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
        annotated=tuple(annotated[position] for position in sorted(annotated)),
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
