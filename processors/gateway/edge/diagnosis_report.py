"""The report of a diagnosis: what stands on paper and in Markdown. ``diagnosis_pdf.py`` makes the PDF. Pure."""

import re
from dataclasses import dataclass

from processors.gateway.edge.labels import label_of, short_number
from processors.gateway.edge.sheets import device_name, words_for
from processors.gateway.wording import percent, words
from schemas.diagnoses import DiagnosisAbstained, DiagnosisView, FaultDiagnosed, Measurement, RankedFault, RepairPlan
from schemas.tickets import TicketView

CREDIT = (
    "How common faults are and how often repairs work was learned from Open Repair Data by the Open Repair Alliance "
    "(The Restart Project, anstiftung, Repair Café International, Repair Café Denmark, Repair Café Wales), "
    "CC BY-SA 4.0."
)
"""The licence of the records asks for it wherever something derived from them is shown."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
_LEAST_SHOWN = 0.005


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One candidate on paper: its title, how likely it is, and what speaks for (+) and against it (-)."""

    title: str
    likely: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiagnosisReport:
    """What is on the report. ``stops`` are the dangers that halt the bench; ``plan`` is empty after an abstention."""

    shop: str
    number: str
    address: str
    device: tuple[str, ...]
    made: str
    answer: str
    why: str
    stops: tuple[str, ...]
    hazards: tuple[str, ...]
    faults: tuple[FaultLine, ...]
    measurement: tuple[tuple[str, str], ...]
    plan: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]


def diagnosis_report(ticket: TicketView, view: DiagnosisView, shop: str, base_url: str) -> DiagnosisReport | None:
    """Return the report of the newest diagnosis; None while there is none. The customer's name is not on it."""
    said = view.diagnosed or view.abstained
    if said is None:
        return None
    device = [device_name(ticket)]
    if ticket.device.serial or ticket.device.imei:
        device.append(f"Serial number: {ticket.device.serial or ticket.device.imei}")
    return DiagnosisReport(
        shop=shop,
        number=short_number(ticket.ticket_id),
        address=label_of(ticket, base_url, words_for("en")).address,
        device=tuple(device),
        made=_made(said),
        answer=said.summary if isinstance(said, FaultDiagnosed) else f"No diagnosis yet. {said.detail}",
        why=said.why,
        stops=tuple(_hazard(one) for one in said.hazards if one.startswith("STOP ")),
        hazards=tuple(_hazard(one) for one in said.hazards if not one.startswith("STOP ")),
        faults=tuple(_fault(one) for one in said.faults if one.probability >= _LEAST_SHOWN),
        measurement=_measurement(said.next_measurement),
        plan=_plan(said.plan) if isinstance(said, FaultDiagnosed) else (),
        steps=said.plan.steps if isinstance(said, FaultDiagnosed) else (),
    )


def as_markdown(report: DiagnosisReport) -> str:
    """Return the report as Markdown; what people wrote cannot change its structure."""
    lines = [f"# Diagnosis {report.number}", "", *(f"{_safe(line)}  " for line in (*report.device, report.shop)), ""]
    for stop in report.stops:
        lines += [f"> **STOP** {_safe(stop)}", ""]
    lines += ["## Answer", "", _safe(report.answer), ""]
    if report.why:
        lines += [_safe(report.why), ""]
    lines += ["## What it may be", "", "| fault | likely | reasons |", "|---|---|---|"]
    lines += [
        f"| {_safe(one.title)} | {one.likely} | {'<br>'.join(_safe(reason) for reason in one.reasons)} |"
        for one in report.faults
    ]
    lines += ["", "Numbers: how strongly a reason speaks for (+) or against (-) it, in nats.", ""]
    if report.measurement:
        lines += ["## Measure next", "", *(f"- {name}: {_safe(text)}" for name, text in report.measurement), ""]
    if report.hazards:
        lines += ["## Mind", "", *(f"- {_safe(one)}" for one in report.hazards), ""]
    if report.plan:
        lines += ["## Plan", "", *(f"- {name}: {_safe(text)}" for name, text in report.plan), ""]
        lines += [*(f"{number}. {_safe(step)}" for number, step in enumerate(report.steps, 1)), ""]
    lines += ["---", "", _safe(report.made), "", _safe(CREDIT), ""]
    return "\n".join(lines)


def _made(said: FaultDiagnosed | DiagnosisAbstained) -> str:
    at = said.diagnosed_at if isinstance(said, FaultDiagnosed) else said.abstained_at
    degraded = ", degraded" if said.degraded else ""
    return f"Made {at:%Y-%m-%d %H:%M} UTC by {said.engine}{degraded}"


def _hazard(written: str) -> str:
    return written.removeprefix("STOP ").partition(": ")[2] or written


def _fault(fault: RankedFault) -> FaultLine:
    reasons = tuple(f"{one.weight_nats:+.1f} {one.text}" for one in fault.evidence)
    return FaultLine(fault.title, percent(fault.probability), reasons)


def _measurement(wanted: Measurement | None) -> tuple[tuple[str, str], ...]:
    if wanted is None:
        return ()
    told = [
        ("What", wanted.what), ("Where", wanted.where), ("Expected", wanted.expected), ("Why", wanted.why),
        ("Takes", f"{wanted.minutes} minutes"),
    ]  # fmt: skip
    if wanted.expected_bits is not None:
        told.append(("Removes", f"{wanted.expected_bits:.2f} bits of doubt, on average"))
    return tuple(told)


def _plan(plan: RepairPlan) -> tuple[tuple[str, str], ...]:
    parts = ", ".join(f"{line.quantity} x {line.sku}" for line in plan.parts) or "none"
    return (
        ("Fault", words(plan.fault_family)),
        ("Parts", parts),
        ("Work", f"{plan.labour_minutes} minutes"),
        ("Risk", plan.risk),
        ("Works", f"in {percent(plan.success_probability)} of such repairs"),
    )


def _safe(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
