"""How a ticket looks to a reader: composed from views, without what the reader's scopes do not open."""

import heapq
from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

import orjson

from processors.gateway.selection import Fields, fields_of, named, pick
from processors.gateway.summaries import summarize
from processors.gateway.timeline import Entry
from processors.gateway.views import ReadModel
from processors.gateway.visibility import visible
from processors.gateway.warnings import warnings_of
from schemas.core.message import View
from schemas.core.time import rfc3339
from schemas.diagnoses import DiagnosisView
from schemas.inspections import InspectionView
from schemas.notifications import OutboxView
from schemas.quotes import QuoteView
from schemas.tickets import TicketView
from schemas.workflow import FlowView
from topics.diagnoses import DIAGNOSIS_VIEWS
from topics.inspections import INSPECTION_VIEWS
from topics.notifications import NOTIFICATION_VIEWS
from topics.quotes import QUOTE_VIEWS
from topics.tickets import TICKET_VIEWS
from topics.topic import Topic
from topics.workflow import WORKFLOW_VIEWS

Part = Literal["inspection", "diagnosis", "quote", "flow", "notifications", "timeline"]
PARTS: tuple[Part, ...] = get_args(Part)

_PART_VIEWS: Mapping[Part, tuple[Topic, type[View]]] = {
    "inspection": (INSPECTION_VIEWS, InspectionView),
    "diagnosis": (DIAGNOSIS_VIEWS, DiagnosisView),
    "quote": (QUOTE_VIEWS, QuoteView),
    "flow": (WORKFLOW_VIEWS, FlowView),
    "notifications": (NOTIFICATION_VIEWS, OutboxView),
}


def ticket_of(views: ReadModel, ticket_id: str) -> TicketView | None:
    """Return a ticket's view."""
    return views.view(TICKET_VIEWS, ticket_id, TicketView)


def quote_of(views: ReadModel, ticket_id: str) -> QuoteView | None:
    """Return the view of a ticket's newest quote."""
    return views.view(QUOTE_VIEWS, ticket_id, QuoteView)


def known_fields(parts: Collection[Part]) -> Fields:
    """Return the fields of a ticket with some parts."""
    below: dict[str, Fields | None] = {
        part: fields_of(kind) for part, (_, kind) in _PART_VIEWS.items() if part in parts
    }
    timeline = {"timeline": named(("ticket_id", "complete", "events"))} if "timeline" in parts else {}
    return {**fields_of(TicketView), **below, **timeline}


def ticket_json(
    views: ReadModel,
    ticket: TicketView,
    parts: Collection[Part],
    scopes: Collection[str],
    fields: Fields | None = None,
) -> bytes:
    """Return a ticket with the parts asked for; a part that does not exist yet is null. ``fields`` None: all."""
    body = shown(ticket, scopes)
    body["warnings"] = warnings_of(views, ticket)
    for part in PARTS:
        if part not in parts:
            continue
        if part == "timeline":
            body[part] = timeline(views, ticket.ticket_id, scopes)
        else:
            topic, kind = _PART_VIEWS[part]
            view = views.view(topic, ticket.ticket_id, kind)
            body[part] = None if view is None else shown(view, scopes)
    return orjson.dumps(pick(body, fields))


def open_tasks(views: ReadModel, *, role: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the open tasks of all flows, the oldest first, each with its ticket."""
    found = []
    for flow in views.views(WORKFLOW_VIEWS, FlowView):
        for task in flow.tasks:
            if role is None or task.role == role:
                ticket = ticket_of(views, flow.ticket_id)
                device = None if ticket is None else ticket.device.model_dump(mode="json")
                found.append({"ticket_id": flow.ticket_id, "device": device, **task.model_dump(mode="json")})
    return heapq.nsmallest(limit, found, key=lambda task: (str(task["raised_at"]), str(task["task_id"])))


def shown(view: View, scopes: Collection[str]) -> dict[str, Any]:
    """Return a view as JSON data, as far as ``scopes`` open it."""
    return visible(view.TYPE, view.model_dump(mode="json"), scopes)


def timeline(views: ReadModel, ticket_id: str, scopes: Collection[str]) -> dict[str, Any]:
    """Return a ticket's events, oldest first. ``complete`` is false when the oldest were let go from memory."""
    return {
        "ticket_id": ticket_id,
        "complete": views.timelines.complete(ticket_id),
        "events": [event_json(entry, scopes) for entry in views.timelines.of(ticket_id)],
    }


def event_json(entry: Entry, scopes: Collection[str]) -> dict[str, Any]:
    """Return one event as structured CloudEvents JSON, with a sentence that says it."""
    data = orjson.loads(entry.data)
    envelope = entry.envelope
    return {
        "at": rfc3339(envelope.time),
        "summary": summarize(envelope.type, data),
        "event": {**envelope.to_json_attributes(), "data": visible(envelope.type, data, scopes)},
    }
