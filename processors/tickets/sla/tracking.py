"""What the clocks take from the events of tickets. The one place that knows them. Pure."""

from schemas.core.message import Message
from schemas.sla import TrackClocks
from schemas.ticket_facets import HoldReleased, HoldSet
from schemas.tickets import TicketMoved, TicketOpened

TRACKED: tuple[type[Message], ...] = (TicketOpened, TicketMoved, HoldSet, HoldReleased)
"""The events that clocks go by; each is translated in :func:`track_of`."""


def track_of(event: Message) -> TrackClocks | None:
    """Return what an event of a ticket means for its clocks, or None when it means nothing."""
    match event:
        case TicketOpened():
            return TrackClocks(
                ticket_id=event.ticket_id,
                changed_at=event.opened_at,
                state=event.state,
                workspace_id=event.workspace_id,
                category=event.device.category,
            )
        case TicketMoved():
            return TrackClocks(ticket_id=event.ticket_id, changed_at=event.moved_at, state=event.to_state)
        case HoldSet():
            return TrackClocks(ticket_id=event.ticket_id, changed_at=event.happened_at, hold=event.hold)
        case HoldReleased():
            return TrackClocks(ticket_id=event.ticket_id, changed_at=event.happened_at, hold="none")
        case _:
            return None
