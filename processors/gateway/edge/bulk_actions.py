"""What can be done to many tickets at once: a table, so that a new action is one form and one row."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.core.ids import Code
from schemas.core.message import Command, Event
from schemas.core.text import LongText, ShortText
from schemas.ticket_facets import HoldReleased, HoldSet, ReleaseHold, SetHold, TicketRequestRefused
from schemas.ticket_parts import NoteKind
from schemas.ticket_records import AddNote, AssignTicket, NoteAdded, TicketAssigned
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


class Assign(BaseModel):
    """Give every ticket to a technician and a bench; neither takes it from both."""

    model_config = _FORM

    do: Literal["assign"]
    technician: ShortText | None = None
    bench: ShortText | None = None


class Note(BaseModel):
    """Write the same note on every ticket, sealed under the key of each."""

    model_config = _FORM

    do: Literal["note"]
    kind: NoteKind
    text: LongText


class PutOnHold(BaseModel):
    """Put every ticket on hold; ``release`` ends it."""

    model_config = _FORM

    do: Literal["hold"]
    hold: Literal["customer", "supplier", "internal", "legal"]
    reason: Code


class Release(BaseModel):
    """Let work go on, on every ticket."""

    model_config = _FORM

    do: Literal["release"]
    reason: Code


AnyAction = Annotated[Move | Assign | Note | PutOnHold | Release, Field(discriminator="do")]
"""The form of any action."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a command, and its id. ``seal`` makes what lies on the log of a ticket's words."""

    actor: str
    id: UUID
    seal: Callable[[str, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Action:
    """How an action becomes a command, what it can lead to, and when there is nothing to do."""

    command: Callable[[Any, TicketView, Sender], Awaitable[Command]]
    done: type[Event]
    refused: type[TicketMoveRefused | TicketRequestRefused]
    is_done: Callable[[Any, TicketView], bool]


async def _move(form: Move, ticket: TicketView, by: Sender) -> Command:
    evidence = MoveEvidence.model_validate(form.evidence.model_dump())
    return MoveTicket(ticket_id=ticket.ticket_id, to=form.to, reason=form.reason, actor=by.actor, evidence=evidence)


async def _assign(form: Assign, ticket: TicketView, by: Sender) -> Command:
    return AssignTicket(ticket_id=ticket.ticket_id, actor=by.actor, technician=form.technician, bench=form.bench)


async def _note(form: Note, ticket: TicketView, by: Sender) -> Command:
    text = await by.seal(ticket.ticket_id, form.text)
    return AddNote(ticket_id=ticket.ticket_id, actor=by.actor, note_id=str(by.id), kind=form.kind, text=text)


async def _hold(form: PutOnHold, ticket: TicketView, by: Sender) -> Command:
    return SetHold(ticket_id=ticket.ticket_id, actor=by.actor, reason=form.reason, hold=form.hold)


async def _release(form: Release, ticket: TicketView, by: Sender) -> Command:
    return ReleaseHold(ticket_id=ticket.ticket_id, actor=by.actor, reason=form.reason)


ACTIONS: Mapping[str, Action] = {
    "move": Action(_move, TicketMoved, TicketMoveRefused, lambda form, ticket: ticket.state == form.to),
    "assign": Action(
        _assign,
        TicketAssigned,
        TicketRequestRefused,
        lambda form, ticket: (form.technician or None, form.bench or None) == (ticket.technician, ticket.bench),
    ),
    # A note that is there already is known by its id, which only its owner compares.
    "note": Action(_note, NoteAdded, TicketRequestRefused, lambda form, ticket: False),
    "hold": Action(_hold, HoldSet, TicketRequestRefused, lambda form, ticket: ticket.hold == form.hold),
    "release": Action(_release, HoldReleased, TicketRequestRefused, lambda form, ticket: ticket.hold == "none"),
}
