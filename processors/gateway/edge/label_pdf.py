"""Labels of devices as PDF, alone or on sheets. Importing this loads the PDF library, which a start can do without."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import reportlab
import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from processors.gateway.edge.labels import (
    COLUMNS,
    HEIGHT_MM,
    QR_MM,
    QUIET_ZONE_MODULES,
    ROWS,
    WIDTH_MM,
    Label,
    lines_of,
)

SUBSTITUTE = "?"
FONT, BOLD = "noizylab", "noizylab-bold"
_FONTS = Path(reportlab.__file__).parent / "fonts"


def label_pdf(label: Label) -> bytes:
    """Return a label as PDF of its own size."""
    data, canvas = begin_pdf((WIDTH_MM * mm, HEIGHT_MM * mm), label.number)
    _draw_label(canvas, label, 0, 0)
    return finish_pdf(data, canvas)


def sheet_pdf(labels: Sequence[Label], *, skip: int = 0) -> bytes:
    """Return labels on sheets of A4, row by row; ``skip`` leaves places free that are already peeled off."""
    data, canvas = begin_pdf(A4, "labels")
    left = (A4[0] / mm - COLUMNS * WIDTH_MM) / 2
    top = (A4[1] / mm - ROWS * HEIGHT_MM) / 2
    for position, label in enumerate(labels, start=skip):
        place = position % (COLUMNS * ROWS)
        if place == 0 and position > skip:
            canvas.showPage()
        column, row = place % COLUMNS, place // COLUMNS
        _draw_label(canvas, label, left + column * WIDTH_MM, A4[1] / mm - top - (row + 1) * HEIGHT_MM)
    return finish_pdf(data, canvas)


def _draw_label(canvas: Canvas, label: Label, x_mm: float, y_mm: float) -> None:
    draw_qr(canvas, label.address, x_mm + 1, y_mm + (HEIGHT_MM - QR_MM) / 2, QR_MM)
    text = x_mm + QR_MM + 4
    canvas.setFont(BOLD, 14)
    canvas.drawString(text * mm, (y_mm + HEIGHT_MM - 10) * mm, label.number)
    canvas.setFont(FONT, 9)
    for row, line in enumerate(lines_of(label)):
        canvas.drawString(text * mm, (y_mm + HEIGHT_MM - 15.5 - 4 * row) * mm, printable(line))


def draw_qr(canvas: Canvas, text: str, x_mm: float, y_mm: float, size_mm: float) -> None:
    """Draw a QR code with its quiet zone into a square, module by module: sharp on every printer."""
    code = segno.make(text, error="m", micro=False)
    rows = list(code.matrix_iter(border=QUIET_ZONE_MODULES))
    module = size_mm / len(rows)
    for row, line in enumerate(rows):
        for column, dark in enumerate(line):
            if dark:
                x, y = x_mm + column * module, y_mm + (len(rows) - 1 - row) * module
                canvas.rect(x * mm, y * mm, module * mm, module * mm, stroke=0, fill=1)


def printable(text: str) -> str:
    """Return a text with a question mark for each sign that the font of PDFs does not have, so that a gap is seen."""
    known = pdfmetrics.getFont(_registered(FONT)).face.charToGlyph
    return "".join(sign if ord(sign) in known or sign.isspace() else SUBSTITUTE for sign in text)


def _registered(name: str) -> str:
    if name not in pdfmetrics.getRegisteredFontNames():
        file = "VeraBd.ttf" if name == BOLD else "Vera.ttf"
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / file)))
    return name


def begin_pdf(size: tuple[float, float], title: str) -> tuple[BytesIO, Canvas]:
    """Begin a PDF with pages of ``size`` in points, with the fonts at hand; equal content is equal bytes."""
    for name in (FONT, BOLD):
        _registered(name)
    data = BytesIO()
    canvas = Canvas(data, pagesize=size, invariant=1)
    canvas.setTitle(title)
    return data, canvas


def finish_pdf(data: BytesIO, canvas: Canvas) -> bytes:
    """End the last page and return the file."""
    canvas.showPage()
    canvas.save()
    return data.getvalue()
