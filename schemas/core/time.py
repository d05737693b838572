"""Points in time are aware and in UTC; anything else is refused."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is UTC else at.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def rfc3339(at: datetime) -> str:
    """Return ``at`` as RFC 3339 in UTC with microseconds, ``2026-01-31T09:00:00.000000Z``."""
    # The first 26 characters are the time without its offset, "+00:00".
    return _in_utc(at).isoformat("T", "microseconds")[:26] + "Z"
