"""The port to a price list: what a part costs the shop in each grade."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.errors import Misconfigured
from schemas.quotes import TierName

GRADES: tuple[TierName, ...] = ("refurbished", "aftermarket", "original")
"""The grades of a part, from the plainest to the best."""


class PriceListError(Misconfigured):
    """A price list cannot be used as it is; the message names the file, the line and the column."""


@dataclass(frozen=True, slots=True)
class PartPrice:
    """What one piece costs the shop, in cents, by the grades that can be bought. ``lead_time_days`` None: unknown."""

    sku: str
    title: str
    cost_cents: Mapping[TierName, int]
    lead_time_days: int | None = None


class PriceList(Protocol):
    """Where prices of parts come from."""

    async def lookup(self, skus: Iterable[str]) -> Mapping[str, PartPrice]:
        """Return the prices of those ``skus`` that have one; the others are left out.

        Raises:
            Transient: the list cannot be reached just now.
        """
        ...
