"""Codes on labels: what was read from a photo, so that it can be held against what was stated."""

import hashlib
from typing import Literal

from pydantic import Field

from schemas.core.ids import Sha256, TicketId
from schemas.core.message import Value
from schemas.core.text import SealableText

CodeKind = Literal["imei", "serial", "gtin", "part_number", "link", "other"]
"""By grammar and check digit. ``other``: nothing in it says what it is; it may well be a bare serial number."""
Symbology = Literal[
    "qr", "micro_qr", "data_matrix", "aztec", "pdf417", "code_128", "code_39", "ean_13", "ean_8"
]  # fmt: skip


class LabelCode(Value):
    """A code on a photo and the box round it, in pixels of the photo, origin top left.

    ``text`` lies on the log sealed, because a serial number leads to a person; None when it is too long to be kept.
    ``digest`` is :func:`label_digest` of the number in it.
    """

    kind: CodeKind
    symbology: Symbology
    text: SealableText | None = None
    digest: Sha256
    x_px: int = Field(ge=0)
    y_px: int = Field(ge=0)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)


def label_digest(ticket_id: TicketId, number: str) -> Sha256:
    """Return the SHA-256 by which a number on a label is known to be the stated one. Blanks and case do not count.

    The ticket is in it, so that the same device has another one on its next visit. It is no secret: who has the log can
    try numbers, as with the name of a device in its history.
    """
    bare = "".join(number.split()).casefold()
    return hashlib.sha256(f"label/{ticket_id}/{bare}".encode()).hexdigest()
