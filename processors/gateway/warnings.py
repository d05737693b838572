"""What to know about a ticket's devices before they are touched, from histories, flags and labels. Pure."""

from typing import Any

from processors.gateway.label_matches import label_warnings, labels_of
from processors.gateway.views import ReadModel
from processors.gateway.wording import words
from schemas.device_history import DeviceHistoryView, DeviceVisit, device_id
from schemas.devices import Device
from schemas.inspections import InspectionView
from schemas.tickets import TicketView
from topics.devices import DEVICE_VIEWS
from topics.inspections import INSPECTION_VIEWS

RECENT_DAYS = 90
"""A device that comes back so soon may have the old fault again, or one that the repair made."""


def history_of(views: ReadModel, workspace_id: str, device: Device) -> DeviceHistoryView | None:
    """Return what the workspace knows of a device; None when nothing tells it apart, or it was never here."""
    name = device_id(workspace_id, device)
    return None if name is None else views.view(DEVICE_VIEWS, name, DeviceHistoryView)


def warnings_of(views: ReadModel, ticket: TicketView) -> list[dict[str, Any]]:
    """Return the warnings for a ticket, each with a code, a sentence, and the device that it is about."""
    found: list[dict[str, Any]] = [{"code": "model_check", "detail": check} for check in ticket.checks]
    for device in [one.device for one in ticket.devices] or [ticket.device]:
        history = history_of(views, ticket.workspace_id, device)
        if history is not None:
            found += [{**warning, "device_id": history.device_id} for warning in _of_history(history, ticket)]
    inspection = views.view(INSPECTION_VIEWS, ticket.ticket_id, InspectionView)
    return found + (label_warnings(labels_of(ticket, inspection.images)) if inspection is not None else [])


def _of_history(history: DeviceHistoryView, ticket: TicketView) -> list[dict[str, Any]]:
    found = [
        {"code": flag.kind, "detail": f"Flagged by {flag.by} as {words(flag.kind)}. {flag.note}".strip()}
        for flag in history.flags
    ]
    for visit in history.visits:
        if visit.ticket_id != ticket.ticket_id and visit.opened_at <= ticket.opened_at:
            found += _of_visit(visit, ticket)
    return found


def _of_visit(visit: DeviceVisit, ticket: TicketView) -> list[dict[str, Any]]:
    if visit.closed_at is None:
        detail = f"{visit.ticket_id} is still open for this device; merge the two, or look for a mistake."
        return [{"code": "open_elsewhere", "detail": detail, "ticket_id": visit.ticket_id}]
    days = (ticket.opened_at - visit.closed_at).days
    if days > RECENT_DAYS:
        return []
    ended = words(visit.outcome or visit.ended_as or "ended")
    detail = f"Was here {days} days before ({visit.ticket_id}, {ended}); compare the complaints, a warranty may apply."
    return [{"code": "returned_soon", "detail": detail, "ticket_id": visit.ticket_id}]
