"""Numbers on labels of photographed devices, held against those that were stated. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.images import ImageJudged
from schemas.labels import CodeKind, LabelCode, label_digest
from schemas.tickets import TicketView

Match = Literal["stated", "other", "not_stated"]

_NAMES: dict[CodeKind, str] = {
    "imei": "an IMEI", "serial": "a serial number", "gtin": "a GTIN", "part_number": "a part number",
    "link": "a link", "other": "another code",
}  # fmt: skip
_DEVICE_NUMBERS: tuple[CodeKind, ...] = ("imei", "serial")


@dataclass(frozen=True, slots=True)
class Label:
    """A code on a photo. ``kind`` is ``serial`` also where only the stated serial number says that it is one.

    ``match``: ``stated`` as at intake; ``other`` than stated; ``not_stated``: it is a number of the device, and none of
    that kind was stated. None: no such number, or a further one beside the stated one, as phones for two cards have.
    """

    photo: int
    code: LabelCode
    kind: CodeKind
    match: Match | None


def label_name(kind: CodeKind) -> str:
    """Return what a code is in words, with its article."""
    return _NAMES[kind]


def labels_of(ticket: TicketView, images: Sequence[ImageJudged]) -> tuple[Label, ...]:
    """Return the codes on the photos of an inspection, held against the devices of the ticket as they stand now."""
    stated = {kind: set(_stated(ticket, kind)) for kind in _DEVICE_NUMBERS}
    read = [(image.position, code, _kind(code, stated)) for image in images for code in image.codes]
    confirmed = {kind for _, code, kind in read if code.digest in stated.get(kind, ())}

    def match(code: LabelCode, kind: CodeKind) -> Match | None:
        if kind not in stated:
            return None
        if code.digest in stated[kind]:
            return "stated"
        return "not_stated" if not stated[kind] else None if kind in confirmed else "other"

    return tuple(Label(photo, code, kind, match(code, kind)) for photo, code, kind in read)


def label_warnings(labels: Iterable[Label]) -> list[dict[str, Any]]:
    """Return a warning for each kind of number that is another one than was stated."""
    photos: dict[CodeKind, set[int]] = {}
    for label in labels:
        if label.match == "other":
            photos.setdefault(label.kind, set()).add(label.photo + 1)
    return [{"code": f"other_{kind}_on_label", "detail": _detail(kind, sorted(on))} for kind, on in photos.items()]


def _detail(kind: CodeKind, photos: list[int]) -> str:
    where = f"photo{'' if len(photos) == 1 else 's'} {', '.join(map(str, photos))}"
    number = _NAMES[kind].partition(" ")[2]
    return (
        f"The {number} on the label in {where} is not the one that was stated; look whether this is the device, then "
        "correct the ticket."
    )


def _stated(ticket: TicketView, kind: CodeKind) -> Iterator[str]:
    for device in (ticket.device, *(one.device for one in ticket.devices)):
        number = device.imei if kind == "imei" else device.serial
        if number:
            yield label_digest(ticket.ticket_id, number)


def _kind(code: LabelCode, stated: dict[CodeKind, set[str]]) -> CodeKind:
    return next((kind for kind, digests in stated.items() if code.digest in digests), code.kind)
