"""How far a diagnosis has come while a language model is at work on it: news of the moment, no fact."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.ids import Code, TicketId
from schemas.core.message import Event, Value
from schemas.core.time import UtcTime


class SuspectedFault(Value):
    """A fault family that the answer names so far. Nothing has been checked yet."""

    family: Code
    probability: float = Field(ge=0, le=1)


class DiagnosisProgressed(Event):
    """What a language model has said so far. The diagnosis that follows may say something else, or nothing of it."""

    TYPE: ClassVar[str] = "noizylab.diagnosis.progressed.v1"

    ticket_id: TicketId
    stage: Literal["reading", "thinking", "looking_up", "answering"]
    summary: str = ""
    faults: tuple[SuspectedFault, ...] = ()
    looking_up: str = ""
    engine: str
    progressed_at: UtcTime
