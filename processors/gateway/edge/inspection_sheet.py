"""An inspection as people read it: photo by photo, with numbers of devices masked. Pure; the routes show it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from processors.gateway.edge.api.answers_inspection import InspectionShown, LabelShown, PhotoAddresses, PhotoShown
from processors.gateway.label_matches import Label, Match, label_name, label_warnings, labels_of
from schemas.core.blob_ref import BlobRef
from schemas.images import ImageJudged
from schemas.inspections import Box, InspectionView, PhotoPictures
from schemas.labels import CodeKind
from schemas.tickets import TicketView

VARIANTS: Final = ("original", "annotated", "before", "after", "heat")
_OPEN: frozenset[CodeKind] = frozenset({"gtin", "part_number"})
"""Numbers of goods, which many pieces share: they lead to nobody."""
_SHOWN_SIGNS = 4
_SAYS: dict[Match | None, str] = {
    "stated": "as stated", "other": "NOT the stated one", "not_stated": "none was stated", None: "",
}  # fmt: skip


def sheet_of(
    ticket: TicketView, view: InspectionView, said: Mapping[str, str], place: str, page: tuple[str, datetime]
) -> InspectionShown:
    """Return an inspection as it is shown.

    Args:
        ticket: with the devices that labels are held against.
        view: the inspection.
        said: the words of the sealed texts in it; one that is not there cannot be read.
        place: what addresses of pictures begin with.
        page: address of the page, and until when it is good.
    """
    labels = labels_of(ticket, view.images)
    done, refused = view.inspected, view.refused
    return InspectionShown(
        ticket_id=ticket.ticket_id,
        status=view.status,
        board_model=done.board_model if done is not None else None,
        compared=done is not None and done.compared,
        refused=None if refused is None else refused.detail,
        at=done.inspected_at if done is not None else refused.refused_at if refused is not None else None,
        notices=[warning["detail"] for warning in label_warnings(labels)],
        photos=[_photo(image, view, labels, said, place) for image in view.images],
        page=page[0],
        page_until=page[1],
    )


def picture_of(view: InspectionView, photo: int, variant: str) -> BlobRef | None:
    """Return a picture of one photo of an inspection; None when there is no such one."""
    image = next((one for one in view.images if one.position == photo), None)
    if image is None:
        return None
    drawn = _drawn(view, photo)
    found: BlobRef | None = image.image if variant == "original" else getattr(drawn, variant, None)
    return found


def _drawn(view: InspectionView, photo: int) -> PhotoPictures | None:
    pictures = view.inspected.pictures if view.inspected is not None else ()
    return next((one for one in pictures if one.photo == photo), None)


def _photo(
    image: ImageJudged, view: InspectionView, labels: tuple[Label, ...], said: Mapping[str, str], place: str
) -> PhotoShown:
    number, done = image.position, view.inspected
    drawn = _drawn(view, number)
    found = {
        variant: f"{place}/{number}?variant={variant}"
        for variant in VARIANTS
        if picture_of(view, number, variant) is not None
    }
    return PhotoShown(
        photo=number,
        verdict=image.verdict,
        problems=list(image.problems),
        findings=[one for one in done.findings if one.photo == number] if done is not None else [],
        condition=next((one for one in done.condition if one.photo == number), None) if done is not None else None,
        codes=[_label(one, said) for one in labels if one.photo == number],
        pictures=PhotoAddresses(
            **{variant: found.get(variant) for variant in VARIANTS},
            width_px=drawn.width_px if drawn is not None else None,
            height_px=drawn.height_px if drawn is not None else None,
            boxes=list(drawn.boxes) if drawn is not None else [],
        ),
    )


def _label(label: Label, said: Mapping[str, str]) -> LabelShown:
    code = label.code
    text = None if code.text is None else said.get(code.text)
    box = Box(x_px=code.x_px, y_px=code.y_px, width_px=code.width_px, height_px=code.height_px)
    says = _SAYS[label.match] or label_name(label.kind)
    shown = None if text is None else masked(text, label.kind)
    return LabelShown(kind=label.kind, symbology=code.symbology, shown=shown, match=label.match, says=says, box=box)


def masked(text: str, kind: CodeKind) -> str:
    """Return what a code says without what leads to a person: of a number its last signs, of a link its host."""
    if kind in _OPEN:
        return text
    if kind == "link":
        try:
            return f"{urlsplit(text).hostname or ''}/…"
        except ValueError:
            return "…"
    return f"…{text[-_SHOWN_SIGNS:]}" if len(text) > 2 * _SHOWN_SIGNS else "…"
