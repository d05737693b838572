"""What was measured on a board, and what its schematic then points at."""

from typing import Literal

from pydantic import Field

from schemas.core.ids import Code
from schemas.core.message import Value
from schemas.core.text import ShortText

BoardQuantity = Literal["ohm", "volt", "diode", "amp"]
BoardSymptom = Literal[
    "dead", "partly_dead", "bus_silent", "draws_too_much", "hot", "restarts", "no_charge", "no_display", "no_sound",
    "noise", "no_usb", "no_radio", "wrong_time", "no_boot", "intermittent", "no_backlight", "no_input", "works",
]  # fmt: skip


class BoardReading(Value):
    """What a meter shows between a net and ground, or the net ``other``. ``amp`` is what a supply gives into the net.

    In place of a net, a part stands for the one net beside ground that it is on. Without ``quantity`` the unit says
    what was measured, without ``unit`` the value is in ohm, volt or ampere. ``measured`` null is what a meter shows
    as OL.
    """

    net: ShortText = Field(min_length=1)
    other: ShortText = ""
    quantity: BoardQuantity | None = None
    measured: float | None = Field(default=None, allow_inf_nan=False)
    unit: ShortText = ""


class BoardComplaint(Value):
    """What is known before the first reading: a symptom, and chips whose functions are missed or are seen to work."""

    symptom: BoardSymptom | None = None
    fails: tuple[ShortText, ...] = Field(default=(), max_length=50)
    works: tuple[ShortText, ...] = Field(default=(), max_length=50)


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
