"""The report of a diagnosis as PDF, A4. Importing this loads the PDF library, which a start can do without."""

from collections.abc import Sequence

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4

from processors.gateway.edge.diagnosis_report import CREDIT, DiagnosisReport
from processors.gateway.edge.label_pdf import begin_pdf, finish_pdf
from processors.gateway.edge.paper import Page

_RED, _GREY = Color(0.72, 0.07, 0.07), Color(0.35, 0.35, 0.35)
_NAME_MM = 24.0


def diagnosis_pdf(report: DiagnosisReport) -> bytes:
    """Return the report as PDF."""
    data, canvas = begin_pdf(A4, f"diagnosis {report.number}")
    page = Page(canvas, report.number)
    page.head("Diagnosis", (*report.device, report.shop, report.made), report.address)
    page.at -= 2
    for stop in report.stops:
        page.paragraph(f"STOP: {stop}", 11, bold=True, colour=_RED)
        page.at -= 2
    _heading(page, "Answer")
    page.paragraph(report.answer, 10)
    if report.why:
        page.at -= 1.5
        page.paragraph(report.why)
    _faults(page, report)
    if report.measurement:
        _heading(page, "Measure next")
        _pairs(page, report.measurement)
    if report.hazards:
        _heading(page, "Mind")
        for one in report.hazards:
            page.paragraph(one)
    if report.plan:
        _heading(page, "Plan")
        _pairs(page, report.plan)
        page.at -= 1.5
        for number, step in enumerate(report.steps, 1):
            page.paragraph(f"{number}.  {step}")
    page.at -= 4
    page.paragraph(CREDIT, 7, colour=_GREY)
    page.foot()
    return finish_pdf(data, canvas)


def _heading(page: Page, text: str) -> None:
    page.at -= 4
    page.room(16)
    page.text(text, 12, bold=True, step=6.5)


def _faults(page: Page, report: DiagnosisReport) -> None:
    _heading(page, "What it may be")
    for one in report.faults:
        page.room(10)
        page.rule()
        page.at -= 0.8
        top = page.at
        page.text(one.title, 9, bold=True)
        below = page.at
        page.at = top
        page.text(one.likely, 9, bold=True, x_mm=150)
        page.at = below
        for reason in one.reasons:
            page.paragraph(reason, 8, x_mm=4, colour=_GREY)
        page.at -= 0.8
    page.rule()
    page.text("Numbers: how strongly a reason speaks for (+) or against (-) it, in nats.", 7, colour=_GREY)


def _pairs(page: Page, pairs: Sequence[tuple[str, str]]) -> None:
    for name, text in pairs:
        page.room(5)
        top = page.at
        page.text(name, 9, bold=True, step=0)
        page.at = top
        page.paragraph(text, x_mm=_NAME_MM)
