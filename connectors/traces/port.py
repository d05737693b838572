"""The port for traces: it is told of every handled record and may forget it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Span:
    """One record handled by one step. Ids as in ``traceparent``; times aware and in UTC."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    flags: int
    started: datetime
    ended: datetime
    attributes: dict[str, str]
    failure: str | None = None


class Spans(Protocol):
    """Takes spans. It never waits and never raises: a trace is worth less than the work it shows."""

    def took(self, span: Span) -> None:
        """Take one span."""
        ...
