"""A sentence for each entry in the book of language models. Pure and total."""

from collections.abc import Callable
from typing import Any

from processors.gateway.wording import words
from schemas.models import ModelAsked, ModelReserved

_MICROS_A_DOLLAR = 1_000_000


def _reserved(event: ModelReserved) -> str:
    return f"Set {_usd(event.reserved_usd_micros)} aside to ask {event.model} ({words(event.purpose)})."


def _asked(event: ModelAsked) -> str:
    about = "about " if event.estimated else ""
    return (
        f"Asked {event.model} ({words(event.purpose)}): {words(event.outcome)}, {about}{_usd(event.spent_usd_micros)}."
    )


def _usd(micros: int) -> str:
    return f"{micros / _MICROS_A_DOLLAR:.4f} USD"


SENTENCES: dict[str, Callable[[Any], str]] = {ModelReserved.TYPE: _reserved, ModelAsked.TYPE: _asked}
