"""What of an event or view is internal, and which scope opens it. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from schemas.quotes import QuotePrepared, QuoteView
from schemas.workflow import FlowAdvanced, FlowView, TaskRaised

QUOTE_INTERNALS = frozenset({"expected_profit_cents", "base_price_cents", "jitter", "propensity", "pricing_model"})
"""How a price came about is the shop's business: a kiosk's key must not read the margin."""


def visible(message_type: str, data: Mapping[str, Any], scopes: Collection[str]) -> dict[str, Any]:
    """Return ``data`` without what the caller's scopes do not open.

    ``pricing:read`` opens the making of a price. ``workflows:manage`` opens the variables of a flow and of its tasks,
    into which events are copied whole.
    """
    shown = dict(data)
    everything = "admin" in scopes
    if not everything and "pricing:read" not in scopes:
        if message_type == QuotePrepared.TYPE:
            shown = _without(shown, QUOTE_INTERNALS)
        elif message_type == QuoteView.TYPE and isinstance(shown.get("quote"), dict):
            shown["quote"] = _without(shown["quote"], QUOTE_INTERNALS)
    if not everything and "workflows:manage" not in scopes:
        if message_type in {FlowAdvanced.TYPE, FlowView.TYPE}:
            shown = _without(shown, {"state", "variables"})
        if message_type == TaskRaised.TYPE:
            shown = _without(shown, {"data"})
        if message_type == FlowView.TYPE:
            shown["tasks"] = [_without(task, {"data"}) for task in shown.get("tasks", ())]
    return shown


def _without(data: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in hidden}
