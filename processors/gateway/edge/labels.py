"""Labels of devices, with a QR code: as a page to print, as a drawing, as PDF. Pure; no personal data is on one.

A label is 62 x 29 mm, the size of the widespread die-cut address labels; a sheet of A4 (ISO 216) holds 3 x 9 of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import reportlab
import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from processors.gateway.edge.sheets import SheetWords, device_name
from schemas.tickets import TicketView

WIDTH_MM, HEIGHT_MM = 62.0, 29.0
QR_MM = 23.0
COLUMNS, ROWS = 3, 9
QUIET_ZONE_MODULES = 4
"""White modules around a QR code (ISO/IEC 18004 section 6.3.8)."""
_LINE_CHARACTERS = 17
SUBSTITUTE = "?"
FONT, BOLD = "noizylab", "noizylab-bold"
_FONTS = Path(reportlab.__file__).parent / "fonts"


@dataclass(frozen=True, slots=True)
class Label:
    """What is on a label. ``address`` is what its QR code says."""

    number: str
    device: str
    bin: str
    address: str


def label_of(ticket: TicketView, base_url: str, words: SheetWords) -> Label:
    """Return the label of a ticket's device; the address is that of the ticket at the gateway."""
    place = f"{words.bin} {ticket.bin}" if ticket.bin else ""
    return Label(
        short_number(ticket.ticket_id), device_name(ticket), place, f"{base_url}/v1/tickets/{ticket.ticket_id}"
    )


def short_number(ticket_id: str) -> str:
    """Return the end of a ticket's id in two groups: what two people read to each other over a counter."""
    tail = ticket_id.removeprefix("T-").replace("-", "").upper()[-8:]
    return f"{tail[:4]} {tail[4:]}".strip()


def label_svg(label: Label) -> str:
    """Return a label as one SVG drawing, in millimetres."""
    code = segno.make(label.address, error="m", micro=False)
    modules = code.symbol_size(border=QUIET_ZONE_MODULES)[0]
    picture = code.svg_inline(border=QUIET_ZONE_MODULES, omitsize=True)
    inner = picture[picture.index(">") + 1 : picture.rindex("</svg>")]
    left, text = (HEIGHT_MM - QR_MM) / 2, QR_MM + 4
    size = f'width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm" viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
        f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>',
        f'<svg x="1" y="{left}" width="{QR_MM}" height="{QR_MM}" viewBox="0 0 {modules} {modules}">{inner}</svg>',
        f'<text x="{text}" y="10" font-size="6" font-weight="bold">{escape(label.number)}</text>',
        *(
            f'<text x="{text}" y="{15.5 + 4 * row}" font-size="3.4">{escape(line)}</text>'
            for row, line in enumerate(_lines(label))
        ),
        "</svg>",
    ]
    return "".join(lines)


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
    for row, line in enumerate(_lines(label)):
        canvas.drawString(text * mm, (y_mm + HEIGHT_MM - 15.5 - 4 * row) * mm, printable(line))


def _lines(label: Label) -> list[str]:
    """Return the device in at most two lines of what fits beside the code, and the bin."""
    words, lines = label.device.split(), [""]
    for word in words:
        grown = f"{lines[-1]} {word}".strip()
        if len(grown) <= _LINE_CHARACTERS or not lines[-1]:
            lines[-1] = grown
        else:
            lines.append(word)
    return [line[:_LINE_CHARACTERS] for line in lines[:2] if line] + (
        [label.bin[:_LINE_CHARACTERS]] if label.bin else []
    )


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
