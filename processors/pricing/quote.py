"""Builds a quote: its tiers with their lines, and the hash that an answer is bound to."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.pricelist.port import GRADES, PartPrice
from processors.pricing.config import Policy
from processors.pricing.costs import Costs, base_price_of, ceil_div, costs_of, parts_for
from processors.pricing.pricing import (
    apportion,
    expected_profit_cents,
    jitter_percent_of,
    price_cents,
    propensity_of,
)
from schemas.core.time import rfc3339
from schemas.quotes import PrepareQuote, QuoteLine, QuotePrepared, QuoteTier, TierName

MODEL = "cost_plus_jitter_v1"


def offered_tiers(command: PrepareQuote, prices: Mapping[str, PartPrice], policy: Policy) -> tuple[Costs, ...]:
    """Return the costs of each tier that can be offered, plainest first; at least one when every part has a price.

    A repair without parts has one tier, ``original``: nothing in the device is replaced.
    """
    if not command.parts:
        return (costs_of("original", (), command.labour_minutes, command.success_probability, policy),)
    found = []
    for tier in GRADES:
        parts = parts_for(tier, command.parts, prices)
        if parts is not None:
            found.append(costs_of(tier, parts, command.labour_minutes, command.success_probability, policy))
    return tuple(found)


def build_quote(
    command: PrepareQuote,
    offered: tuple[Costs, ...],
    prices: Mapping[str, PartPrice],
    version: int,
    now: datetime,
    policy: Policy,
) -> QuotePrepared:
    """Return the quote with these tiers. ``offered`` has at least one."""
    jitter = jitter_percent_of(command.ticket_id, policy)
    days = delivery_days(command, prices, policy)
    tiers = {costs.tier: _tier(costs, jitter, days, policy) for costs in offered}
    recommended = next(tier for tier in policy.recommend if tier in tiers)
    costs = next(costs for costs in offered if costs.tier == recommended)
    base = base_price_of(costs, policy).total_cents
    total = tiers[recommended].total_cents
    valid_until = now + timedelta(days=policy.validity_days)
    shown = tuple(tiers.values())
    return QuotePrepared(
        ticket_id=command.ticket_id,
        quote_hash=quote_hash(
            command.ticket_id,
            version,
            shown,
            recommended=recommended,
            currency=policy.currency,
            diagnostic_fee_cents=policy.diagnostic_fee_cents,
            valid_until=valid_until,
        ),
        version=version,
        currency=policy.currency,
        total_cents=total,
        recommended=recommended,
        tiers=shown,
        diagnostic_fee_cents=policy.diagnostic_fee_cents,
        expected_profit_cents=expected_profit_cents(total, base, costs, command.success_probability, policy),
        base_price_cents=base,
        jitter=jitter / 100,
        propensity=propensity_of(total, base, costs.total_cents, policy),
        pricing_model=MODEL,
        valid_until=valid_until,
        prepared_at=now,
    )


def delivery_days(command: PrepareQuote, prices: Mapping[str, PartPrice], policy: Policy) -> int:
    """Return the days until the device can be ready: the slowest missing part, the bench, the turnaround."""
    waits = []
    for missing in command.missing:
        days = missing.lead_time_days
        if days is None and (price := prices.get(missing.sku)) is not None:
            days = price.lead_time_days
        waits.append(policy.unknown_lead_time_days if days is None else days)
    bench = ceil_div(max(command.labour_minutes, policy.shortest_labour_minutes), policy.bench_minutes_per_day)
    return max(waits, default=0) + bench + policy.turnaround_days - 1


def quote_hash(
    ticket_id: str,
    version: int,
    tiers: tuple[QuoteTier, ...],
    *,
    recommended: TierName,
    currency: str,
    diagnostic_fee_cents: int,
    valid_until: datetime,
) -> str:
    """Return SHA-256 (hex) over the canonical JSON of everything the customer is shown.

    Canonical: members sorted, no white space, ASCII escapes, times as RFC 3339 in UTC.
    """
    shown = {
        "ticket_id": ticket_id,
        "version": version,
        "tiers": [tier.model_dump(mode="json") for tier in tiers],
        "recommended": recommended,
        "currency": currency,
        "diagnostic_fee_cents": diagnostic_fee_cents,
        "valid_until": rfc3339(valid_until),
    }
    return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _tier(costs: Costs, jitter_percent: int, days: int, policy: Policy) -> QuoteTier:
    base = base_price_of(costs, policy)
    total = price_cents(base.total_cents, jitter_percent, costs.total_cents, policy)
    warranty_days = policy.tiers[costs.tier].warranty_days
    labels = [f"{part.title} ({part.grade})" for part in costs.parts]
    labels += [f"Labour, {costs.labour_minutes} minutes", f"Warranty of {warranty_days} days, no fix no fee"]
    amounts = apportion(total, (*base.parts_cents, base.labour_cents, base.cover_cents))
    lines = tuple(
        QuoteLine(
            label=label,
            sku=costs.parts[index].sku if index < len(costs.parts) else None,
            quantity=costs.parts[index].quantity if index < len(costs.parts) else 1,
            amount_cents=amount,
        )
        for index, (label, amount) in enumerate(zip(labels, amounts, strict=True))
    )
    return QuoteTier(name=costs.tier, total_cents=total, lines=lines, warranty_days=warranty_days, delivery_days=days)
