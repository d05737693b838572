"""Which tickets are meant: filters as an integrator writes them, and the SQL they mean. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from processors.gateway.buckets import BY_NAME
from processors.gateway.index import micros
from processors.gateway.search_text import folded, match_expression
from schemas.core.ids import CustomerId
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.devices import DEVICE_CATEGORIES
from schemas.tickets import TICKET_STATES, Channel, Hold, RepairOutcome

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LAST = "\U0010ffff"


def _one_of(known: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return a reader of several codes, joined with commas or given more than once."""

    def read(given: Any) -> Any:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list | tuple):
            raise ValueError(f"give one or more of {', '.join(known)}")
        codes = tuple(dict.fromkeys(code.strip() for text in texts for code in str(text).split(",")))
        for code in codes:
            if code not in known:
                raise ValueError(f"{code[:40]!r} is none of {', '.join(known)}")
        return codes

    return read


def _codes(known: tuple[str, ...]) -> Any:
    schema = {"type": "array", "items": {"type": "string", "enum": list(known)}}
    return Annotated[tuple[str, ...], BeforeValidator(_one_of(known)), WithJsonSchema(schema)]


def _is_span(text: str) -> str:
    if not (text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in _UNITS and len(text) <= 6):
        raise ValueError("give a whole number and its unit: 30m, 12h or 3d")
    return text


def span(text: str) -> timedelta:
    """Return how long ``3d``, ``12h`` or ``30m`` is."""
    return int(text[:-1]) * _UNITS[text[-1]]


class Filters(BaseModel):
    """All that are given must hold. ``imei`` and ``serial`` are exact, or a beginning when they end with ``*``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: ShortText | None = Field(default=None, description='Words to find; "in quotes" as a phrase.')
    state: _codes(TICKET_STATES) = ()  # type: ignore[valid-type]  # made above, of the states there are
    bucket: _codes(tuple(BY_NAME)) = ()  # type: ignore[valid-type]  # a type made from the names there are
    category: _codes(DEVICE_CATEGORIES) = ()  # type: ignore[valid-type]  # a type made from the names there are
    brand: ShortText | None = None
    model: ShortText | None = None
    imei: Annotated[str, Field(pattern=r"^([0-9]{15}|[0-9]{1,14}\*)$")] | None = None
    serial: Annotated[ShortText, Field(min_length=1)] | None = None
    customer: CustomerId | None = None
    technician: ShortText | None = Field(default=None, description="Who works on it; `none`: nobody does.")
    bench: ShortText | None = None
    channel: Channel | None = None
    hold: Hold | None = None
    outcome: RepairOutcome | None = None
    opened_from: UtcTime | None = None
    opened_to: UtcTime | None = Field(default=None, description="Before this time.")
    moved_from: UtcTime | None = None
    moved_to: UtcTime | None = Field(default=None, description="Before this time.")
    older_than: Annotated[str, AfterValidator(_is_span)] | None = Field(
        default=None, description="In its present state for longer than this: 30m, 12h, 3d."
    )


def condition(filters: Filters, now: datetime) -> tuple[str, list[object]]:
    """Return the SQL that holds for the tickets meant, over a row ``t``, and the values of its marks.

    Only names of columns are put into the text; everything a caller sent is a value.
    """
    parts: list[str] = []
    values: list[object] = []

    def hold(sql: str, *given: object) -> None:
        parts.append(sql)
        values.extend(given)

    def among(column: str, codes: tuple[str, ...]) -> None:
        if codes:
            hold(f"t.{column} IN ({', '.join('?' for _ in codes)})", *codes)

    among("state", filters.state)
    among("state", tuple(state for name in filters.bucket for state in BY_NAME[name].states))
    among("category", filters.category)
    for column in ("brand", "model"):
        if (text := getattr(filters, column)) is not None:
            hold(f"t.{column} = ?", folded(text))
    for column in ("imei", "serial"):
        if (text := getattr(filters, column)) is not None:
            _beginning(hold, f"t.{column}", folded(text))
    if filters.technician == "none":
        hold("t.technician IS NULL")
    elif filters.technician is not None:
        hold("t.technician = ?", filters.technician)
    for column in ("customer", "bench", "channel", "hold", "outcome"):
        if (given := getattr(filters, column)) is not None:
            hold(f"t.{column} = ?", given)
    for column in ("opened", "moved"):
        if (at := getattr(filters, f"{column}_from")) is not None:
            hold(f"t.{column}_us >= ?", micros(at))
        if (at := getattr(filters, f"{column}_to")) is not None:
            hold(f"+t.{column}_us < ?", micros(at))
    if filters.older_than is not None:
        # The plus keeps SQLite from an index: most tickets are older, and in the order of the page 50 are soon found.
        hold("+t.moved_us < ?", micros(now - span(filters.older_than)))
    if filters.q is not None:
        hold("t.rowid IN (SELECT rowid FROM words WHERE words MATCH ?)", match_expression(filters.q))
    return " AND ".join(f"({part})" for part in parts), values


def _beginning(hold: Callable[..., None], column: str, text: str) -> None:
    if text.endswith("*"):
        hold(f"{column} >= ? AND {column} < ?", text[:-1], text[:-1] + _LAST)
    else:
        hold(f"{column} = ?", text)
