"""What an answer at a checkpoint is worth: by the inspector's eye, by its limits, or by what vision sees. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from processors.qc.config import Policy
from schemas.core.envelope import NAMESPACE
from schemas.core.outcome import Drop, Emit, Outcome
from schemas.inspections import BoardInspected, BoardInspectionRefused, Finding, InspectBoard
from schemas.qc import (
    CheckpointRecorded,
    CheckpointResult,
    CheckpointUndecided,
    CheckRound,
    QcView,
    RecordCheckpoint,
    TakeBoardVerdict,
)
from schemas.qc_plans import Checkpoint, Verdict

BY_EYE = "Look for yourself and give pass or fail with a reason."


@dataclass(frozen=True, slots=True)
class NotThere:
    """What an answer lacks, as a code and as a sentence that says what to do."""

    reason: str
    detail: str


def answered(command: RecordCheckpoint, command_id: UUID, one: CheckRound, now: datetime) -> Outcome | NotThere:
    """Take an inspector's answer; a photo goes to vision, and its answer settles the checkpoint."""
    point = next((each for each in one.plan.checkpoints if each.checkpoint_id == command.checkpoint_id), None)
    if point is None:
        listed = ", ".join(each.checkpoint_id for each in one.plan.checkpoints)
        return NotThere("unknown_checkpoint", f"{command.checkpoint_id} is not in this check; in it are {listed}.")
    result = CheckpointResult(checkpoint_id=point.checkpoint_id, by=command.inspector, answered_at=now)
    if command.photo is not None:
        return _to_vision(command, uuid5(NAMESPACE, f"qc/{command_id}"), point, one, result)
    settled = _settled(command, point, result)
    if isinstance(settled, NotThere):
        return settled
    return Emit.of(CheckpointRecorded(ticket_id=command.ticket_id, round=one.number, result=settled))


def _to_vision(
    command: RecordCheckpoint, question: UUID, point: Checkpoint, one: CheckRound, result: CheckpointResult
) -> Outcome | NotThere:
    assert command.photo is not None
    if point.kind not in ("photo", "comparison"):
        return NotThere("no_photo_wanted", f"{point.checkpoint_id} is a {point.kind}; {_wanted(point)}")
    board = one.repair.board_model if point.kind == "comparison" else None
    asked = result.model_copy(update={"photo": command.photo, "asked": question})
    recorded = CheckpointRecorded(ticket_id=command.ticket_id, round=one.number, result=asked)
    wish = InspectBoard(ticket_id=command.ticket_id, photos=(command.photo,), board_model=board)
    return Emit.with_ids(((recorded, None), (wish, question)))


def _settled(command: RecordCheckpoint, point: Checkpoint, result: CheckpointResult) -> CheckpointResult | NotThere:
    if command.verdict == "not_applicable":
        if point.required:
            return NotThere("required", f"{point.checkpoint_id} is never left out; {_wanted(point)}")
        return _by_eye(command, result)
    if point.kind == "measurement":
        return _measured(command, point, result)
    if command.verdict is None:
        return NotThere("verdict_missing", f"There is no answer for {point.checkpoint_id}; {_wanted(point)}")
    if point.kind == "checklist" and command.verdict == "pass":
        return result.model_copy(update={"verdict": "pass", "reason": command.reason})
    return _by_eye(command, result)


def _by_eye(command: RecordCheckpoint, result: CheckpointResult) -> CheckpointResult | NotThere:
    if not (command.reason or "").strip():
        return NotThere("reason_missing", f"Say in a few words why {command.checkpoint_id} is {command.verdict}.")
    return result.model_copy(update={"verdict": command.verdict, "reason": command.reason})


def _measured(command: RecordCheckpoint, point: Checkpoint, result: CheckpointResult) -> CheckpointResult | NotThere:
    if command.measured is None or not (command.instrument or "").strip():
        return NotThere("value_missing", f"{point.checkpoint_id} needs a value and what it was measured with.")
    if command.unit != point.unit:
        return NotThere("other_unit", f"{point.checkpoint_id} is measured in {point.unit}, not in {command.unit}.")
    low, high = point.low, point.high
    inside = (low is None or command.measured >= low) and (high is None or command.measured <= high)
    # What the inspector thinks of a measured value does not count: the limits were set before.
    verdict: Verdict = "pass" if inside else "fail"
    return result.model_copy(
        update={
            "verdict": verdict,
            "reason": f"{command.measured:g} {point.unit}, {limits_of(point)}",
            "measured": command.measured,
            "unit": point.unit,
            "instrument": command.instrument,
        }
    )


def limits_of(point: Checkpoint) -> str:
    """Return the limits of a measurement in words."""
    if point.low is None:
        return f"at most {point.high:g} {point.unit}"
    if point.high is None:
        return f"at least {point.low:g} {point.unit}"
    return f"{point.low:g} to {point.high:g} {point.unit}"


def _wanted(point: Checkpoint) -> str:
    match point.kind:
        case "measurement":
            return f"give a value in {point.unit} and the instrument."
        case "checklist":
            return "give pass or fail."
        case _:
            return "take its photo, or give pass or fail with a reason."


# --- what vision answers


def verdict_of(command: TakeBoardVerdict, view: QcView | None, now: datetime, policy: Policy) -> Outcome:
    """Take vision's answer to a photo of the open check; answers to others' questions are dropped."""
    one = view.rounds[-1] if view is not None else None
    waiting = next((each for each in one.results if each.asked == command.in_reply_to), None) if one else None
    if one is None or waiting is None or one.status != "begun":
        return Drop("not_asked")
    told = waiting.model_copy(update={"asked": None, "answered_at": now})
    if command.refused is not None:
        return _undecided(command.refused, told, command.ticket_id, one.number)
    if command.inspected is None:
        return Drop("no_answer")
    point = next(each for each in one.plan.checkpoints if each.checkpoint_id == waiting.checkpoint_id)
    return _seen(command.inspected, told, point, one, policy)


def _undecided(refused: BoardInspectionRefused, told: CheckpointResult, ticket_id: str, number: int) -> Outcome:
    again = " ".join(problem.advice for problem in refused.problems)
    advice = f"Take another photo. {again}".strip() if refused.problems else BY_EYE
    return Emit.of(
        CheckpointUndecided(
            ticket_id=ticket_id,
            round=number,
            reason=refused.reason,
            problems=refused.problems,
            result=told.model_copy(update={"advice": advice}),
        )
    )


def _seen(
    inspected: BoardInspected, told: CheckpointResult, point: Checkpoint, one: CheckRound, policy: Policy
) -> Outcome:
    ticket_id, annotated = inspected.ticket_id, inspected.annotated
    told = told.model_copy(update={"annotated": annotated[0] if annotated else None})
    if point.kind == "photo":
        sharp = told.model_copy(update={"verdict": "pass", "reason": "the photo can be judged"})
        return Emit.of(CheckpointRecorded(ticket_id=ticket_id, round=one.number, result=sharp))
    faults = faults_of(inspected.findings, policy)
    told = told.model_copy(
        update={
            "findings": faults[: policy.findings_kept],
            "condition": next(iter(inspected.condition), None),
            "pictures": next(iter(inspected.pictures), None),
        }
    )
    missing = _not_comparable(inspected, point, one)
    if missing is not None:
        undecided = told.model_copy(update={"advice": f"{missing} {BY_EYE}"})
        return Emit.of(
            CheckpointUndecided(ticket_id=ticket_id, round=one.number, reason="not_compared", result=undecided)
        )
    before = faults_of(one.repair.before or (), policy) if point.against == "before" else ()
    worse = worse_than(faults, before)
    reason = f"found {_counted(worse)}" if worse else "no difference that matters"
    if not worse and faults:
        reason = f"nothing that was not there at hand-in ({_counted(Counter(one.kind for one in faults))})"
    settled = told.model_copy(update={"verdict": "fail" if worse else "pass", "reason": reason[:200]})
    return Emit.of(CheckpointRecorded(ticket_id=ticket_id, round=one.number, result=settled))


def _not_comparable(inspected: BoardInspected, point: Checkpoint, one: CheckRound) -> str | None:
    if not inspected.compared:
        return "There is no golden picture of this board to hold the photo against."
    if point.against == "before" and one.repair.before is None:
        return "No photo of the board was compared at hand-in."
    return None


def faults_of(findings: Sequence[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Return the findings that count against a repair, the worst first: probable ones that are more than cosmetic."""
    rank = {"high": 0, "medium": 1}
    counting = [one for one in findings if one.severity in rank and one.confidence >= policy.finding_confidence]
    return tuple(sorted(counting, key=lambda one: (rank[one.severity], -one.confidence)))


def worse_than(after: Sequence[Finding], before: Sequence[Finding]) -> Counter[str]:
    """Return how many more faults of each kind there are now. Places cannot be compared: the two photos differ."""
    return Counter[str](one.kind for one in after) - Counter[str](one.kind for one in before)


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} x {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items()))
