"""What the edge refused, and to whom: for those who watch over the shop."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from schemas.core.ids import Code
from schemas.core.message import Event
from schemas.core.time import UtcTime

Who = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}:[0-9A-Za-z_.:/-]{1,120}$")]
"""``api_key:<id>``, ``user:<id>``; ``address:<keyed hash>`` for a caller who is nobody yet."""


class RequestRefused(Event):
    """Requests of one caller that were refused for one reason.

    The first of a minute is told at once with ``count`` 1; what follows within the minute is told at its end, together.
    ``route`` is the route's template: no path, which could name a customer's key, and no body.
    """

    TYPE: ClassVar[str] = "noizylab.request.refused.v1"

    who: Who
    method: str = Field(max_length=20)
    route: str = Field(max_length=200)
    status: int = Field(ge=400, le=499)
    code: Code
    count: int = Field(ge=1)
    first_at: UtcTime
    last_at: UtcTime
    request_id: str | None = Field(default=None, max_length=80)
    trace_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
