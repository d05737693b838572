"""What is checked before a repaired device goes back, and why this one is checked at all. Values of ``qc``."""

from typing import Literal, get_args

from pydantic import Field

from schemas.core.ids import Code, Sha256
from schemas.core.message import Value
from schemas.core.text import ShortText

CheckpointKind = Literal["photo", "measurement", "checklist", "comparison"]
Verdict = Literal["pass", "fail", "not_applicable"]
CauseCode = Literal[
    "fault_remains", "solder_bridge", "cold_joint", "wrong_part", "part_missing", "part_defective", "damaged_in_repair",
    "not_reassembled", "not_cleaned", "settings_lost", "other",
]  # fmt: skip
CAUSES: tuple[CauseCode, ...] = get_args(CauseCode)
"""Why a repair is done again, so that it can be counted and learned from."""
Why = Literal["rework", "value", "safety", "likely", "random"]


class Checkpoint(Value):
    """One thing to look at. A measurement has a unit and at least one limit, both inclusive; a comparison says with
    what: the golden picture of the board, or what was seen on it at hand-in. ``required``: it is never left out."""

    checkpoint_id: Code
    kind: CheckpointKind
    title: ShortText
    how: ShortText = ""
    required: bool = False
    unit: ShortText | None = None
    low: float | None = None
    high: float | None = None
    against: Literal["golden", "before"] | None = None


class CheckPlan(Value):
    """The checkpoints of one check as they were when it began: later changes of the sheets do not reach it.

    ``sheets`` names the sheets it was made of with their versions (``battery/2``); ``sha256`` is over its checkpoints.
    """

    sheets: tuple[ShortText, ...] = Field(min_length=1)
    checkpoints: tuple[Checkpoint, ...] = Field(min_length=1, max_length=60)
    always: bool = False
    """Nobody may be spared this check, however unlikely a fault is."""
    two_signatures: bool = False
    sha256: Sha256


class Tally(Value):
    """How many repairs of a group bounced, of those of which it is known."""

    bounced: int = Field(default=0, ge=0)
    repairs: int = Field(default=0, ge=0)


class History(Value):
    """What became of the repairs before: of all, of those with this fault, of those of them by this technician."""

    everything: Tally = Tally()
    fault: Tally = Tally()
    pair: Tally = Tally()


class Sampling(Value):
    """Whether a repair is checked, why, and with what chance: what an honest estimate needs to know afterwards.

    ``draw`` in [0, 1) is a keyed hash of ticket and round, so whoever has the key can compute it again; ``key_id``
    names the key. ``chance`` is that of being checked: 1 when a rule or the model asks for it.
    """

    checked: bool
    why: tuple[Why, ...] = ()
    bounce_probability: float = Field(ge=0, le=1)
    likely_from: float = Field(ge=0, le=1)
    history: History = History()
    draw: float = Field(ge=0, lt=1)
    chance: float = Field(gt=0, le=1)
    key_id: ShortText
