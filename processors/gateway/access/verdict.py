"""Refusals. Pure."""

from datetime import datetime

from schemas.access import AccessRefused
from schemas.core.message import Message
from schemas.core.outcome import Emit


def refuse(command: Message, reason: str, detail: str, now: datetime) -> Emit:
    """Return the event that says why ``command`` changes nothing."""
    access_id = str(command.access_id)  # type: ignore[attr-defined]  # the key of every command about access
    return Emit.of(
        AccessRefused(access_id=access_id, command=command.TYPE, reason=reason, detail=detail, refused_at=now)
    )
