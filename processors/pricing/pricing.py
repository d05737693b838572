"""From a base price to the price that is shown: chance, floor, rounding, lines, and the profit to expect of it."""

import hashlib
import math
from collections.abc import Sequence

from processors.pricing.config import Acceptance, Policy
from processors.pricing.costs import Costs, ceil_div


def jitter_percent_of(ticket_id: str, policy: Policy) -> int:
    """Return the ticket's price jitter in percent, drawn from the policy's levels with equal chance.

    It is a hash of the ticket, so a replay shows the same price and asking again does not draw again.
    """
    digest = hashlib.sha256(f"{policy.jitter_salt}/{ticket_id}".encode()).digest()
    return policy.jitter_percents[int.from_bytes(digest[:8], "big") % len(policy.jitter_percents)]


def price_cents(base_cents: int, jitter_percent: int, costs_cents: int, policy: Policy) -> int:
    """Return the price to show.

    The base price with its jitter, but never below cost / (1 - floor margin); then up to the next amount that ends
    in ``price_ending_cents``. Rounding up keeps the floor and is monotone in the costs.
    """
    wanted = ceil_div(base_cents * (100 + jitter_percent), 100)
    floor = ceil_div(costs_cents * 100, 100 - policy.floor_margin_percent)
    return max(wanted, floor) + (policy.price_ending_cents - max(wanted, floor)) % 100


def propensity_of(shown_cents: int, base_cents: int, costs_cents: int, policy: Policy) -> float:
    """Return the chance with which this price was shown: the share of jitter levels that lead to it.

    Floor and rounding can make several levels the same price; an off-policy estimate needs their sum.
    """
    levels = policy.jitter_percents
    return sum(price_cents(base_cents, level, costs_cents, policy) == shown_cents for level in levels) / len(levels)


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split ``total`` in proportion to non-negative ``weights``, in whole cents that add up to it.

    Largest remainders (Hamilton's method); of equal remainders the first wins. All-zero weights put it on the first.
    """
    whole = sum(weights)
    if whole == 0:
        return (total, *(0 for _ in weights[1:]))
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(total * weights[index] % whole), index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return tuple(shares)


def acceptance_probability(price: int, base_price: int, acceptance: Acceptance) -> float:
    """Return P(accept) of a price in cents against the base price in cents, both above zero."""
    start = math.log(acceptance.base_probability / (1 - acceptance.base_probability))
    return 1 / (1 + math.exp(-(start + acceptance.price_slope * math.log(price / base_price))))


def expected_profit_cents(price: int, base_price: int, costs: Costs, success_probability: float, policy: Policy) -> int:
    """Return the profit to expect of a quote shown at ``price``, in cents; it may be negative.

    P(acc) * [p * (price - parts - labour - warranty) - (1 - p) * (a * labour + b * parts)] - diagnosis
    + (1 - P(acc)) * fee, with p the chance of success, a and b the shares of labour and parts lost in a failure.
    """
    accepted = acceptance_probability(price, base_price, policy.acceptance)
    gained = price - costs.parts_cents - costs.labour_cents - costs.warranty_cents
    lost = (costs.labour_cents * policy.lost_labour_percent + costs.parts_cents * policy.lost_parts_percent) / 100
    repair = success_probability * gained - (1 - success_probability) * lost
    fee = (1 - accepted) * policy.diagnostic_fee_cents
    return round(accepted * repair - policy.diagnosis_cost_cents + fee)
