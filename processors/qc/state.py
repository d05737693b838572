"""How the events of a ticket's checks add up. Pure and total."""

from typing import Any

from schemas.core.message import Event, Message
from schemas.qc import (
    CheckBegun,
    CheckFailed,
    CheckLeft,
    CheckPassed,
    CheckPlanned,
    CheckpointRecorded,
    CheckpointResult,
    CheckpointUndecided,
    CheckRefused,
    CheckRound,
    CheckSigned,
    CheckSkipped,
    CheckWaived,
    QcView,
    RepairBounced,
)
from topics.qc import QC_COMMANDS, QC_EVENTS

ROUNDS_KEPT = 6
"""The first round, which says what a repair was like at hand-in and decides what is learned, and the newest ones."""

_OURS = (*QC_COMMANDS.carries, *QC_EVENTS.carries)


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket whose checks a message is about. A refusal changes nothing, and may be all there is."""
    if isinstance(message, CheckRefused) or not isinstance(message, _OURS):
        return ()
    ticket_id: str = message.ticket_id  # type: ignore[attr-defined]  # every message of these topics has one
    return (ticket_id,)


def evolve_one(_key: str, view: QcView | None, event: Event) -> QcView:
    """Return the checks after an event that ``keys_of`` ties to them.

    Raises:
        ValueError: something happened to a check that was never planned; the log is not complete.
    """
    after = evolve(view, event)
    if after is None:
        raise ValueError(f"{event.TYPE} comes before any check was planned; read its events from the start")
    return after


def evolve(view: QcView | None, event: Event) -> QcView | None:
    """Return the checks after ``event``; None while there is none. An event that does not fit changes nothing."""
    match event:
        case CheckPlanned():
            return _opened(view, event, status="planned", opened_at=event.planned_at)
        case CheckSkipped():
            at = event.skipped_at
            return _opened(view, event, status="skipped", opened_at=at, ended_at=at)
        case _ if view is None:
            return None
        case CheckBegun():
            repair = view.rounds[-1].repair.model_copy(update={"repaired_by": event.repaired_by})
            return _round(
                view, event, status="begun", inspector=event.inspector, repair=repair, begun_at=event.begun_at
            )
        case CheckpointRecorded() | CheckpointUndecided():
            # Whoever signed did not sign this.
            return _round(view, event, results=_replaced(view.rounds[-1].results, event.result), signer=None)
        case CheckSigned():
            return _round(view, event, signer=event.signer)
        case CheckPassed():
            return _round(view, event, status="passed", note=event.note, ended_at=event.passed_at)
        case CheckFailed():
            after = _round(view, event, status="failed", cause=event.cause, note=event.note, ended_at=event.failed_at)
            return after if after is view else after.model_copy(update={"reworks": view.reworks + 1})
        case CheckWaived():
            ended = {"ended_by": event.manager, "note": event.reason, "ended_at": event.waived_at}
            return _round(view, event, status="waived", **ended)
        case CheckLeft():
            return _round(view, event, status="left", ended_by=event.actor, ended_at=event.left_at)
        case RepairBounced():
            return view.model_copy(update={"bounced": event.how})
        case _:
            return view


def _opened(view: QcView | None, event: CheckPlanned | CheckSkipped, **more: Any) -> QcView:
    shared = event.model_dump(include={"repair", "plan", "sampling"})
    one = CheckRound.model_validate({"number": event.round, **shared, **more})
    if view is None:
        return QcView(ticket_id=event.ticket_id, workspace_id=event.repair.workspace_id, rounds=(one,))
    first, *later = view.rounds
    return view.model_copy(update={"rounds": (first, *later[-(ROUNDS_KEPT - 2) :], one)})


def _round(view: QcView, event: Any, **changes: Any) -> QcView:
    *earlier, newest = view.rounds
    if event.round != newest.number:
        return view
    return view.model_copy(update={"rounds": (*earlier, newest.model_copy(update=changes))})


def _replaced(results: tuple[CheckpointResult, ...], new: CheckpointResult) -> tuple[CheckpointResult, ...]:
    if any(one.checkpoint_id == new.checkpoint_id for one in results):
        return tuple(new if one.checkpoint_id == new.checkpoint_id else one for one in results)
    return (*results, new)
