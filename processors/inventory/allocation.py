"""Who gets which pieces: compares a wish with what is free, and finds parts that ran low."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from processors.inventory.config import Policy
from schemas.diagnoses import PartLine
from schemas.inventory import StockView
from schemas.quotes import MissingPart

LARGEST_LINE = 1000
"""The most pieces that the schema of a part line takes; more are written as several lines."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What can be set aside for a wish, and what is missing. Together they are the wish."""

    lines: tuple[PartLine, ...]
    missing: tuple[MissingPart, ...]


def merged(lines: Iterable[PartLine | MissingPart]) -> dict[str, int]:
    """Return pieces by part number; lines of one part are added up, the first one gives the order."""
    pieces: dict[str, int] = {}
    for line in lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    return pieces


def lines_of(pieces: Mapping[str, int]) -> tuple[PartLine, ...]:
    """Return the part lines of ``pieces``, the reverse of ``merged``."""
    return tuple(line for sku, count in pieces.items() for line in _split(sku, count))


def remaining(wish: Mapping[str, int], given: Mapping[str, int]) -> dict[str, int]:
    """Return what of ``wish`` is not covered by ``given``."""
    left = {sku: count - given.get(sku, 0) for sku, count in wish.items()}
    return {sku: count for sku, count in left.items() if count > 0}


def allocate(
    wish: Mapping[str, int], stock: Mapping[str, StockView], held: Mapping[str, int], policy: Policy
) -> Allocation:
    """Set aside as much of each part as is free, counting what the ticket already holds (``held``) as free for it."""
    given: dict[str, int] = {}
    missing: list[MissingPart] = []
    for sku, wanted in wish.items():
        view = stock.get(sku)
        given[sku] = min(wanted, (free_of(view) if view is not None else 0) + held.get(sku, 0))
        if given[sku] < wanted:
            days = view.lead_time_days if view is not None else None
            days = policy.unknown_lead_time_days if days is None else days
            missing.append(MissingPart(sku=sku, quantity=wanted - given[sku], lead_time_days=days))
    return Allocation(lines_of(given), tuple(missing))


def free_of(view: StockView) -> int:
    """Return the pieces that nobody holds."""
    return view.on_hand - view.reserved


def is_low(free: int, reorder_point: int) -> bool:
    """Return whether a part is to be ordered again."""
    return free <= reorder_point


def _split(sku: str, count: int) -> Iterator[PartLine]:
    for start in range(0, count, LARGEST_LINE):
        yield PartLine(sku=sku, quantity=min(LARGEST_LINE, count - start))
