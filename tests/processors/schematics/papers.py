"""Prints designs as the PDF of a schematic: symbols with reference, value and pins, and labels at their wires.

The pages are drawn by us, so they are no more than a stand-in for those of CAD programs: text stands in all four
directions, small as KiCad writes it, units are told by letters, and there is a title block with words that are neither.
"""

import random
import zlib
from collections.abc import Sequence
from io import BytesIO

from reportlab.lib.pagesizes import A3, landscape
from reportlab.pdfgen.canvas import Canvas

from processors.schematics.model import Design

SIZE_PT = 3.6
CELL_PT = (66.0, 44.0)
_MARGIN_PT = 36.0
TITLE = "Drawn by hand, sheet of the main board. Rev 1.2, see R1 in the parts list"


def printed(design: Design, *, seed: int = 1, rotate: int = 0, units: Sequence[str] = ()) -> bytes:
    """Return the pages. ``units``: parts that are drawn as two units, A and B. ``rotate``: how pages are turned."""
    drawn = random.Random(seed)
    labels = {pin: net.name.rpartition("/")[2] for net in design.nets for pin in net.pins if net.named}
    file = BytesIO()
    canvas = Canvas(file, pagesize=landscape(A3), invariant=1)
    width, height = landscape(A3)
    columns, rows = int((width - 2 * _MARGIN_PT) / CELL_PT[0]), int((height - 2 * _MARGIN_PT) / CELL_PT[1])
    symbols = [
        (part.ref + letter, part) for part in design.parts for letter in (("A", "B") if part.ref in units else ("",))
    ]
    for number, (ref, part) in enumerate(symbols):
        place = number % (columns * rows)
        if place == 0:
            if number:
                canvas.showPage()
            canvas.setPageRotation(rotate)
            canvas.setFont("Helvetica", SIZE_PT)
            canvas.drawString(_MARGIN_PT, 20, TITLE)
        x = _MARGIN_PT + place % columns * CELL_PT[0]
        y = _MARGIN_PT + place // columns * CELL_PT[1]
        canvas.saveState()
        canvas.translate(x + CELL_PT[0] / 2, y + CELL_PT[1] / 2)
        canvas.rotate(drawn.choice((0, 0, 0, 90, 270)))
        canvas.setFont("Helvetica", SIZE_PT)
        canvas.rect(-8, -6, 16, 12)
        canvas.drawString(-8, 7, ref)
        canvas.drawString(-8, -10, part.value)
        for position, pin in enumerate(part.pins[:6]):
            side, line = (-1, 1)[position % 2], 4 - 4 * (position // 2)
            text = labels.get((part.ref, pin.number), "")
            canvas.line(side * 8, line, side * 12, line)
            (canvas.drawString if side > 0 else canvas.drawRightString)(side * 13, line - 1.2, text)
            (canvas.drawRightString if side > 0 else canvas.drawString)(side * 7.5, line - 1.2, pin.name[:4])
        canvas.restoreState()
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def pictures_alone() -> bytes:
    """Return a page that holds a drawn line and no text, as a scan does."""
    file = BytesIO()
    canvas = Canvas(file, invariant=1)
    canvas.line(0, 0, 100, 100)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def locked(design: Design) -> bytes:
    """Return the same pages behind a password."""
    from reportlab.lib.pdfencrypt import StandardEncryption

    file = BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption("secret", strength=128))
    canvas.drawString(100, 100, design.parts[0].ref)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def packed(drawn: bytes) -> bytes:
    """Return a page whose drawing is ``drawn``, packed as small as it gets."""
    stream = zlib.compress(drawn, 1)
    return page(b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(stream), stream))


def plain(drawn: bytes, *objects: bytes, more: bytes = b"", uses: bytes = b"", pages: Sequence[bytes] = ()) -> bytes:
    """Return a page with the drawing ``drawn``, and one more for each of ``pages``.

    ``more``: entries of the first page; ``uses``: resources beside the font F; ``objects``: those that they name, the
    first of which is object 10.
    """
    return page(*(stream(one) for one in (drawn, *pages)), more=more, uses=uses, objects=objects)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(content), entries, content)


def page(*contents: bytes, more: bytes = b"", uses: bytes = b"", objects: Sequence[bytes] = ()) -> bytes:
    """Return a file with a page of 600 by 800 points for each content stream, at most three."""
    kids = b" ".join(b"%d 0 R" % (4 + number) for number in range(len(contents)))
    resources = b"/Resources<</Font<</F 3 0 R%b>>" % uses
    sheets = [
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]%b%b>>/Contents %d 0 R>>"
        % (more if number == 0 else b"", resources, 7 + number)
        for number in range(len(contents))
    ]
    none = [b"null"] * (3 - len(contents))
    whole = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, len(contents)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *sheets, *none, *contents, *none, *objects,
    )  # fmt: skip
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(whole, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(whole) + 1
    end = b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end
