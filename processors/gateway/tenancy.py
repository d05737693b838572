"""Tenants: what of the log belongs to which workspace, and the read model with one workspace in it. Pure.

A record says its workspace itself, or through its ticket. A stock location belongs to the workspace whose id it is,
or begins with before an underscore (``hafen``, ``hafen_back``); every other one is the default workspace's. What
cannot be told belongs to nobody, and nobody sees it.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from processors.gateway.access.state import workspace_key
from processors.gateway.views import ReadModel
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId
from schemas.core.message import View
from schemas.inventory import StockView
from schemas.tickets import TicketView
from schemas.workspaces import WorkspaceView
from topics.access import ACCESS_VIEWS
from topics.inventory import INVENTORY_VIEWS
from topics.tickets import TICKET_VIEWS
from topics.topic import Topic

V = TypeVar("V", bound=View)


def workspace_of(views: ReadModel, view: View) -> WorkspaceId | None:
    """Return the workspace that a view belongs to; None when that cannot be told."""
    stated: WorkspaceId | None = getattr(view, "workspace_id", None)
    if stated is not None:
        return stated
    ticket_id: str | None = getattr(view, "ticket_id", None)
    if ticket_id is not None:
        ticket = views.view(TICKET_VIEWS, ticket_id, TicketView)
        return None if ticket is None else ticket.workspace_id
    location_id: str | None = getattr(view, "location_id", None)
    return None if location_id is None else workspace_of_location(views, location_id)


def workspace_of_location(views: ReadModel, location_id: str) -> WorkspaceId:
    """Return the workspace that a stock location belongs to."""
    named = location_id.partition("_")[0]
    known = views.view(ACCESS_VIEWS, workspace_key(named), WorkspaceView) is not None
    return named if known else DEFAULT_WORKSPACE


def locations_named(views: ReadModel, workspace_id: WorkspaceId) -> list[str]:
    """Return the stock locations that a workspace with this id would take over."""
    found = {stock.location_id for stock in views.views(INVENTORY_VIEWS, StockView)}
    return sorted(one for one in found if one.partition("_")[0] == workspace_id)


def within(views: ReadModel, workspace_id: WorkspaceId, on_hidden: Callable[[], None] = lambda: None) -> ReadModel:
    """Return ``views`` without what belongs to other workspaces; it follows the log as ``views`` does.

    ``on_hidden`` is called when one is asked for by name that is there, and another's.
    """
    # Not a subclass: what is left out here must be asked of the whole, with the whole's own state.
    return cast(ReadModel, _Within(views, workspace_id, on_hidden))


class _Within:
    def __init__(self, whole: ReadModel, workspace_id: WorkspaceId, on_hidden: Callable[[], None]) -> None:
        self._whole = whole
        self._workspace_id = workspace_id
        self._on_hidden = on_hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def view(self, topic: Topic, key: str, kind: type[V]) -> V | None:
        found = self._whole.view(topic, key, kind)
        if found is None or self._has(found):
            return found
        self._on_hidden()
        return None

    def views(self, topic: Topic, kind: type[V]) -> Iterator[V]:
        return (found for found in self._whole.views(topic, kind) if self._has(found))

    def _has(self, view: View) -> bool:
        return workspace_of(self._whole, view) == self._workspace_id
