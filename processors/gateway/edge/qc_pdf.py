"""The report of checks as PDF, A4. Importing this loads the PDF library, which a start can do without."""

from collections.abc import Mapping
from io import BytesIO
from textwrap import wrap

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from connectors.images.decode import ImageRefused
from connectors.images.thumbnail import thumbnail
from processors.gateway.edge.label_pdf import BOLD, FONT, begin_pdf, draw_qr, finish_pdf, printable
from processors.gateway.edge.qc_report import Report, ReportLine, ReportPicture, ReportRound

_MARGIN_MM, _LINE_MM = 18.0, 4.6
_WIDTH_MM = A4[0] / mm - 2 * _MARGIN_MM
_TITLE_CHARACTERS, _SAID_CHARACTERS = 46, 42
_VERDICT_MM, _SAID_MM = 82.0, 108.0
_PICTURE_MM, _GAP_MM = 84.0, 6.0
_PICTURE_PX = 1000
_COLOURS = {
    "passed": Color(0.05, 0.42, 0.16), "failed": Color(0.72, 0.07, 0.07), "not applicable": Color(0.35, 0.35, 0.35),
    "open": Color(0.65, 0.38, 0.0),
}  # fmt: skip
_BLACK = Color(0, 0, 0)


def qc_pdf(report: Report, pictures: Mapping[str, bytes]) -> bytes:
    """Return the report as PDF. ``pictures``: files by the hash of their reference; a missing one is said to be."""
    data, canvas = begin_pdf(A4, f"check {report.number}")
    page = _Page(canvas, report.number)
    page.head(report)
    for one in report.rounds:
        _draw_round(page, one, pictures)
    page.foot()
    return finish_pdf(data, canvas)


class _Page:
    """A canvas with a place to write at, which goes on on the next page."""

    def __init__(self, canvas: Canvas, number: str) -> None:
        self.canvas, self.number, self.sheet = canvas, number, 1
        self.at = A4[1] / mm - _MARGIN_MM

    def head(self, report: Report) -> None:
        """Draw the title and the device."""
        top = self.at
        self.text("Quality report", 18, bold=True, step=9)
        self.text(report.number, 14, bold=True, step=7)
        for line in (*report.device, report.shop):
            self.text(line, 9)
        draw_qr(self.canvas, report.address, A4[0] / mm - _MARGIN_MM - 26, top - 23, 26)
        self.at = min(self.at, top - 30)

    def text(
        self, line: str, size: float = 9, *, bold: bool = False, step: float = _LINE_MM, x_mm: float = 0.0,
        colour: Color = _BLACK,
    ) -> None:  # fmt: skip
        """Write one line and go down by ``step`` millimetres."""
        self.canvas.setFont(BOLD if bold else FONT, size)
        self.canvas.setFillColor(colour)
        self.canvas.drawString((_MARGIN_MM + x_mm) * mm, (self.at - size * 0.353) * mm, printable(line))
        self.at -= step

    def room(self, height_mm: float) -> None:
        """Begin a page unless this much is left on the present one."""
        if self.at - height_mm < _MARGIN_MM + 6:
            self.foot()
            self.canvas.showPage()
            self.sheet += 1
            self.at = A4[1] / mm - _MARGIN_MM

    def foot(self) -> None:
        """Number the page."""
        self.canvas.setFont(FONT, 7)
        self.canvas.setFillColor(_BLACK)
        self.canvas.drawRightString(A4[0] - _MARGIN_MM * mm, 10 * mm, f"{self.number}, page {self.sheet}")

    def rule(self) -> None:
        """Draw a thin line across."""
        self.canvas.setStrokeGray(0.75)
        self.canvas.setLineWidth(0.4)
        self.canvas.line(_MARGIN_MM * mm, self.at * mm, A4[0] - _MARGIN_MM * mm, self.at * mm)
        self.at -= 1.6


def _draw_round(page: _Page, one: ReportRound, pictures: Mapping[str, bytes]) -> None:
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
    _draw_pictures(page, one.pictures, pictures)


def _draw_line(page: _Page, line: ReportLine) -> None:
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


def _draw_pictures(page: _Page, shown: tuple[ReportPicture, ...], files: Mapping[str, bytes]) -> None:
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
                    ImageReader(BytesIO(small[0])), (_MARGIN_MM + x) * mm, page.at * mm, _PICTURE_MM * mm, height * mm,
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
