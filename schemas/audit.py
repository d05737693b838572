"""The audit trail: signed statements about what lies in the log, and what a person did with a dead letter."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.core.ids import Sha256
from schemas.core.message import Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime

Place = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)+\.v[1-9][0-9]*/[0-9]+$")]
"""A partition: ``<topic>/<number>``."""
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


class Run(Value):
    """Records at consecutive offsets, ``first`` to ``first + count - 1``."""

    first: int = Field(ge=0)
    count: int = Field(ge=1)


class CheckpointHead(Value):
    """The signed part of a checkpoint: the log of its place in ``[from_offset, next_offset)`` holds these records.

    ``previous_hash`` is the hash of the checkpoint before (of the place's name for the first); from it the full
    digests of the records are chained, in order, to ``chain_hash``. ``records_hash`` binds the list of runs and
    truncated digests. ``signature`` is Ed25519 over everything else in the head, as JSON with sorted keys.
    """

    place: Place
    number: int = Field(ge=1)
    from_offset: int = Field(ge=0)
    next_offset: int = Field(ge=1)
    count: int = Field(ge=1)
    oldest_at: UtcTime = Field(description="Time stamp of the oldest record.")
    newest_at: UtcTime = Field(description="Time stamp of the newest record.")
    previous_hash: Sha256
    chain_hash: Sha256
    records_hash: Sha256
    sealed_at: UtcTime
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    signature: Base64


class CheckpointSealed(Event):
    """A stretch of one partition was read and sealed. ``digests``: the first 8 bytes of each record's digest."""

    TYPE: ClassVar[str] = "noizylab.checkpoint.sealed.v1"

    place: Place
    head: CheckpointHead
    runs: tuple[Run, ...] = Field(min_length=1)
    digests: Base64


class CheckpointView(View):
    """The newest checkpoint of a partition, from which the next one goes on."""

    TYPE: ClassVar[str] = "noizylab.checkpoint.view.v1"

    place: Place
    head: CheckpointHead


class LetterSettled(Event):
    """A person dealt with a dead letter: put it back where it came from, or dropped it."""

    TYPE: ClassVar[str] = "noizylab.letter.settled.v1"

    letter: Annotated[str, StringConstraints(pattern=r"^[a-z]+/[0-9]+/[0-9]+$")]
    action: Literal["reinserted", "dropped"]
    reason: Annotated[str, StringConstraints(max_length=200)]
    attempt: int = Field(ge=1)
    by: ShortText
    because: ShortText = ""
    settled_at: UtcTime
