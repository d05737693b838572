"""What is told of one ticket: its events in order, each with the version that the ticket then has."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from schemas.core.message import Message
from schemas.ticket_parts import TicketFact
from schemas.tickets import MoveEvidence, TicketMoved, TicketOpened, TicketState

F = TypeVar("F", bound=TicketFact)


@dataclass(slots=True)
class Story:
    """One ticket's events so far. ``at`` is the present moment of the story, ``state`` and ``version`` the ticket's."""

    opened: TicketOpened
    at: datetime
    events: list[tuple[datetime, Message]] = field(init=False)
    state: TicketState = field(init=False)
    version: int = 1

    def __post_init__(self) -> None:
        self.events = [(self.at, self.opened)]
        self.state = self.opened.state

    @property
    def ticket_id(self) -> str:
        """The ticket that is told of."""
        return self.opened.ticket_id

    def say(self, message: Message, at: datetime | None = None) -> None:
        """Add an event of another processor."""
        self.events.append((at or self.at, message))

    def move(self, to: TicketState, reason: str, actor: str, **evidence: Any) -> None:
        """Move the ticket."""
        self.version += 1
        moved = TicketMoved(
            ticket_id=self.ticket_id, from_state=self.state, to_state=to, reason=reason, actor=actor,
            evidence=MoveEvidence(**evidence), version=self.version, moved_at=self.at,
        )  # fmt: skip
        self.events.append((self.at, moved))
        self.state = to

    def fact(self, kind: type[F], actor: str, at: datetime | None = None, **fields: Any) -> F:
        """Add another change of the ticket."""
        self.version += 1
        happened = at or self.at
        fact = kind(ticket_id=self.ticket_id, actor=actor, version=self.version, happened_at=happened, **fields)
        self.events.append((happened, fact))
        return fact
