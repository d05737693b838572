"""Requests to language models and what they cost: an entry before each is sent, and one when it is over.

The first sets money aside, the second puts in its place what was really used. So no crash hides an expense, and workers
that ask at the same time see each other's: all entries of a day have one key and therefore one order.
"""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from schemas.core.ids import Code, TicketId
from schemas.core.message import Event
from schemas.core.time import UtcTime

Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A day in UTC, as ISO 8601 writes it."""
ModelOutcome = Literal[
    "answered", "looked_up", "invalid", "refused", "truncated", "failed", "interrupted", "over_budget"
]
"""``looked_up``: the turn asked for a tool; ``invalid``: it broke the answer's schema; ``interrupted``: our deadline
passed; ``over_budget``: it was not sent."""


class ModelReserved(Event):
    """Money was set aside for a request that is about to be sent: its prompt, and the longest answer allowed.

    The repair is named ``repair_id`` and not ``ticket_id``, because these entries are no part of a ticket's story.
    """

    TYPE: ClassVar[str] = "noizylab.model.reserved.v1"

    day: Day
    ask_id: UUID
    repair_id: TicketId
    purpose: Code
    model: str
    input_tokens: int = Field(ge=0)
    reserved_usd_micros: int = Field(ge=0, description="Millionths of a US dollar.")
    reserved_at: UtcTime


class ModelAsked(Event):
    """A request to a language model is over, whatever became of it. ``day`` is that of its reservation.

    ``estimated``: the answer broke off, so the tokens written are a guess from its characters. ``prices_of`` is the
    date of the price table.
    """

    TYPE: ClassVar[str] = "noizylab.model.asked.v1"

    day: Day
    ask_id: UUID
    repair_id: TicketId
    purpose: Code
    model: str
    outcome: ModelOutcome
    request_id: str | None = Field(default=None, description="The vendor's, for its support.")
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_tokens: int = Field(default=0, ge=0)
    spent_usd_micros: int = Field(ge=0, description="Millionths of a US dollar: a request costs parts of a cent.")
    estimated: bool = False
    prices_of: Day
    asked_at: UtcTime
