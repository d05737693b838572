"""What the edge answers of an inspection; see ``answers.py`` for how these models stand to the routes."""

from typing import Literal

from processors.gateway.edge.api.answers import Answer
from processors.gateway.label_matches import Match
from schemas.core.ids import BoardModel, TicketId
from schemas.core.time import UtcTime
from schemas.images import ImageProblem
from schemas.inspections import BoardCondition, Box, Finding
from schemas.labels import CodeKind, Symbology


class PhotoAddresses(Answer):
    """Where the pictures of a photo are; null where there is none.

    ``before``, ``after`` and ``heat`` are of one size, for a slider: golden picture, photo, and where they differ;
    ``boxes``: where the findings lie in them, in their order.
    """

    original: str
    annotated: str | None
    before: str | None
    after: str | None
    heat: str | None
    width_px: int | None
    height_px: int | None
    boxes: list[Box]


class LabelShown(Answer):
    """A code on a label. ``shown``: what it says, a number of a device with only its last signs; null: it cannot be
    read any more. ``match``: against the devices of the ticket as they stand now.
    """

    kind: CodeKind
    symbology: Symbology
    shown: str | None
    match: Match | None
    says: str
    box: Box


class PhotoShown(Answer):
    """One photo: whether it can be judged, what it shows, and its pictures."""

    photo: int
    verdict: Literal["usable", "reshoot"]
    problems: list[ImageProblem]
    findings: list[Finding]
    condition: BoardCondition | None
    codes: list[LabelShown]
    pictures: PhotoAddresses


class InspectionShown(Answer):
    """The newest inspection of a ticket. ``page`` is a signed address that any browser opens until ``page_until``.

    ``notices``: what should be looked at first. ``refused``: why no photo could be judged.
    """

    ticket_id: TicketId
    status: Literal["judged", "inspected", "refused"]
    board_model: BoardModel | None
    compared: bool
    refused: str | None
    at: UtcTime | None
    notices: list[str]
    photos: list[PhotoShown]
    page: str
    page_until: UtcTime
