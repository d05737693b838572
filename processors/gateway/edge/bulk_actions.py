"""What can be done to many tickets at once: a table, so that a new action is one form and one row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.core.ids import Code
from schemas.core.message import Command, Event
from schemas.tickets import MoveEvidence, MoveTicket, TicketMoved, TicketMoveRefused, TicketState, TicketView

_FORM = ConfigDict(extra="forbid", frozen=True)


class EvidenceForm(MoveEvidence):
    """What is known at the time of the move. A misspelt field is refused: its guard would read it as absent."""

    model_config = _FORM


class Move(BaseModel):
    """Move every ticket to one state; the owner's table and guards decide for each."""

    model_config = _FORM

    do: Literal["move"]
    to: TicketState
    reason: Code
    evidence: EvidenceForm = EvidenceForm()


AnyAction = Move
"""The form of any action. With a second one: ``Annotated[Move | Other, Field(discriminator="do")]``."""


@dataclass(frozen=True, slots=True)
class Action:
    """How an action becomes a command, what it can lead to, and when there is nothing to do.

    ``reason``: code and detail of a refusal.
    """

    command: Callable[[Any, TicketView, str], Command]
    done: type[Event]
    refused: type[Event]
    reason: Callable[[Any], tuple[str, str]]
    is_done: Callable[[Any, TicketView], bool]


def _move(form: Move, ticket: TicketView, actor: str) -> Command:
    evidence = MoveEvidence.model_validate(form.evidence.model_dump())
    return MoveTicket(ticket_id=ticket.ticket_id, to=form.to, reason=form.reason, actor=actor, evidence=evidence)


ACTIONS: Mapping[str, Action] = {
    "move": Action(
        command=_move,
        done=TicketMoved,
        refused=TicketMoveRefused,
        reason=lambda refused: (refused.guard, refused.detail),
        is_done=lambda form, ticket: ticket.state == form.to,
    ),
}
