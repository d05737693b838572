"""What the log is told of files and questions. Pure and total."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processors.schematics.summary import ENGINE, Summary
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Command, Value
from schemas.core.outcome import Emit, Outcome, Reject
from schemas.design_answers import BusesAnswer, NetAnswer, PartAnswer, PathAnswer, RailsAnswer
from schemas.schematics import (
    AnalyseDesign,
    DesignAnalysed,
    DesignAnswered,
    DesignRefused,
    DesignRemoved,
    LookUpDesign,
    RemoveDesign,
    design_id,
)

EVENT_MOST_BYTES = 400_000
"""A view holds an event and more, and a record may have a megabyte."""
DETAIL_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Analysed:
    """Files that were read, and where their index is stored."""

    summary: Summary
    index: BlobRef


@dataclass(frozen=True, slots=True)
class Refused:
    """Files that cannot be read: why, and what to do."""

    reason: Literal["unreadable", "file_missing", "too_large", "engine_failed"]
    detail: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A question that has no answer: what is not there, and what to do."""

    detail: str


Found = Analysed | Refused | PartAnswer | NetAnswer | PathAnswer | RailsAnswer | BusesAnswer | NoAnswer
_FIELDS: dict[type[Value], str] = {
    PartAnswer: "part", NetAnswer: "net", PathAnswer: "path", RailsAnswer: "rails", BusesAnswer: "buses",
}  # fmt: skip


def decide(command: Command, found: Found | None, now: datetime) -> Outcome:
    """Tell what was found for a command; ``found`` is None where nothing had to be looked for."""
    if not isinstance(command, AnalyseDesign | LookUpDesign | RemoveDesign):
        return Reject("not_about_a_design", f"{type(command).__name__} is no command of schematics")
    if command.design_id != design_id(command.workspace_id, command.board_model):
        detail = f"{command.design_id} is not {command.workspace_id}/{command.board_model}; make it of these two"
        return Reject("wrong_design_id", detail)
    whose = {
        "design_id": command.design_id, "workspace_id": command.workspace_id, "board_model": command.board_model
    }  # fmt: skip
    match command, found:
        case AnalyseDesign(), Analysed(summary, index):
            told = {name: getattr(summary, name) for name in Summary.__dataclass_fields__}
            event = DesignAnalysed(**whose, files=command.files, **told, index=index, engine=ENGINE, analysed_at=now)
            return Emit.of(_fitting(event))
        case AnalyseDesign(), Refused(reason, detail, file, line):
            said = detail[:DETAIL_MOST]
            return Emit.of(
                DesignRefused(**whose, reason=reason, detail=said, file=file, line=line, refused_at=now)
            )  # fmt: skip
        case RemoveDesign(), None:
            return Emit.of(DesignRemoved(**whose, removed_at=now))
        case LookUpDesign(), NoAnswer(detail):
            return Emit.of(_unanswered(command, detail, now))
        case LookUpDesign(), Value():
            answered = DesignAnswered.model_validate(
                {**whose, "question": command.question, _FIELDS[type(found)]: found, "answered_at": now}
            )
            size = len(answered.to_json())
            if size > EVENT_MOST_BYTES:
                too_much = f"the answer has {size} bytes, too many for the log; read it over HTTP, or ask for less"
                answered = _unanswered(command, too_much, now)
            return Emit.of(answered)
        case _:
            return Reject("nothing_found", f"{type(command).__name__} was answered with {type(found).__name__}")


def _unanswered(command: LookUpDesign, detail: str, now: datetime) -> DesignAnswered:
    return DesignAnswered(
        design_id=command.design_id, workspace_id=command.workspace_id, board_model=command.board_model,
        question=command.question, detail=detail[:DETAIL_MOST], answered_at=now,
    )  # fmt: skip


def _fitting(event: DesignAnalysed) -> DesignAnalysed:
    """Return the event as it fits on the log: a file may hold names of any length. Its index has everything."""
    if len(event.to_json()) <= EVENT_MOST_BYTES:
        return event
    lists = ("rails", "regulators", "buses", "remarks", "disagreements")
    left = event.left_out + sum(len(getattr(event, name)) for name in lists)
    return event.model_copy(update={**dict.fromkeys(lists, ()), "left_out": left})
