"""The report of a ticket's checks: what stands on paper and in JSON. ``qc_pdf.py`` makes the PDF. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from processors.gateway.edge.labels import label_of, short_number
from processors.gateway.edge.sheets import device_name, words_for
from processors.gateway.wording import words
from schemas.core.blob_ref import BlobRef
from schemas.core.ids import TicketId
from schemas.inspections import BoardCondition
from schemas.qc import CheckpointResult, CheckRound, QcView
from schemas.qc_plans import Checkpoint
from schemas.tickets import TicketView

Variant = Literal["original", "annotated", "before", "after", "heat"]
VERDICTS = {"pass": "passed", "fail": "failed", "not_applicable": "not applicable", None: "open"}
ENDS = {
    "planned": "waits for its inspector", "begun": "is being checked", "passed": "PASSED", "failed": "TO REWORK",
    "waived": "WAIVED", "skipped": "went on without a check", "left": "moved on before its check had ended",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One checkpoint on paper."""

    title: str
    verdict: str
    said: str


@dataclass(frozen=True, slots=True)
class ReportPicture:
    """One picture on paper, the drawing on it where there is one."""

    ref: BlobRef
    caption: str


@dataclass(frozen=True, slots=True)
class ReportRound:
    """One check on paper. ``conditions``: how soiled photos show the board; ``pairs``: before, after, and so on."""

    heading: str
    facts: tuple[str, ...]
    lines: tuple[ReportLine, ...]
    conditions: tuple[str, ...]
    pictures: tuple[ReportPicture, ...]
    pairs: tuple[ReportPicture, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is on the report, the newest check first."""

    shop: str
    number: str
    address: str
    device: tuple[str, ...]
    rounds: tuple[ReportRound, ...]


def report_of(
    ticket: TicketView, view: QcView, shop: str, base_url: str, named: Callable[[str], str] = lambda name: name
) -> Report:
    """Return the report. The customer's name is not on it; ``named`` says what an inspector is called."""
    device = [device_name(ticket)]
    if ticket.device.serial or ticket.device.imei:
        device.append(f"Serial number: {ticket.device.serial or ticket.device.imei}")
    address = label_of(ticket, base_url, words_for("en")).address
    rounds = tuple(_round(one, named) for one in reversed(view.rounds))
    return Report(shop, short_number(ticket.ticket_id), address, tuple(device), rounds)


def _round(one: CheckRound, named: Callable[[str], str]) -> ReportRound:
    results = {result.checkpoint_id: result for result in one.results}
    points = [(point, results.get(point.checkpoint_id)) for point in one.plan.checkpoints]
    return ReportRound(
        heading=f"Check {one.number}: {ENDS[one.status]}",
        facts=tuple(_facts(one, named)),
        lines=tuple(_line(point, result) for point, result in points),
        conditions=tuple(
            f"{point.title}: {_condition(result.condition)}"
            for point, result in points
            if result is not None and result.condition is not None
        ),
        pairs=tuple(picture for point, result in points if result is not None for picture in _pair(point, result)),
        pictures=tuple(
            ReportPicture(result.annotated or result.photo, f"{point.title}: {VERDICTS[result.verdict]}")
            for point, result in points
            if result is not None and result.photo is not None
        ),
    )


def _facts(one: CheckRound, named: Callable[[str], str]) -> list[str]:
    facts = []
    if one.repair.fault_family:
        facts.append(f"Repaired: {words(one.repair.fault_family)}")
    if one.inspector:
        second = f", second signature {named(one.signer)}" if one.signer else ""
        facts.append(f"Checked by {named(one.inspector)}{second}")
    if one.ended_by:
        facts.append(f"Ended by {named(one.ended_by)}")
    if one.ended_at:
        facts.append(f"{one.ended_at:%Y-%m-%d %H:%M} UTC")
    if one.cause:
        facts.append(f"Cause: {words(one.cause)}")
    if one.note:
        facts.append(f"Note: {one.note}")
    facts.append(f"Plan {', '.join(one.plan.sheets)} ({one.plan.sha256[:12]})")
    return facts


def _pair(point: Checkpoint, result: CheckpointResult) -> tuple[ReportPicture, ...]:
    shown = result.pictures
    if shown is None or shown.before is None or shown.after is None:
        return ()
    before = ReportPicture(shown.before, f"{point.title}, before: the golden picture")
    return before, ReportPicture(shown.after, f"{point.title}, after: this board")


def _condition(seen: BoardCondition) -> str:
    """Say the soil of the whole board, each kind with the zone that has most of it."""
    verdict = f"{'' if seen.with_golden else 'without a golden picture '}{seen.verdict}"
    told = []
    for area in seen.areas:
        if area.zone != "board":
            continue
        zones = [one for one in seen.areas if one.kind == area.kind and one.zone != "board"]
        most = max(zones, key=lambda one: one.percent, default=None)
        where = f", most at {words(most.zone)} ({most.percent:g} %)" if most is not None else ""
        told.append(f"{words(area.kind)} on {area.percent:g} % of the board, {area.severity}{where}")
    return f"board condition {verdict}; {'; '.join(told) or 'no residue, corrosion or burns seen'}"


def picture_at(result: CheckpointResult, variant: Variant) -> BlobRef | None:
    """Return a picture of a checkpoint; None where there is no such one."""
    match variant:
        case "original":
            return result.photo
        case "annotated":
            return result.annotated
        case _:
            found: BlobRef | None = getattr(result.pictures, variant, None)
            return found


def _line(point: Checkpoint, result: CheckpointResult | None) -> ReportLine:
    if result is None:
        return ReportLine(point.title, VERDICTS[None], "")
    said = "; ".join(filter(None, (result.reason or result.advice, result.instrument)))
    return ReportLine(point.title, VERDICTS[result.verdict], said)


def as_json(ticket_id: TicketId, view: QcView | None) -> dict[str, Any]:
    """Return the checks of a ticket as JSON: each round with its checkpoints, answers and where the photos lie."""
    if view is None:
        return {"ticket_id": ticket_id, "status": None, "reworks": 0, "bounced": None, "rounds": []}
    return {
        "ticket_id": ticket_id,
        "status": view.rounds[-1].status,
        "reworks": view.reworks,
        "bounced": view.bounced,
        "rounds": [_round_json(ticket_id, one) for one in view.rounds],
    }


def _round_json(ticket_id: TicketId, one: CheckRound) -> dict[str, Any]:
    told = one.model_dump(mode="json", exclude={"plan", "results"})
    plan = one.plan.model_dump(mode="json")
    results = {result.checkpoint_id: result for result in one.results}
    for point in plan["checkpoints"]:
        result = results.get(point["checkpoint_id"])
        point["result"] = None if result is None else _result_json(ticket_id, one.number, result)
    return {**told, "plan": plan}


def _result_json(ticket_id: TicketId, number: int, result: CheckpointResult) -> Mapping[str, Any]:
    told = result.model_dump(mode="json", exclude={"photo", "annotated", "pictures"})
    place = f"/v1/tickets/{ticket_id}/qc/rounds/{number}/checkpoints/{result.checkpoint_id}/photo"
    told["photo"] = place if result.photo is not None else None
    for variant in get_args(Variant)[1:]:
        told[variant] = f"{place}?variant={variant}" if picture_at(result, variant) is not None else None
    return told
