"""The receipt as PDF. Importing this loads the PDF library, which a start can do without."""

import re
from collections.abc import Iterator
from io import BytesIO
from textwrap import wrap

from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from processors.gateway.edge.label_pdf import BOLD, FONT, begin_pdf, draw_qr, finish_pdf, printable
from processors.gateway.edge.receipts import Receipt
from processors.gateway.edge.signatures import Drawing, png_of

_MARGIN_MM = 12.0
_LINE_MM = 4.4
_WIDTH_CHARACTERS = 72
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_STROKE = re.compile(r"([MLQC])([^MLQC]*)")


def receipt_pdf(receipt: Receipt) -> bytes:
    """Return the receipt as PDF; a long checklist goes on on further pages."""
    data, canvas = begin_pdf(A5, receipt.number)
    words = receipt.words
    top = A5[1] / mm - _MARGIN_MM
    canvas.setFont(BOLD, 14)
    canvas.drawString(_MARGIN_MM * mm, (top - 4) * mm, printable(words.receipt))
    canvas.setFont(BOLD, 20)
    canvas.drawString(_MARGIN_MM * mm, (top - 15) * mm, receipt.number)
    canvas.setFont(FONT, 9)
    canvas.drawString(_MARGIN_MM * mm, (top - 21) * mm, printable(receipt.shop))
    draw_qr(canvas, receipt.address, A5[0] / mm - _MARGIN_MM - 26, top - 30, 26)
    at = top - 36
    for bold, line in _text(receipt):
        if at < _MARGIN_MM + 32:
            canvas.showPage()
            at = top
        canvas.setFont(BOLD if bold else FONT, 9)
        canvas.drawString(_MARGIN_MM * mm, at * mm, printable(line))
        at -= _LINE_MM
    _sign(canvas, receipt, _MARGIN_MM)
    return finish_pdf(data, canvas)


def _text(receipt: Receipt) -> Iterator[tuple[bool, str]]:
    for line in receipt.lines:
        yield from ((False, part) for part in wrap(line, _WIDTH_CHARACTERS))
    if receipt.checklist:
        yield False, ""
        yield True, receipt.words.title_intake
        for line in receipt.checklist:
            yield from ((False, part) for part in wrap(f"- {line}", _WIDTH_CHARACTERS, subsequent_indent="  "))


def _sign(canvas: Canvas, receipt: Receipt, bottom: float) -> None:
    words, drawing = receipt.words, receipt.signature
    canvas.setFont(FONT, 8)
    canvas.drawString(_MARGIN_MM * mm, bottom * mm, printable(words.keep))
    canvas.drawString(
        _MARGIN_MM * mm, (bottom + 5) * mm, printable(words.not_signed if drawing is None else words.signed)
    )
    if drawing is None:
        return
    if drawing.png_base64 is not None:
        picture = ImageReader(BytesIO(png_of(drawing.png_base64)))
        canvas.drawImage(picture, 40 * mm, (bottom + 5) * mm, 60 * mm, 20 * mm, preserveAspectRatio=True, mask="auto")
    elif drawing.path is not None:
        _draw_path(canvas, drawing, 40, bottom + 5, 60, 20)


def _draw_path(canvas: Canvas, drawing: Drawing, x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> None:
    """Draw the strokes into a box, each stroke as the curve that was drawn."""
    scale = min(width_mm * mm / drawing.width_px, height_mm * mm / drawing.height_px)
    path = canvas.beginPath()
    for command, points in strokes_of(drawing.path or ""):
        placed = [(x_mm * mm + x * scale, y_mm * mm + (drawing.height_px - y) * scale) for x, y in points]
        if command == "C":
            path.curveTo(*placed[0], *placed[1], *placed[2])
        else:
            (path.moveTo if command == "M" else path.lineTo)(*placed[0])
    canvas.drawPath(path)


Point = tuple[float, float]


def strokes_of(path: str) -> Iterator[tuple[str, tuple[Point, ...]]]:
    """Yield the strokes of an SVG path as moves, lines and cubic curves; what does not add up to a point is left out.

    A quadratic curve becomes the equal cubic one: its inner points lie two thirds of the way to the only control point
    (SVG 2 section 9.3.7; any text on Bezier curves, degree elevation).
    """
    at: Point = (0.0, 0.0)
    for command, text in _STROKE.findall(path):
        numbers = [float(number) for number in _NUMBER.findall(text)]
        points = list(zip(numbers[::2], numbers[1::2], strict=False))
        step = {"Q": 2, "C": 3}.get(command, 1)
        for start in range(0, len(points) - step + 1, step):
            part = points[start : start + step]
            if command == "Q":
                part = [_towards(at, part[0]), _towards(part[1], part[0]), part[1]]
            # Further points of a move are lines (SVG 2 section 9.3.3).
            yield {"Q": "C", "M": "L" if start else "M"}.get(command, command), tuple(part)
            at = part[-1]


def _towards(end: Point, control: Point) -> Point:
    return end[0] + 2 / 3 * (control[0] - end[0]), end[1] + 2 / 3 * (control[1] - end[1])
