"""Webhooks that we send: subscriptions, their deliveries, a test and a replay."""

from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from connectors.callbacks.guard import UrlRefused, check_url
from connectors.callbacks.standard import secret_of, shown
from connectors.clock.clock import new_id
from processors.gateway.commands import stable_id
from processors.gateway.edge.auth import Needs, Principal
from processors.gateway.edge.deps import Edge, edge_of
from processors.gateway.edge.idempotency import IdempotencyKey
from processors.gateway.edge.keyring import Scope
from processors.gateway.edge.problems import Fault, Problem, invalid
from schemas.core.message import Event
from schemas.core.text import ShortText
from schemas.webhooks import (
    AddWebhook,
    AmendWebhook,
    DeliveryId,
    DeliveryQueued,
    Patterns,
    ProbeWebhook,
    RemoveWebhook,
    ReplayDelivery,
    WebhookId,
    WebhookRefused,
    WebhookRemoved,
    WebhookSet,
    WebhookUrl,
    WebhookView,
    covers,
)
from topics.registry import SUBSCRIBABLE
from topics.webhooks import WEBHOOK_VIEWS

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

Admin = Annotated[Principal, Depends(Needs("admin"))]
WebhookPath = Annotated[WebhookId, Path()]
Scopes = Annotated[tuple[Scope, ...], Field(max_length=20)]
WebhookCommand = AddWebhook | AmendWebhook | RemoveWebhook | ProbeWebhook | ReplayDelivery
E = TypeVar("E", bound=Event)
_TYPES = tuple(message.TYPE for topic in SUBSCRIBABLE for message in topic.carries)


class NewWebhook(BaseModel):
    """Where to post, what, and what of it the receiver may see."""

    model_config = ConfigDict(extra="forbid")

    url: WebhookUrl
    types: Patterns
    scopes: Scopes = ("tickets:read",)
    description: ShortText = ""


class WebhookChange(BaseModel):
    """What is to be changed. ``enabled`` true takes up a paused subscription; a changed secret overlaps for a day."""

    model_config = ConfigDict(extra="forbid")

    url: WebhookUrl | None = None
    types: Patterns | None = None
    scopes: Scopes | None = None
    description: ShortText | None = None
    enabled: bool | None = None
    rotate_secret: bool = False


@router.post("", status_code=201)
async def add(request: Request, wanted: NewWebhook, admin: Admin, idempotency_key: IdempotencyKey = None) -> Response:
    """Subscribe an address to events: 201 with the secret, which is shown only here."""
    edge = edge_of(request)
    _check(edge, wanted.url, wanted.types)
    key = idempotency_key
    command_id = stable_id(admin.caller, "webhook", key) if key else new_id()
    webhook_id = f"W-{command_id.hex}"
    command = AddWebhook(
        webhook_id=webhook_id,
        workspace_id=admin.workspace_id,
        actor=admin.caller.id,
        **wanted.model_dump(),
    )
    location = {"Location": f"/v1/webhooks/{webhook_id}"}
    if await _ask(edge, admin, command, WebhookSet, command_id) is None:
        return _json({"webhook_id": webhook_id, "status": "accepted", **_secret(edge, webhook_id, 1)}, 202, location)
    return _json({**_shown(_view(edge, admin, webhook_id)), **_secret(edge, webhook_id, 1)}, 201, location)


@router.get("")
async def list_webhooks(request: Request, admin: Admin) -> Response:
    """Return the subscriptions of the workspace, the newest first."""
    found = [
        view
        for view in edge_of(request).deps.views.views(WEBHOOK_VIEWS, WebhookView)
        if view.status != "removed" and view.workspace_id == admin.workspace_id
    ]
    found.sort(key=lambda view: (view.created_at, view.webhook_id), reverse=True)
    return _json({"webhooks": [_shown(view) for view in found]})


@router.get("/{webhook_id}")
async def get_webhook(request: Request, webhook_id: WebhookPath, admin: Admin) -> Response:
    """Return one subscription."""
    return _json(_shown(_view(edge_of(request), admin, webhook_id)))


@router.patch("/{webhook_id}")
async def change(request: Request, webhook_id: WebhookPath, wanted: WebhookChange, admin: Admin) -> Response:
    """Change a subscription; a new secret is shown only in this answer."""
    edge = edge_of(request)
    _view(edge, admin, webhook_id)
    _check(edge, wanted.url, wanted.types)
    command = AmendWebhook(webhook_id=webhook_id, actor=admin.caller.id, **wanted.model_dump())
    event = await _ask(edge, admin, command, WebhookSet)
    if event is None:
        return _accepted(webhook_id)
    secret = _secret(edge, webhook_id, event.secret_version) if wanted.rotate_secret else {}
    return _json({**_shown(_view(edge, admin, webhook_id)), **secret})


@router.delete("/{webhook_id}", status_code=204)
async def remove(request: Request, webhook_id: WebhookPath, admin: Admin) -> Response:
    """Send nothing more; what waits is dropped."""
    edge = edge_of(request)
    _view(edge, admin, webhook_id)
    command = RemoveWebhook(webhook_id=webhook_id, actor=admin.caller.id)
    event = await _ask(edge, admin, command, WebhookRemoved)
    return _accepted(webhook_id) if event is None else Response(status_code=204)


@router.get("/{webhook_id}/deliveries")
async def list_deliveries(
    request: Request, webhook_id: WebhookPath, admin: Admin, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Response:
    """Return what waits, the longest waiting first, then what is finished, the newest first."""
    view = _view(edge_of(request), admin, webhook_id)
    deliveries = (*view.waiting, *view.recent)[:limit]
    return _json({"webhook_id": webhook_id, "deliveries": [one.model_dump(mode="json") for one in deliveries]})


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202)
async def replay(
    request: Request, webhook_id: WebhookPath, delivery_id: Annotated[DeliveryId, Path()], admin: Admin
) -> Response:
    """Send a finished delivery once more, under the same id."""
    edge = edge_of(request)
    _view(edge, admin, webhook_id)
    command = ReplayDelivery(webhook_id=webhook_id, delivery_id=delivery_id, actor=admin.caller.id)
    await _ask(edge, admin, command, DeliveryQueued)
    return _json({"webhook_id": webhook_id, "delivery_id": delivery_id, "status": "accepted"}, 202)


@router.post("/{webhook_id}/test", status_code=202)
async def probe(request: Request, webhook_id: WebhookPath, admin: Admin) -> Response:
    """Send an event that says nothing; the deliveries show whether it arrived."""
    edge = edge_of(request)
    _view(edge, admin, webhook_id)
    event = await _ask(edge, admin, ProbeWebhook(webhook_id=webhook_id, actor=admin.caller.id), DeliveryQueued)
    delivery_id = None if event is None else event.delivery_id
    return _json({"webhook_id": webhook_id, "delivery_id": delivery_id, "status": "accepted"}, 202)


async def _ask(
    edge: Edge, admin: Principal, command: WebhookCommand, wanted: type[E], command_id: UUID | None = None
) -> E | None:
    """Send a command; return the event it led to once the view shows it, None when that takes too long.

    Raises:
        Problem: 409, it cannot be done.
    """
    webhook_id, sent_id = command.webhook_id, command_id or new_id()
    outcome = await edge.commands.ask(
        command, correlation_id=webhook_id, caller=admin.caller, answers=(wanted, WebhookRefused), id=sent_id
    )
    if outcome is None:
        return None
    event = outcome.event
    if isinstance(event, WebhookRefused):
        raise Problem(409, event.reason, event.detail, webhook_id=webhook_id)
    assert isinstance(event, wanted)
    settled = await edge.deps.views.settled(WEBHOOK_VIEWS, webhook_id, sent_id, edge.deps.policy.outcome_wait_s)
    return event if settled else None


def _check(edge: Edge, url: str | None, types: Patterns | None) -> None:
    """Refuse an address that is never posted to, and a pattern that no event can match.

    Raises:
        Problem: 422.
    """
    try:
        if url is not None:
            check_url(url, local=edge.deps.webhooks_local)
    except UrlRefused as error:
        raise invalid([Fault("url", "url_refused", str(error))]) from error
    for place, pattern in enumerate(types or ()):
        if not any(covers(pattern, one) for one in _TYPES):
            detail = f"no event is called {pattern}; /v1/openapi.json and the documentation of events list them"
            raise invalid([Fault(f"types.{place}", "unknown_type", detail)])


def _view(edge: Edge, admin: Principal, webhook_id: str) -> WebhookView:
    view = edge.deps.views.view(WEBHOOK_VIEWS, webhook_id, WebhookView)
    if view is None or view.status == "removed" or view.workspace_id != admin.workspace_id:
        raise Problem(404, "not_found", f"there is no webhook {webhook_id}; GET /v1/webhooks lists yours")
    return view


def _shown(view: WebhookView) -> dict[str, Any]:
    return {**view.model_dump(mode="json", exclude={"waiting", "recent"}), "waiting": len(view.waiting)}


def _secret(edge: Edge, webhook_id: str, version: int) -> dict[str, str]:
    return {"secret": shown(secret_of(edge.deps.webhook_master, webhook_id, version))}


def _accepted(webhook_id: str) -> Response:
    return _json({"webhook_id": webhook_id, "status": "accepted"}, 202, {"Location": f"/v1/webhooks/{webhook_id}"})


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
