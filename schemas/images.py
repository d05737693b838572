"""Photographs: whether each can be judged, and what to do when it cannot."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code, TicketId
from schemas.core.message import Event, Value
from schemas.labels import LabelCode


class ImageProblem(Value):
    """One reason why a photo cannot be judged. ``advice`` tells the person with the camera what to do."""

    code: Literal["blurred", "too_dark", "too_bright", "glare", "too_small", "unreadable", "no_board", "moved"]
    advice: str
    measured: float
    limit: float


class ImageJudged(Event):
    """The quality gate looked at one photo of a ticket; codes on labels are read from one that is spoilt as well."""

    TYPE: ClassVar[str] = "noizylab.image.judged.v1"

    ticket_id: TicketId
    image: BlobRef
    position: int = Field(ge=0, description="Index of the photo within the ticket, from 0.")
    verdict: Literal["usable", "reshoot"]
    problems: tuple[ImageProblem, ...] = ()
    metrics: dict[Code, float] = Field(default_factory=dict)
    codes: tuple[LabelCode, ...] = ()
