"""Which models there are. Ids as the vendor's SDK 2.12 names them; read on 2026-11-22, as the prices were."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from connectors.llm.prices import PRICES, PRICES_DATE

Effort = Literal["low", "medium", "high", "xhigh", "max"]
"""How deep a model thinks, as the vendor grades it."""
DEFAULT_MODEL = "claude-opus-5-5"
CURRENT = frozenset(
    {
        "claude-fable-5-2", "claude-mythos-5-2", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-fable-5-1",
        "claude-opus-5-5", "claude-mythos-5-1", "claude-sonnet-5", "claude-fable-5", "claude-mythos-5", "claude-opus-5",
        "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5",
        "claude-haiku-4-5-20251001", "claude-opus-4-5", "claude-opus-4-5-20251101",
    }
)  # fmt: skip
ENDS: Mapping[str, date] = {
    "claude-sonnet-4-5": date(2026, 11, 30),
    "claude-sonnet-4-5-20250929": date(2026, 11, 30),
    "claude-mythos-preview": date(2026, 6, 30),
    "claude-opus-4-0": date(2026, 6, 15),
    "claude-opus-4-20250514": date(2026, 6, 15),
    "claude-sonnet-4-0": date(2026, 6, 15),
    "claude-sonnet-4-20250514": date(2026, 6, 15),
}
"""Deprecated ids and the day they stop answering. Older ones ended before this program was written."""
_LINES = {"haiku": "claude-haiku-5-5", "sonnet": "claude-sonnet-5-5"}


def advice(model: str, today: date) -> str | None:
    """Return what is to be done about a model's id, None when it is good and its price is known."""
    if model in ENDS:
        ended = "stopped answering" if ENDS[model] <= today else "stops answering"
        return f"{model} is deprecated and {ended} on {ENDS[model]}; set NOIZYLAB_CLAUDE_MODEL to {_instead_of(model)}"
    if model not in CURRENT:
        return (
            f"{model} is not among the models known on {PRICES_DATE}; check NOIZYLAB_CLAUDE_MODEL "
            f"({DEFAULT_MODEL} is the default; `noizylab brain check` lists what your key may use)"
        )
    if model not in PRICES:
        return (
            f"{model} has no price in the table of {PRICES_DATE}: budgets count it as the dearest that has one; "
            "add it to connectors/llm/prices.py"
        )
    return None


def _instead_of(model: str) -> str:
    return next((newer for line, newer in _LINES.items() if line in model), DEFAULT_MODEL)
