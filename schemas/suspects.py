"""What a board's schematic and the readings on it point at."""

from pydantic import Field

from schemas.core.ids import Code
from schemas.core.message import Value
from schemas.core.text import ShortText


class BoardSuspect(Value):
    """One fault on the board that would explain the readings.

    ``kind`` is the class of fault (``short``, ``open``, ``dead_regulator``, ...), ``parts`` are all the parts that it
    could sit in: not ``separable`` means that these readings do not tell them apart. ``probability`` is among the
    suspects of one board.
    """

    kind: Code
    net: ShortText | None = None
    parts: tuple[ShortText, ...] = Field(default=(), max_length=200)
    probability: float = Field(ge=0, le=1)
    evidence: tuple[str, ...] = ()
    separable: bool = True
    note: str = ""
