"""Topics of the ticket."""

from datetime import timedelta

from schemas.tickets import (
    IntakeRefused,
    MoveTicket,
    SubmitIntake,
    TicketMoved,
    TicketMoveRefused,
    TicketOpened,
    TicketView,
)
from topics.topic import Compact, Delete, Topic

TICKET_COMMANDS = Topic(
    name="tickets.commands.v1",
    owner="tickets",
    summary="Intakes and wishes to move a ticket.",
    carries=(SubmitIntake, MoveTicket),
    key="ticket_id",
    personal_data=True,
)
TICKET_EVENTS = Topic(
    name="tickets.events.v1",
    owner="tickets",
    summary="The life of a ticket.",
    carries=(TicketOpened, IntakeRefused, TicketMoved, TicketMoveRefused),
    key="ticket_id",
    personal_data=True,
    cleanup=Delete(timedelta(days=365)),
)
TICKET_VIEWS = Topic(
    name="tickets.views.v1",
    owner="tickets",
    summary="The newest state of each ticket.",
    carries=(TicketView,),
    key="ticket_id",
    personal_data=True,
    cleanup=Compact(),
)
