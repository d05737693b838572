"""The report of checks as PDF, A4. Importing this loads the PDF library, which a start can do without."""

from collections.abc import Mapping
from io import BytesIO
from textwrap import wrap

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader

from connectors.images.decode import ImageRefused
from connectors.images.thumbnail import thumbnail
from processors.gateway.edge.label_pdf import begin_pdf, finish_pdf
from processors.gateway.edge.paper import MARGIN_MM, Page
from processors.gateway.edge.qc_report import Report, ReportLine, ReportPicture, ReportRound

_TITLE_CHARACTERS, _SAID_CHARACTERS = 46, 42
_VERDICT_MM, _SAID_MM = 82.0, 108.0
_PICTURE_MM, _GAP_MM = 84.0, 6.0
_PICTURE_PX = 1000
_COLOURS = {
    "passed": Color(0.05, 0.42, 0.16), "failed": Color(0.72, 0.07, 0.07), "not applicable": Color(0.35, 0.35, 0.35),
    "open": Color(0.65, 0.38, 0.0),
}  # fmt: skip


def qc_pdf(report: Report, pictures: Mapping[str, bytes]) -> bytes:
    """Return the report as PDF. ``pictures``: files by the hash of their reference; a missing one is said to be."""
    data, canvas = begin_pdf(A4, f"check {report.number}")
    page = Page(canvas, report.number)
    page.head("Quality report", (*report.device, report.shop), report.address)
    for one in report.rounds:
        _draw_round(page, one, pictures)
    page.foot()
    return finish_pdf(data, canvas)


def _draw_round(page: Page, one: ReportRound, pictures: Mapping[str, bytes]) -> None:
    page.room(40)
    page.at -= 4
    page.text(one.heading, 12, bold=True, step=6.5)
    for fact in one.facts:
        for part in wrap(fact, 96):
            page.text(part, 8, step=4)
    page.at -= 1.5
    for line in one.lines:
        _draw_line(page, line)
    page.rule()
    for said in one.conditions:
        page.paragraph(said, 8)
    _draw_pictures(page, one.pictures, pictures)
    _draw_pictures(page, one.pairs, pictures)


def _draw_line(page: Page, line: ReportLine) -> None:
    titles, said = wrap(line.title, _TITLE_CHARACTERS), wrap(line.said, _SAID_CHARACTERS)
    height = max(len(titles), len(said), 1) * 4
    page.room(height + 3)
    page.rule()
    top = page.at
    for part in titles:
        page.text(part, 8, step=4)
    page.at = top
    page.text(line.verdict, 8, bold=True, x_mm=_VERDICT_MM, colour=_COLOURS[line.verdict])
    page.at = top
    for part in said:
        page.text(part, 8, step=4, x_mm=_SAID_MM)
    page.at = top - height - 0.6


def _draw_pictures(page: Page, shown: tuple[ReportPicture, ...], files: Mapping[str, bytes]) -> None:
    """Draw pictures in pairs, each under its width, with their captions below."""
    for first in range(0, len(shown), 2):
        pair = [(one, _small(files.get(one.ref.sha256))) for one in shown[first : first + 2]]
        heights = [(_PICTURE_MM * small[2] / small[1] if small else 8.0) for _, small in pair]
        height = min(max(heights), 110.0)
        page.room(height + 12)
        page.at -= 3
        top = page.at
        for column, (one, small) in enumerate(pair):
            x = column * (_PICTURE_MM + _GAP_MM)
            page.at = top - height
            if small is None:
                page.at = top
                page.text("This picture cannot be shown any more.", 8, x_mm=x)
            else:
                page.canvas.drawImage(
                    ImageReader(BytesIO(small[0])), (MARGIN_MM + x) * mm, page.at * mm, _PICTURE_MM * mm, height * mm,
                    preserveAspectRatio=True, anchor="nw",
                )  # fmt: skip
            page.at = top - height - 1.5
            for part in wrap(one.caption, 52)[:2]:
                page.text(part, 7, step=3.4, x_mm=x)
        page.at = top - height - 9


def _small(data: bytes | None) -> tuple[bytes, int, int] | None:
    if data is None:
        return None
    try:
        return thumbnail(data, _PICTURE_PX)
    except ImageRefused:
        return None
