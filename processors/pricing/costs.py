"""What a repair costs the shop, and the cost-plus price before chance and rounding. Integer cents throughout.

Divisions round up, so that rounding never eats into a margin.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.pricelist.port import GRADES, PartPrice
from processors.pricing.config import Policy
from schemas.diagnoses import PartLine
from schemas.quotes import TierName


@dataclass(frozen=True, slots=True)
class PartCost:
    """A line of parts at the grade that will be used. ``cost_cents`` is for all pieces."""

    sku: str
    title: str
    grade: TierName
    quantity: int
    cost_cents: int


@dataclass(frozen=True, slots=True)
class Costs:
    """The shop's costs of one tier, in cents.

    ``warranty_cents`` is the reserve for repairs that come back; ``no_fix_cents`` is what one successful repair must
    carry for those that fail and are not charged: (1 - p)/p of the labour and parts lost in a failure.
    """

    tier: TierName
    parts: tuple[PartCost, ...]
    labour_minutes: int
    labour_cents: int
    warranty_cents: int
    no_fix_cents: int

    @property
    def parts_cents(self) -> int:
        """All parts together."""
        return sum(part.cost_cents for part in self.parts)

    @property
    def total_cents(self) -> int:
        """What a successful repair must at least bring in."""
        return self.parts_cents + self.labour_cents + self.warranty_cents + self.no_fix_cents


@dataclass(frozen=True, slots=True)
class BasePrice:
    """The cost-plus price of one tier before jitter: parts with markup, labour, and cover for warranty and failure."""

    parts_cents: tuple[int, ...]
    labour_cents: int
    cover_cents: int

    @property
    def total_cents(self) -> int:
        """The sum."""
        return sum(self.parts_cents) + self.labour_cents + self.cover_cents


def grade_for(tier: TierName, price: PartPrice) -> TierName | None:
    """Return the grade used for a part in a tier: its own, else the next better one that can be bought."""
    return next((grade for grade in GRADES[GRADES.index(tier) :] if grade in price.cost_cents), None)


def parts_for(
    tier: TierName, lines: Sequence[PartLine], prices: Mapping[str, PartPrice]
) -> tuple[PartCost, ...] | None:
    """Return the parts of a tier, or None when the tier cannot be offered.

    A tier is offered when every part can be had in its grade or better and at least one in exactly its grade:
    otherwise it would be the next tier under a second name.
    """
    parts: list[PartCost] = []
    for line in lines:
        price = prices[line.sku]
        grade = grade_for(tier, price)
        if grade is None:
            return None
        parts.append(PartCost(line.sku, price.title, grade, line.quantity, price.cost_cents[grade] * line.quantity))
    return tuple(parts) if any(part.grade == tier for part in parts) else None


def costs_of(
    tier: TierName, parts: tuple[PartCost, ...], labour_minutes: int, success_probability: float, policy: Policy
) -> Costs:
    """Return the costs of a tier. ``success_probability`` is at least the policy's least."""
    minutes = max(labour_minutes, policy.shortest_labour_minutes)
    labour = ceil_div(minutes * policy.labour_cost_cents_per_hour, 60)
    parts_cents = sum(part.cost_cents for part in parts)
    lost = labour * policy.lost_labour_percent + parts_cents * policy.lost_parts_percent
    return Costs(
        tier=tier,
        parts=parts,
        labour_minutes=minutes,
        labour_cents=labour,
        warranty_cents=ceil_div((parts_cents + labour) * policy.tiers[tier].return_percent, 100),
        no_fix_cents=math.ceil((1 - success_probability) / success_probability * lost / 100),
    )


def base_price_of(costs: Costs, policy: Policy) -> BasePrice:
    """Return the cost-plus price: every part at its grade's markup, labour at its hourly price, cover at cost."""
    return BasePrice(
        parts_cents=tuple(
            ceil_div(part.cost_cents * (100 + policy.tiers[part.grade].markup_percent), 100) for part in costs.parts
        ),
        labour_cents=ceil_div(costs.labour_minutes * policy.labour_price_cents_per_hour, 60),
        cover_cents=costs.warranty_cents + costs.no_fix_cents,
    )


def ceil_div(dividend: int, divisor: int) -> int:
    """Return the quotient of integers, rounded up."""
    return -(-dividend // divisor)
