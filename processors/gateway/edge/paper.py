"""Paper of A4 that is written from the top down. Importing this loads the PDF library, which a start can do without."""

from collections.abc import Sequence

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from processors.gateway.edge.label_pdf import BOLD, FONT, draw_qr, printable

MARGIN_MM = 18.0
WIDTH_MM = A4[0] / mm - 2 * MARGIN_MM
BLACK = Color(0, 0, 0)
_LINE_MM = 4.6


class Page:
    """A canvas with a place to write at, which goes on on the next page."""

    def __init__(self, canvas: Canvas, number: str) -> None:
        self.canvas, self.number, self.sheet = canvas, number, 1
        self.at = A4[1] / mm - MARGIN_MM

    def head(self, title: str, lines: Sequence[str], address: str) -> None:
        """Draw the title, the ticket's number, what stands below it, and a QR code of ``address``."""
        top = self.at
        self.text(title, 18, bold=True, step=9)
        self.text(self.number, 14, bold=True, step=7)
        for line in lines:
            self.text(line, 9)
        draw_qr(self.canvas, address, A4[0] / mm - MARGIN_MM - 26, top - 23, 26)
        self.at = min(self.at, top - 30)

    def paragraph(
        self, text: str, size: float = 9, *, bold: bool = False, x_mm: float = 0.0, colour: Color = BLACK
    ) -> None:
        """Write a text over as many lines as it takes, on the next page where this one ends."""
        step = size * 0.353 * 1.4
        for line in simpleSplit(printable(text), BOLD if bold else FONT, size, (WIDTH_MM - x_mm) * mm):
            self.room(step)
            self.text(line, size, bold=bold, step=step, x_mm=x_mm, colour=colour)

    def text(
        self, line: str, size: float = 9, *, bold: bool = False, step: float = _LINE_MM, x_mm: float = 0.0,
        colour: Color = BLACK,
    ) -> None:  # fmt: skip
        """Write one line and go down by ``step`` millimetres."""
        self.canvas.setFont(BOLD if bold else FONT, size)
        self.canvas.setFillColor(colour)
        self.canvas.drawString((MARGIN_MM + x_mm) * mm, (self.at - size * 0.353) * mm, printable(line))
        self.at -= step

    def room(self, height_mm: float) -> None:
        """Begin a page unless this much is left on the present one."""
        if self.at - height_mm < MARGIN_MM + 6:
            self.foot()
            self.canvas.showPage()
            self.sheet += 1
            self.at = A4[1] / mm - MARGIN_MM

    def foot(self) -> None:
        """Number the page."""
        self.canvas.setFont(FONT, 7)
        self.canvas.setFillColor(BLACK)
        self.canvas.drawRightString(A4[0] - MARGIN_MM * mm, 10 * mm, f"{self.number}, page {self.sheet}")

    def rule(self) -> None:
        """Draw a thin line across."""
        self.canvas.setStrokeGray(0.75)
        self.canvas.setLineWidth(0.4)
        self.canvas.line(MARGIN_MM * mm, self.at * mm, A4[0] - MARGIN_MM * mm, self.at * mm)
        self.at -= 1.6
