"""A drawn signature: checked, then kept in one record with the text it is under. Pure."""

import base64
import binascii
import re
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.images.decode import DecodeLimits
from connectors.images.header import ImageRefused
from connectors.images.strip import strip
from schemas.conditions import Language
from schemas.core.ids import Sha256
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

RECORD_TYPE = "application/json"
BUCKET = "documents"
PATH = re.compile(r"M[0-9MLQC ,.\-]{3,60000}")
"""An SVG path of straight and curved strokes in absolute coordinates."""
STROKE_MIN = 4
"""A dot is no signature: so many numbers are the least that a stroke has."""
_LIMITS = DecodeLimits(max_bytes=150_000, max_pixels=4_000_000, min_side_px=50)


class Drawing(BaseModel):
    """What the customer drew: an SVG path, with the size of its surface, or a PNG in base64."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = Field(default=None, max_length=60_000)
    width_px: int = Field(default=600, ge=50, le=4000)
    height_px: int = Field(default=200, ge=50, le=4000)
    png_base64: str | None = Field(default=None, max_length=200_000)

    @model_validator(mode="after")
    def _one_that_can_be_drawn(self) -> "Drawing":
        if (self.path is None) == (self.png_base64 is None):
            raise ValueError("send either path or png_base64")
        if self.path is not None and (
            not PATH.fullmatch(self.path) or len(re.findall(r"[0-9]+", self.path)) < STROKE_MIN
        ):
            raise ValueError("path is no drawing; send an SVG path of M, L, Q and C strokes")
        if self.png_base64 is not None:
            png_of(self.png_base64)
        return self


class SignatureRecord(BaseModel):
    """What is stored: the text, its hash and language, who signed when, and the drawing. Its own hash seals it all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    ticket_id: str
    stage: str
    revision: int
    language: Language
    document: str
    document_sha256: Sha256
    signed_by: ShortText
    signed_at: UtcTime
    drawing: Drawing

    def to_bytes(self) -> bytes:
        """Return the record as it is stored; equal records are equal bytes."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)


def png_of(text: str) -> bytes:
    """Return the bytes of a PNG in base64, freed of everything but its picture.

    Raises:
        ValueError: not base64, or no PNG.
    """
    try:
        bare = strip(base64.b64decode(text, validate=True), _LIMITS)
    except (binascii.Error, ImageRefused) as error:
        raise ValueError(f"png_base64 is no PNG picture: {error}") from error
    if bare.media_type != "image/png":
        raise ValueError(f"png_base64 is {bare.media_type}; send a PNG")
    return bare.data
