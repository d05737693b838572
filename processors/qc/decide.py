"""What becomes of a repair that is to be checked, and of what inspectors and vision say about it. Pure and total."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from processors.qc.answers import NotThere, answered, verdict_of
from processors.qc.config import Policy
from processors.qc.people import above, among
from processors.qc.sampling import sample
from processors.qc.sheets import Sheets
from schemas.core.message import Command, Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.qc import (
    OPEN_ROUND,
    BeginCheck,
    CheckBegun,
    CheckFailed,
    CheckLeft,
    CheckPassed,
    CheckPlanned,
    CheckRefused,
    CheckRound,
    CheckSigned,
    CheckSkipped,
    CheckWaived,
    ConcludeCheck,
    NoteBounce,
    NoteLeftCheck,
    OpenCheck,
    QcView,
    RecordCheckpoint,
    RepairBounced,
    SignCheck,
    TakeBoardVerdict,
    WaiveCheck,
)
from schemas.tickets import MoveEvidence, MoveTicket

ACTOR = "qc"


@dataclass(frozen=True, slots=True)
class Desk:
    """What decides beside the state: the sheets, the shop's policy, the key of the draw."""

    sheets: Sheets
    policy: Policy
    key: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a wish is not granted, as a code and as a sentence that says what to do."""

    reason: str
    detail: str


def decide(command: Message, command_id: UUID, view: QcView | None, now: datetime, desk: Desk) -> Outcome:
    """Answer a command about the check of one ticket. ``command_id`` names the question that vision is asked."""
    match command:
        case OpenCheck():
            return _open(command, view, now, desk)
        case NoteLeftCheck():
            return _left(command, view, now)
        case NoteBounce():
            return _bounce(command, view, now)
        case TakeBoardVerdict():
            return verdict_of(command, view, now, desk.policy)
        case BeginCheck():
            return _wish(command, view, now, lambda one: _begin(command, one, now, desk.policy))
        case RecordCheckpoint():
            return _wish(command, view, now, lambda one: _record(command, command_id, one, now))
        case SignCheck():
            return _wish(command, view, now, lambda one: _sign(command, one, now))
        case ConcludeCheck():
            return _wish(command, view, now, lambda one: _conclude(command, one, now, desk.policy))
        case WaiveCheck():
            return _wish(command, view, now, lambda one: _waive(command, one, now, desk.policy))
        case _:
            return Reject("unknown_command", f"qc does not handle {command.TYPE}")


def current(view: QcView | None) -> CheckRound | None:
    """Return the check that is open; None when there is none."""
    newest = view.rounds[-1] if view is not None else None
    return newest if newest is not None and newest.status in OPEN_ROUND else None


def _open(command: OpenCheck, view: QcView | None, now: datetime, desk: Desk) -> Outcome:
    if current(view) is not None:
        return Drop("already_open")
    number, repair = 1, command.repair
    if view is not None:
        number, first = view.rounds[-1].number + 1, view.rounds[0].repair
        # Vision's newest findings are those of the check by now: what was there at hand-in is in the first round.
        repair = repair.model_copy(update={"before": first.before})
    plan = desk.sheets.plan_for(repair)
    sampling = sample(command.ticket_id, number, repair, plan, command.history, desk.policy, desk.key)
    told = {"ticket_id": command.ticket_id, "round": number, "repair": repair, "plan": plan, "sampling": sampling}
    if sampling.checked:
        return Emit.of(CheckPlanned(planned_at=now, **told))
    move = MoveTicket(ticket_id=command.ticket_id, to="ready", reason="check_spared", actor=ACTOR)
    return Emit.of(CheckSkipped(skipped_at=now, **told), move)


def _left(command: NoteLeftCheck, view: QcView | None, now: datetime) -> Outcome:
    one = current(view)
    if one is None:
        return Drop("no_open_check")
    left = CheckLeft(
        ticket_id=command.ticket_id, round=one.number, to_state=command.to_state, actor=command.actor, left_at=now
    )
    return Emit.of(left)


def _bounce(command: NoteBounce, view: QcView | None, now: datetime) -> Outcome:
    if view is None:
        return Drop("never_checked")
    if view.bounced is not None:
        return Drop("known_to_bounce")
    return Emit.of(RepairBounced(ticket_id=command.ticket_id, how=command.how, bounced_at=now))


Wish = BeginCheck | RecordCheckpoint | SignCheck | ConcludeCheck | WaiveCheck


def _wish(
    command: Wish, view: QcView | None, now: datetime, grant: Callable[[CheckRound], Outcome | Refusal]
) -> Outcome:
    one = current(view)
    if one is None:
        detail = "The ticket has no open check; it gets one when it moves to qc."
        if view is not None:
            detail = f"Check {view.rounds[-1].number} has ended ({view.rounds[-1].status}). {detail}"
        return _refused(command, Refusal("no_open_check", detail), now)
    answer = grant(one)
    return _refused(command, answer, now) if isinstance(answer, Refusal) else answer


def _refused(command: Command, refusal: Refusal, now: datetime) -> Outcome:
    ticket_id: str = command.ticket_id  # type: ignore[attr-defined]  # every command here has one
    return Emit.of(
        CheckRefused(
            ticket_id=ticket_id, asked=command.TYPE, reason=refusal.reason, detail=refusal.detail, refused_at=now
        )
    )


def _begin(command: BeginCheck, one: CheckRound, now: datetime, policy: Policy) -> Outcome | Refusal:
    if one.inspector is not None and among(command.inspector, (one.inspector,)):
        return Refusal("already_begun", "You have this check in hand; record its checkpoints.")
    repairers = one.repair.repaired_by or ((command.repaired_by,) if command.repaired_by else ())
    if above(one, policy.second_person_above_cents):
        if not repairers:
            detail = "At this value another person checks, and nobody is known to have repaired it; say who did."
            return Refusal("repairer_unknown", detail)
        if among(command.inspector, repairers):
            detail = f"At this value another person checks; {command.inspector} did the repair. Hand it to a colleague."
            return Refusal("second_person", detail)
    begun = CheckBegun(
        ticket_id=command.ticket_id,
        round=one.number,
        inspector=command.inspector,
        repaired_by=repairers,
        begun_at=now,
    )
    return Emit.of(begun)


def _not_in_hand(name: str, one: CheckRound) -> Refusal | None:
    if one.inspector is None:
        return Refusal("not_begun", "Nobody has this check in hand; begin it first.")
    if not among(name, (one.inspector,)):
        return Refusal(
            "not_the_inspector", f"{one.inspector} has this check in hand; begin it yourself to take it over."
        )
    return None


def _record(command: RecordCheckpoint, command_id: UUID, one: CheckRound, now: datetime) -> Outcome | Refusal:
    refusal = _not_in_hand(command.inspector, one)
    if refusal is not None:
        return refusal
    answer = answered(command, command_id, one, now)
    return Refusal(answer.reason, answer.detail) if isinstance(answer, NotThere) else answer


def _sign(command: SignCheck, one: CheckRound, now: datetime) -> Outcome | Refusal:
    if one.inspector is None:
        return Refusal("not_begun", "There are no results to sign yet; begin the check first.")
    missing = _open_points(one)
    if missing:
        return Refusal("checkpoints_open", f"Still to be answered before anybody signs: {', '.join(missing)}.")
    taken = (one.inspector, *(result.by for result in one.results), *one.repair.repaired_by)
    if among(command.signer, taken):
        detail = f"{command.signer} repaired or checked it; the second signature is that of somebody else."
        return Refusal("second_person", detail)
    return Emit.of(CheckSigned(ticket_id=command.ticket_id, round=one.number, signer=command.signer, signed_at=now))


def _open_points(one: CheckRound) -> list[str]:
    """Name the checkpoints without an answer, in the order of the plan."""
    settled = {result.checkpoint_id for result in one.results if result.verdict is not None}
    return [point.checkpoint_id for point in one.plan.checkpoints if point.checkpoint_id not in settled]


def _conclude(command: ConcludeCheck, one: CheckRound, now: datetime, policy: Policy) -> Outcome | Refusal:
    refusal = _not_in_hand(command.inspector, one)
    if refusal is not None:
        return refusal
    bad = tuple(result.checkpoint_id for result in one.results if result.verdict == "fail")
    if command.verdict == "fail":
        return _fail(command, one, bad, now)
    missing = _open_points(one)
    if missing:
        return Refusal("checkpoints_open", f"Still to be answered: {', '.join(missing)}.")
    if bad:
        detail = f"Not good: {', '.join(bad)}. Conclude with fail and the cause, or let a manager waive the check."
        return Refusal("checkpoints_failed", detail)
    two = one.plan.two_signatures or above(one, policy.second_signature_above_cents)
    if two and one.signer is None:
        return Refusal("signature_missing", "A second person signs this check; let a colleague look at it and sign.")
    passed = CheckPassed(
        ticket_id=command.ticket_id,
        round=one.number,
        inspector=command.inspector,
        signer=one.signer,
        note=command.note,
        passed_at=now,
    )
    return Emit.of(passed, _ready(command.ticket_id, "check_passed", command.inspector, one))


def _fail(command: ConcludeCheck, one: CheckRound, bad: tuple[str, ...], now: datetime) -> Outcome | Refusal:
    if command.cause is None:
        return Refusal("cause_missing", "Say why it is done again: give its cause, so that it can be learned from.")
    if not bad and not command.note:
        return Refusal("nothing_failed", "No checkpoint failed; say in a note what is wrong.")
    failed = CheckFailed(
        ticket_id=command.ticket_id,
        round=one.number,
        inspector=command.inspector,
        cause=command.cause,
        failed=bad,
        note=command.note,
        failed_at=now,
    )
    evidence = MoveEvidence(reason_code=command.cause, checked_by=command.inspector)
    move = MoveTicket(
        ticket_id=command.ticket_id, to="rework", reason="check_failed", actor=command.inspector, evidence=evidence
    )
    return Emit.of(failed, move)


def _waive(command: WaiveCheck, one: CheckRound, now: datetime, policy: Policy) -> Outcome | Refusal:
    if above(one, policy.second_person_above_cents):
        if not one.repair.repaired_by:
            detail = "At this value it must be known who repaired it; begin the check and say who did."
            return Refusal("repairer_unknown", detail)
        if among(command.manager, one.repair.repaired_by):
            return Refusal("second_person", f"{command.manager} did the repair; at this value somebody else decides.")
    waived = CheckWaived(
        ticket_id=command.ticket_id,
        round=one.number,
        manager=command.manager,
        reason=command.reason,
        open_checkpoints=tuple(_open_points(one)),
        waived_at=now,
    )
    return Emit.of(waived, _ready(command.ticket_id, "check_waived", command.manager, one))


def _ready(ticket_id: str, reason: str, checked_by: str, one: CheckRound) -> MoveTicket:
    repairers = one.repair.repaired_by
    evidence = MoveEvidence(
        value_cents=one.repair.value_cents, repaired_by=repairers[0] if repairers else None, checked_by=checked_by
    )
    return MoveTicket(ticket_id=ticket_id, to="ready", reason=reason, actor=checked_by, evidence=evidence)
