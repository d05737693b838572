"""Board inspection: the wish, the findings, the refusal."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import BoardModel, Code, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.time import UtcTime
from schemas.images import ImageJudged, ImageProblem

DefectKind = Literal[
    "missing_part", "shifted_part", "bridge", "open", "residue", "corrosion", "burn", "scratch", "difference",
    "short", "mouse_bite", "spur", "spurious_copper", "pin_hole", "rotated_part", "wrong_part",
]  # fmt: skip
"""From ``short`` to ``pin_hole``, and ``open``, are those of bare boards."""


class Box(Value):
    """An axis-aligned box in pixels of the photo, origin top left."""

    x_px: int = Field(ge=0)
    y_px: int = Field(ge=0)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)


class Finding(Value):
    """One thing that the comparison saw. ``confidence`` is of its being a real difference of that kind."""

    kind: DefectKind
    confidence: float = Field(ge=0, le=1)
    severity: Literal["low", "medium", "high"]
    photo: int = Field(ge=0, description="Index of the photo within the ticket, from 0.")
    box: Box
    area_px: int = Field(ge=0)
    note: str = ""
    references: tuple[str, ...] = Field(default=(), description="Parts that it touches, where their places are known.")
    x_mm: float | None = Field(default=None, description="Its middle on the board, as the board file counts.")
    y_mm: float | None = Field(default=None, description="Downwards, seen from the top.")


SoilKind = Literal["residue", "corrosion", "burn"]
Zone = Literal[
    "board", "top_left", "top", "top_right", "left", "middle", "right", "bottom_left", "bottom", "bottom_right"
]


class Area(Value):
    """How much of a zone is soiled: nine thirds of the board as the picture shows it, and the whole board."""

    kind: SoilKind
    zone: Zone
    percent: float = Field(ge=0, le=100)
    severity: Literal["low", "medium", "high"]


class BoardCondition(Value):
    """How soiled one photo shows the board. Without a golden picture the verdict is ``suspect`` at most."""

    photo: int = Field(ge=0, description="Index of the photo within the ticket, from 0.")
    with_golden: bool
    verdict: Literal["clean", "suspect", "fail"]
    areas: tuple[Area, ...] = ()


PartVerdict = Literal[
    "mounted", "not_mounted", "shifted", "rotated", "wrong_part", "value_mismatch", "not_wanted", "unclear"
]


class PartSeen(Value):
    """A part that one photo shows otherwise than the golden picture. ``not_wanted``: mounted, and should not be."""

    reference: str
    verdict: PartVerdict
    confidence: float = Field(ge=0, le=1)
    box: Box
    x_mm: float = Field(description="Where it belongs on the board, as the board file counts.")
    y_mm: float = Field(description="Downwards, seen from the top.")
    value: str = Field(default="", description="As the board file writes it.")
    package: str = ""
    shift_mm: float | None = Field(default=None, ge=0)
    turned_deg: int | None = Field(default=None, description="Counter-clockwise in the photo.")
    marking: str | None = Field(default=None, description="The code that was read on it.")
    note: str = ""


class PartsSeen(Value):
    """The parts of one side by their places: how many were looked at, how many look right, and each that does not."""

    photo: int = Field(ge=0, description="Index of the photo within the ticket, from 0.")
    side: Literal["top", "bottom"]
    checked: int = Field(ge=0)
    mounted: int = Field(ge=0)
    parts: tuple[PartSeen, ...] = ()


class InspectBoard(Command):
    """Judge the photos of a ticket and compare the board with its golden picture when one is known."""

    TYPE: ClassVar[str] = "noizylab.board.inspect.v1"

    ticket_id: TicketId
    photos: tuple[BlobRef, ...] = Field(min_length=1, max_length=24)
    board_model: BoardModel | None = None


class PhotoPictures(Value):
    """What was drawn of one photo that was compared.

    ``before``, ``after`` and ``heat`` are of one size, in the golden picture's frame: that picture, the photo, and
    where they differ; None where they were not asked for, and of bare boards. ``boxes``: where the photo's findings lie
    in that frame, in their order.
    """

    photo: int = Field(ge=0, description="Index of the photo within the inspection, from 0.")
    annotated: BlobRef
    before: BlobRef | None = None
    after: BlobRef | None = None
    heat: BlobRef | None = None
    width_px: int | None = Field(default=None, ge=1)
    height_px: int | None = Field(default=None, ge=1)
    boxes: tuple[Box, ...] = ()


class BoardInspected(Event):
    """What the photos show. ``compared`` is false when no golden picture of this board is known."""

    TYPE: ClassVar[str] = "noizylab.board.inspected.v1"

    ticket_id: TicketId
    board_model: BoardModel | None = None
    compared: bool
    findings: tuple[Finding, ...] = ()
    annotated: tuple[BlobRef, ...] = ()
    pictures: tuple[PhotoPictures, ...] = ()
    photos_usable: int = Field(ge=0)
    photos_refused: int = Field(ge=0)
    engine: str
    inspected_at: UtcTime
    condition: tuple[BoardCondition, ...] = Field(default=(), description="Of each photo of a board that was judged.")
    parts: tuple[PartsSeen, ...] = Field(default=(), description="Of each photo whose board's places are known.")


class BoardInspectionRefused(Event):
    """No photo of the ticket can be judged; the problems say why and what to do."""

    TYPE: ClassVar[str] = "noizylab.board.inspection_refused.v1"

    ticket_id: TicketId
    reason: Code
    detail: str
    problems: tuple[ImageProblem, ...] = ()
    refused_at: UtcTime


class InspectionView(View):
    """The newest inspection of a ticket."""

    TYPE: ClassVar[str] = "noizylab.board.inspection_view.v1"

    ticket_id: TicketId
    status: Literal["judged", "inspected", "refused"]
    images: tuple[ImageJudged, ...] = ()
    inspected: BoardInspected | None = None
    refused: BoardInspectionRefused | None = None
