"""What language models cost, folded out of the log. Pure.

Every entry of a day lies in one partition, so all who fold it see the same order: whether a reservation fits into the
day's budget depends on what lies before it in the log, and everybody comes to the same answer.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import ValidationError

from schemas.core.message import Message
from schemas.models import ModelAsked, ModelReserved
from topics.models import MODEL_EVENTS


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was spent or set aside before a reservation, in millionths of a US dollar."""

    of_day: int
    of_repair: int


@dataclass(slots=True)
class DaySpent:
    """One day. ``usd_micros`` counts what was paid, ``held_usd_micros`` what is set aside and not settled."""

    usd_micros: int = 0
    held_usd_micros: int = 0
    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    by_model: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)


class Spending:
    """The sums so far. A reservation that is never settled stays counted: its request may have been paid for."""

    def __init__(self) -> None:
        self.days: dict[str, DaySpent] = {}
        self.repairs: Counter[str] = Counter()
        self.unreadable = 0
        self._open: dict[UUID, tuple[ModelReserved, Ahead]] = {}

    def read(self, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> None:
        """Take a record of ``models.events.v1``; one that cannot be read is counted and left out."""
        kind = MODEL_EVENTS.type_named(dict(headers).get("ce_type", b"").decode("utf-8", "replace"))
        try:
            if kind is not None and value is not None:
                self.take(kind.model_validate_json(value))
        except ValidationError:
            self.unreadable += 1

    def take(self, event: Message) -> None:
        """Take one entry; a settlement of something unknown counts as well."""
        if isinstance(event, ModelReserved):
            self._reserve(event)
        elif isinstance(event, ModelAsked):
            self._settle(event)

    def ahead(self, ask_id: UUID) -> Ahead:
        """Return what lay before an open reservation.

        Raises:
            KeyError: it was not taken yet, or is settled.
        """
        return self._open[ask_id][1]

    def _reserve(self, event: ModelReserved) -> None:
        if event.ask_id in self._open:
            return
        day = self.days.setdefault(event.day, DaySpent())
        ahead = Ahead(day.usd_micros + day.held_usd_micros, self.repairs[event.repair_id])
        self._open[event.ask_id] = (event, ahead)
        day.held_usd_micros += event.reserved_usd_micros
        self.repairs[event.repair_id] += event.reserved_usd_micros

    def _settle(self, event: ModelAsked) -> None:
        day = self.days.setdefault(event.day, DaySpent())
        held = self._open.pop(event.ask_id, None)
        if held is not None:
            day.held_usd_micros -= held[0].reserved_usd_micros
            self.repairs[event.repair_id] -= held[0].reserved_usd_micros
        self.repairs[event.repair_id] += event.spent_usd_micros
        day.usd_micros += event.spent_usd_micros
        day.requests += event.outcome != "over_budget"
        day.outcomes[event.outcome] += 1
        day.by_model[event.model] += event.spent_usd_micros
        day.tokens.update(
            read=event.input_tokens,
            written=event.output_tokens,
            cached=event.cache_read_tokens,
            stored=event.cache_write_tokens,
        )
