"""Labels of devices, with a QR code: as a drawing; ``label_pdf.py`` makes the PDF. Pure; no personal data is on one.
What draws the code is loaded with the first.

A label is 62 x 29 mm, the size of the widespread die-cut address labels; a sheet of A4 (ISO 216) holds 3 x 9 of them.
"""

from dataclasses import dataclass
from html import escape

from processors.gateway.edge.sheets import SheetWords, device_name
from schemas.tickets import TicketView

WIDTH_MM, HEIGHT_MM = 62.0, 29.0
QR_MM = 23.0
COLUMNS, ROWS = 3, 9
QUIET_ZONE_MODULES = 4
"""White modules around a QR code (ISO/IEC 18004 section 6.3.8)."""
_LINE_CHARACTERS = 17


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
    import segno

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
            for row, line in enumerate(lines_of(label))
        ),
        "</svg>",
    ]
    return "".join(lines)


def lines_of(label: Label) -> list[str]:
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
