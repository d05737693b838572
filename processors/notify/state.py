"""The outbox of a ticket: what was sent, what waits, what failed."""

from schemas.core.message import Event
from schemas.notifications import (
    NotificationDeferred,
    NotificationFailed,
    NotificationSent,
    OutboxEntry,
    OutboxView,
)


def evolve(state: OutboxView | None, event: Event) -> OutboxView:
    """Return the outbox after one of notify's events; each notification has one entry, at its first place."""
    entry = _entry(event)
    if state is None:
        state = OutboxView(ticket_id=_ticket_id(event))
    if entry is None:
        return state
    if entry_of(state, entry.notification_id) is None:
        return state.model_copy(update={"entries": (*state.entries, entry)})
    entries = tuple(entry if one.notification_id == entry.notification_id else one for one in state.entries)
    return state.model_copy(update={"entries": entries})


def entry_of(state: OutboxView | None, notification_id: str) -> OutboxEntry | None:
    """Return the entry of a notification, or None."""
    entries = state.entries if state else ()
    return next((one for one in entries if one.notification_id == notification_id), None)


def _entry(event: Event) -> OutboxEntry | None:
    match event:
        case NotificationSent():
            return OutboxEntry(
                notification_id=event.notification_id, template=event.template, status="sent", channel=event.channel
            )
        case NotificationDeferred():
            return OutboxEntry(
                notification_id=event.notification_id,
                template=event.template,
                status="deferred",
                channel=event.channel,
                deferred=event,
            )
        case NotificationFailed():
            return OutboxEntry(notification_id=event.notification_id, template=event.template, status="failed")
        case _:
            return None


def _ticket_id(event: Event) -> str:
    return str(getattr(event, "ticket_id", ""))
