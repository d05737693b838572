"""Design files of a board: the wish to analyse them, what was found in them, and questions about them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import BoardModel, Code, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.design_answers import (
    BusesAnswer,
    BusFound,
    NetAnswer,
    PartAnswer,
    PathAnswer,
    RailFound,
    RailsAnswer,
    RegulatorFound,
)

DesignId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,38}/[0-9A-Za-z][0-9A-Za-z_.-]{0,60}$")]
"""Workspace and board model, ``main/NZL-PSU-10``: one shop's files of one kind of board."""
FileName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f/\\][^\x00-\x1f\x7f\\]{0,199}$")]
"""The path of a file within its project, as sheets name it."""
FILES_MOST = 200


def design_id(workspace_id: WorkspaceId, board_model: BoardModel) -> DesignId:
    """Return the id of a workspace's design of a board."""
    return f"{workspace_id}/{board_model}"


class DesignFile(Value):
    """A file of a project and where it is stored."""

    name: FileName
    blob: BlobRef


class DesignRemark(Value):
    """What was seen in the files and not decided silently. ``refs`` and ``nets``: what it is about, where known."""

    matter: Code
    what: str
    refs: tuple[str, ...] = ()
    nets: tuple[str, ...] = ()


class AnalyseDesign(Command):
    """Read the files of a board into one design, instead of whatever is known of it."""

    TYPE: ClassVar[str] = "noizylab.design.analyse.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    files: tuple[DesignFile, ...] = Field(min_length=1, max_length=FILES_MOST)


class DesignCounts(Value):
    """How much is in a design. ``placed``: parts that have a place on the board."""

    parts: int = Field(ge=0)
    placed: int = Field(ge=0)
    nets: int = Field(ge=0)
    sheets: int = Field(ge=0)
    probes: int = Field(ge=0)
    readings: int = Field(ge=0)


class DesignAnalysed(Event):
    """What the files hold. ``index`` is the whole design as compact JSON in the object store, named by its content.

    Lists are cut to a hundred; ``left_out`` counts what is only in the index.
    """

    TYPE: ClassVar[str] = "noizylab.design.analysed.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    files: tuple[DesignFile, ...]
    formats: str
    counts: DesignCounts
    rails: tuple[RailFound, ...] = ()
    regulators: tuple[RegulatorFound, ...] = ()
    buses: tuple[BusFound, ...] = ()
    remarks: tuple[DesignRemark, ...] = ()
    disagreements: tuple[DesignRemark, ...] = ()
    left_out: int = Field(default=0, ge=0)
    index: BlobRef
    engine: str
    analysed_at: UtcTime


class DesignRefused(Event):
    """The files cannot be read as one design: which file and line, what is wrong, what to do. What was known stays."""

    TYPE: ClassVar[str] = "noizylab.design.refused.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    reason: Literal["unreadable", "file_missing", "too_large", "engine_failed"]
    detail: str
    file: str | None = None
    line: int | None = Field(default=None, ge=1)
    refused_at: UtcTime


class DesignQuestion(Value):
    """A question about a board. ``about`` is a part or a net, ``to`` the other end of a path; others need neither."""

    kind: Literal["part", "net", "path", "rails", "buses"]
    about: ShortText = ""
    to: ShortText = ""


class LookUpDesign(Command):
    """Answer a question about a board whose files were analysed."""

    TYPE: ClassVar[str] = "noizylab.design.look_up.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    question: DesignQuestion


class DesignAnswered(Event):
    """An answer; the one that was asked for is set. Without any, ``detail`` says what is not there, and what to do."""

    TYPE: ClassVar[str] = "noizylab.design.answered.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    question: DesignQuestion
    part: PartAnswer | None = None
    net: NetAnswer | None = None
    path: PathAnswer | None = None
    rails: RailsAnswer | None = None
    buses: BusesAnswer | None = None
    detail: str = ""
    answered_at: UtcTime


class RemoveDesign(Command):
    """Forget what is known of a board, whatever that is. Files that nothing else refers to go with the next sweep."""

    TYPE: ClassVar[str] = "noizylab.design.remove.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel


class DesignRemoved(Event):
    """Nothing is known of a board any more."""

    TYPE: ClassVar[str] = "noizylab.design.removed.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    removed_at: UtcTime


class DesignView(View):
    """What is known of a board: the newest analysis, and the refusal of newer files, if they were refused.

    ``removed``: it was forgotten, and no files were given since.
    """

    TYPE: ClassVar[str] = "noizylab.design.view.v1"

    design_id: DesignId
    workspace_id: WorkspaceId
    board_model: BoardModel
    analysed: DesignAnalysed | None = None
    refused: DesignRefused | None = None
    removed: DesignRemoved | None = None
