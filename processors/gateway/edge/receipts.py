"""The receipt that a customer takes home: device, checklist, signature. ``receipt_pdf.py`` makes the PDF. Pure."""

import base64
from dataclasses import dataclass

from processors.gateway.edge.labels import QUIET_ZONE_MODULES, label_of, short_number
from processors.gateway.edge.sheets import SheetWords, device_name
from processors.gateway.edge.signatures import Drawing, png_of
from schemas.conditions import ConditionSheet
from schemas.tickets import TicketView


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is on a receipt. ``signature`` is None as long as nobody signed this very list."""

    shop: str
    number: str
    address: str
    lines: tuple[str, ...]
    checklist: tuple[str, ...]
    signature: Drawing | None
    words: SheetWords


def receipt_of(
    ticket: TicketView,
    sheet: ConditionSheet | None,
    signature: Drawing | None,
    shop: str,
    base_url: str,
    words: SheetWords,
) -> Receipt:
    """Return the receipt for a device as it was handed in. The customer's name is not on it."""
    lines = [f"{words.device}: {device_name(ticket)}"]
    if ticket.device.serial or ticket.device.imei:
        lines.append(f"{words.serial}: {ticket.device.serial or ticket.device.imei}")
    lines.append(f"{words.taken_in} {ticket.opened_at:%Y-%m-%d %H:%M} UTC")
    lines.append(f"{words.complaint}: {ticket.complaint[:400]}")
    answers = sheet.answers if sheet is not None else ()
    checklist = tuple(
        f"{words.item(one.item)}: {words.grades[one.grade]}" + (f" ({one.note})" if one.note else "")
        for one in answers
        if one.grade != "not_checked"
    )
    number = short_number(ticket.ticket_id)
    return Receipt(shop, number, label_of(ticket, base_url, words).address, tuple(lines), checklist, signature, words)


def receipt_qr(receipt: Receipt) -> str:
    """Return the receipt's QR code as an inline drawing."""
    import segno

    return str(segno.make(receipt.address, error="m", micro=False).svg_inline(border=QUIET_ZONE_MODULES, omitsize=True))


def signature_svg(drawing: Drawing) -> str:
    """Return a signature as an inline picture. The path was checked to hold nothing but strokes when it was taken."""
    box = f'viewBox="0 0 {drawing.width_px} {drawing.height_px}"'
    if drawing.path is not None:
        return (
            f'<svg class="signature" {box}><path d="{drawing.path}" fill="none" stroke="#000" stroke-width="3"/></svg>'
        )
    data = base64.b64encode(png_of(drawing.png_base64 or "")).decode()
    return f'<img class="signature" alt="" src="data:image/png;base64,{data}">'
