"""The board: buckets with counts, ages, values and first cards, and a lane for everybody who works on something."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processors.gateway.buckets import BUCKETS, Bucket
from processors.gateway.index import TicketIndex, micros, moment
from schemas.core.ids import WorkspaceId
from schemas.core.time import rfc3339
from schemas.tickets import TicketState


@dataclass(slots=True)
class Tally:
    """What some tickets come to."""

    count: int = 0
    overdue: int = 0
    value_cents: int = 0
    oldest_us: int | None = None

    def add(self, count: int, overdue: int, value_cents: int, oldest_us: int) -> None:
        """Add other tickets."""
        self.count += count
        self.overdue += overdue
        self.value_cents += value_cents
        self.oldest_us = oldest_us if self.oldest_us is None else min(self.oldest_us, oldest_us)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data. ``oldest_since``: since when the oldest has been in its state."""
        since = None if self.oldest_us is None else rfc3339(moment(self.oldest_us))
        return {
            "count": self.count,
            "overdue": self.overdue,
            "value_cents": self.value_cents,
            "oldest_since": since,
        }


Cell = tuple[TicketState, str | None, int, int, int, int]
"""State, technician, count, overdue, value, oldest: one group of tickets."""


def board(index: TicketIndex, workspace: WorkspaceId, now: datetime, *, cards: int) -> dict[str, Any]:
    """Return the board of a workspace with the ids of the ``cards`` oldest tickets of each bucket."""
    cells = _cells(index, workspace, now)
    return {
        "at": rfc3339(now),
        "buckets": [
            {
                "name": bucket.name,
                "says": bucket.says,
                "states": bucket.states,
                **_tally(cell for cell in cells if cell[0] in bucket.states).to_json(),
                "cards": _first(index, workspace, bucket, cards),
            }
            for bucket in BUCKETS
            if bucket.overdue_after is not None
        ],
        "lanes": [_lane(technician, cells) for technician in _technicians(cells)],
        "overdue": _tally(cells).overdue,
    }


def _cells(index: TicketIndex, workspace: WorkspaceId, now: datetime) -> list[Cell]:
    """Return one group for each state and technician; read from one index alone, because it reads all open tickets."""
    cells: list[Cell] = []
    for bucket in BUCKETS:
        if bucket.overdue_after is not None:
            cells += index.select(
                workspace,
                "t.state, t.technician, count(*), sum(t.moved_us < ?), sum(t.value_cents), min(t.moved_us)",
                f"t.state IN ({_marks(bucket.states)})",
                bucket.states,
                "GROUP BY t.state, t.technician",
                [micros(now - bucket.overdue_after)],
            )
    return cells


def _first(index: TicketIndex, workspace: WorkspaceId, bucket: Bucket, most: int) -> list[str]:
    where = f"t.state IN ({_marks(bucket.states)})"
    then = "ORDER BY t.moved_us, t.id LIMIT ?"
    return [row[0] for row in index.select(workspace, "t.id", where, [*bucket.states, most], then)]


def _technicians(cells: Iterable[Cell]) -> list[str]:
    return sorted({cell[1] for cell in cells if cell[1] is not None})


def _lane(technician: str, cells: list[Cell]) -> dict[str, Any]:
    own = [cell for cell in cells if cell[1] == technician]
    counts = {
        bucket.name: count
        for bucket in BUCKETS
        if (count := _tally(cell for cell in own if cell[0] in bucket.states).count)
    }
    return {"technician": technician, **_tally(own).to_json(), "buckets": counts}


def _tally(cells: Iterable[Cell]) -> Tally:
    total = Tally()
    for _, _, *figures in cells:
        total.add(*figures)
    return total


def _marks(values: tuple[TicketState, ...]) -> str:
    return ", ".join("?" for _ in values)
