"""What the edge answers about design files; see ``answers.py`` for how these models stand to the routes."""

from typing import Literal

from processors.gateway.edge.api.answers import Answer
from schemas.core.ids import BoardModel
from schemas.core.time import UtcTime
from schemas.schematics import DesignCounts


class UploadAddress(Answer):
    """Where a file of a project is put: ``url`` takes it once with PUT, and answers with its reference."""

    name: str
    url: str
    media_type: Literal["application/octet-stream"]


class UploadAddresses(Answer):
    """Addresses for the files of a project, good until ``expires_at``."""

    uploads: list[UploadAddress]
    max_bytes: int
    expires_at: UtcTime


class ListedDesign(Answer):
    """A board that files were given for. ``refused``: why the newest were not taken, null when they were."""

    board_model: BoardModel
    formats: str | None
    counts: DesignCounts | None
    analysed_at: UtcTime | None
    refused: str | None


class Designs(Answer):
    """The boards that files were given for, by name."""

    designs: list[ListedDesign]
