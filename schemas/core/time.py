"""Points in time are aware and in UTC; anything else is refused."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

UtcTime = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


def rfc3339(at: datetime) -> str:
    """Return ``at`` as RFC 3339 in UTC with microseconds, ``2026-01-31T09:00:00.000000Z``."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
