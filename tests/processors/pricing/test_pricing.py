"""Properties of the prices themselves."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.pricelist.port import PartPrice
from processors.pricing.config import Acceptance, Policy
from processors.pricing.costs import base_price_of, costs_of, grade_for, parts_for
from processors.pricing.pricing import (
    acceptance_probability,
    apportion,
    expected_profit_cents,
    jitter_percent_of,
    price_cents,
    propensity_of,
)
from processors.pricing.quote import offered_tiers, quote_hash
from schemas.quotes import PrepareQuote, QuotePrepared
from tests.processors.pricing.builders import (
    BATTERY,
    LEVEL,
    NOW,
    POLICY,
    PRICES,
    SCREEN,
    prepare,
    price_lists,
    price_of,
    quoted,
    repairs,
    tickets,
)

Prices = Mapping[str, PartPrice]
few = settings(max_examples=40)
"""The strategies are cheap to shrink but each example builds several quotes; forty keep the folder fast."""


def offer(command: PrepareQuote, prices: Prices, policy: Policy = POLICY) -> QuotePrepared:
    return quoted(command, prices, policy)


@few
@given(repairs, price_lists)
def test_lines_of_every_tier_add_up_to_its_total_and_none_is_negative(command: PrepareQuote, prices: Prices) -> None:
    quote = offer(command, prices)
    for tier in quote.tiers:
        assert sum(line.amount_cents for line in tier.lines) == tier.total_cents
        assert all(line.amount_cents >= 0 for line in tier.lines)
        assert tier.total_cents % 100 == POLICY.price_ending_cents
    assert quote.total_cents == next(tier.total_cents for tier in quote.tiers if tier.name == quote.recommended)


@few
@given(repairs, price_lists)
def test_floor_margin_holds_in_every_tier_whatever_the_jitter(command: PrepareQuote, prices: Prices) -> None:
    quote = offer(command, prices)
    totals = {tier.name: tier.total_cents for tier in quote.tiers}
    for costs in offered_tiers(command, prices, POLICY):
        margin = 1 - costs.total_cents / totals[costs.tier]
        assert margin * 100 >= POLICY.floor_margin_percent - 1e-9


@few
@given(repairs, price_lists, st.integers(0, 3), st.integers(1, 40_000))
def test_prices_never_fall_when_a_part_costs_more(
    command: PrepareQuote, prices: Prices, index: int, more_cents: int
) -> None:
    sku = sorted(prices)[index]
    dearer = dict(prices) | {
        sku: price_of(sku, {grade: cost + more_cents for grade, cost in prices[sku].cost_cents.items()})
    }
    before, after = offer(command, prices), offer(command, dearer)
    for cheap, dear in zip(before.tiers, after.tiers, strict=True):
        assert dear.total_cents >= cheap.total_cents


@few
@given(repairs, price_lists, st.integers(1, 600))
def test_prices_never_fall_when_the_labour_grows(command: PrepareQuote, prices: Prices, more_minutes: int) -> None:
    longer = command.model_copy(update={"labour_minutes": min(command.labour_minutes + more_minutes, 2_400)})
    for short, long in zip(offer(command, prices).tiers, offer(longer, prices).tiers, strict=True):
        assert long.total_cents >= short.total_cents
        assert long.delivery_days >= short.delivery_days


@few
@given(repairs, price_lists)
def test_risk_of_failure_is_never_given_away(command: PrepareQuote, prices: Prices) -> None:
    sure = command.model_copy(update={"success_probability": 1.0})
    for certain, risky in zip(offer(sure, prices).tiers, offer(command, prices).tiers, strict=True):
        assert risky.total_cents >= certain.total_cents


@few
@given(repairs, price_lists)
def test_same_repair_gets_the_same_quote(command: PrepareQuote, prices: Prices) -> None:
    assert offer(command, prices) == offer(command, prices)


@few
@given(repairs, price_lists, st.data())
def test_hash_changes_when_anything_shown_changes(command: PrepareQuote, prices: Prices, data: st.DataObject) -> None:
    quote = offer(command, prices)
    shown: dict[str, Any] = {
        "ticket_id": quote.ticket_id,
        "version": quote.version,
        "tiers": quote.tiers,
        "recommended": quote.recommended,
        "currency": quote.currency,
        "diagnostic_fee_cents": quote.diagnostic_fee_cents,
        "valid_until": quote.valid_until,
    }
    assert quote_hash(**shown) == quote.quote_hash
    tier = quote.tiers[-1]
    line = tier.lines[-1]
    altered_lines: list[dict[str, Any]] = [
        {"label": line.label + "!"},
        {"amount_cents": line.amount_cents + 1},
        {"quantity": line.quantity + 1},
        {"sku": "other.sku"},
    ]
    altered_tiers: list[dict[str, Any]] = [
        {"total_cents": tier.total_cents + 1},
        {"warranty_days": tier.warranty_days + 1},
        {"delivery_days": tier.delivery_days + 1},
        *({"lines": (*tier.lines[:-1], line.model_copy(update=change))} for change in altered_lines),
    ]
    others: list[dict[str, Any]] = [
        {"ticket_id": "T-other"},
        {"version": quote.version + 1},
        {"currency": "EUR"},
        {"diagnostic_fee_cents": 0},
        {"valid_until": quote.valid_until + timedelta(seconds=1)},
        *({"tiers": (*quote.tiers[:-1], tier.model_copy(update=change))} for change in altered_tiers),
    ]
    assert quote_hash(**shown | data.draw(st.sampled_from(others))) != quote.quote_hash


@given(tickets)
def test_jitter_is_one_of_the_levels_and_stays_with_the_ticket(ticket_id: str) -> None:
    drawn = jitter_percent_of(ticket_id, POLICY)
    assert drawn in POLICY.jitter_percents
    assert drawn == jitter_percent_of(ticket_id, POLICY)


def test_jitter_levels_are_drawn_about_equally_often() -> None:
    """Chi-squared with 4 degrees of freedom; 18.5 is passed once in a thousand, and the draw is fixed."""
    drawn = Counter(jitter_percent_of(f"T-{number:06d}", POLICY) for number in range(5_000))
    statistic = sum((drawn[level] - 1_000) ** 2 / 1_000 for level in POLICY.jitter_percents)
    assert statistic < 18.5


def test_jitter_is_drawn_anew_when_the_salt_changes() -> None:
    other = dataclasses.replace(POLICY, jitter_salt="prices-2")
    names = [f"T-{number:04d}" for number in range(200)]
    assert any(jitter_percent_of(name, POLICY) != jitter_percent_of(name, other) for name in names)


@few
@given(repairs, price_lists)
def test_log_of_chance_tells_how_the_price_came_about(command: PrepareQuote, prices: Prices) -> None:
    quote = offer(command, prices)
    levels = [offer(command, prices, Policy(jitter_percents=(level,))).total_cents for level in POLICY.jitter_percents]
    assert quote.propensity == pytest.approx(levels.count(quote.total_cents) / 5)
    assert quote.jitter == jitter_percent_of(command.ticket_id, POLICY) / 100


def test_levels_share_their_propensity_when_the_floor_makes_them_one_price() -> None:
    policy = dataclasses.replace(POLICY, floor_margin_percent=50)
    shown = price_cents(10_000, 0, 10_000, policy)
    assert shown == 20_095
    assert propensity_of(shown, 10_000, 10_000, policy) == 1.0
    assert propensity_of(price_cents(10_000, 0, 0, POLICY), 10_000, 0, POLICY) == pytest.approx(0.2)


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_apportioned_cents_add_up_and_differ_by_less_than_one_from_their_share(total: int, weights: list[int]) -> None:
    shares = apportion(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    if whole:
        assert all(abs(share - total * weight / whole) < 1 for share, weight in zip(shares, weights, strict=True))


def test_cost_plus_price_follows_the_written_rule() -> None:
    """Battery 34.00 at +60 % = 54.40; 45 min at 75/h = 56.25 (cost 26.25); warranty 6 % of 60.25 = 3.62 (rounded
    up); no-fix (0.1/0.9) * (26.25 + 0.3 * 34.00) = 4.05. Together 118.32, shown as 118.95."""
    command = prepare((BATTERY, 1))
    parts = parts_for("aftermarket", command.parts, PRICES)
    assert parts is not None
    costs = costs_of("aftermarket", parts, 45, 0.9, LEVEL)
    assert (costs.parts_cents, costs.labour_cents, costs.warranty_cents, costs.no_fix_cents) == (3_400, 2_625, 362, 405)
    assert base_price_of(costs, LEVEL).total_cents == 5_440 + 5_625 + 362 + 405 == 11_832
    quote = quoted(command, policy=LEVEL)
    assert (quote.base_price_cents, quote.total_cents, quote.recommended) == (11_832, 11_895, "aftermarket")


def test_expected_profit_follows_the_written_rule() -> None:
    """P = 0.7 at the base price: 0.7 * (0.9 * (118.32 - 34.00 - 26.25 - 3.62) - 0.1 * (26.25 + 10.20)) - 17.50
    + 0.3 * 39.00 = 25.95."""
    parts = parts_for("aftermarket", prepare((BATTERY, 1)).parts, PRICES)
    assert parts is not None
    costs = costs_of("aftermarket", parts, 45, 0.9, LEVEL)
    assert expected_profit_cents(11_832, 11_832, costs, 0.9, LEVEL) == 2_595


def test_acceptance_falls_with_the_price() -> None:
    prior = Acceptance()
    assert acceptance_probability(10_000, 10_000, prior) == pytest.approx(0.7)
    chances = [acceptance_probability(price, 10_000, prior) for price in (8_000, 9_000, 10_000, 11_000, 20_000)]
    assert chances == sorted(chances, reverse=True)


def test_part_is_replaced_by_the_next_better_grade_when_its_own_cannot_be_had() -> None:
    battery, screen = PRICES[BATTERY], PRICES[SCREEN]
    assert grade_for("refurbished", battery) == "aftermarket"
    assert grade_for("original", battery) == "original"
    assert grade_for("original", price_of("x.laptop", {"aftermarket": 1})) is None
    both = parts_for("refurbished", prepare((BATTERY, 1), (SCREEN, 1)).parts, PRICES)
    assert both is not None
    assert [part.grade for part in both] == ["aftermarket", "refurbished"]
    assert screen.title in quoted(prepare((BATTERY, 1), (SCREEN, 1))).tiers[0].lines[1].label


def test_tier_is_left_out_when_it_would_be_the_next_one_under_another_name() -> None:
    assert [tier.name for tier in quoted(prepare((BATTERY, 1))).tiers] == ["aftermarket", "original"]
    assert [tier.name for tier in quoted(prepare((SCREEN, 1))).tiers] == ["refurbished", "aftermarket", "original"]


def test_repair_without_parts_has_one_tier() -> None:
    quote = quoted(prepare())
    assert [tier.name for tier in quote.tiers] == ["original"]
    assert quote.recommended == "original"


@pytest.mark.parametrize(
    ("missing", "minutes", "days"),
    [
        ((), 45, 1),
        ((), 361, 2),
        ((("battery.laptop", 6),), 45, 7),
        ((("battery.laptop", None),), 45, 5),
        ((("screen.laptop", None),), 45, 15),
        ((("nowhere.laptop", None), ("battery.laptop", 2)), 45, 15),
    ],
)
def test_delivery_waits_for_the_slowest_missing_part(
    missing: tuple[tuple[str, int | None], ...], minutes: int, days: int
) -> None:
    wanted = [{"sku": sku, "quantity": 1, "lead_time_days": lead} for sku, lead in missing]
    quote = quoted(prepare((BATTERY, 1), labour_minutes=minutes, missing=wanted))
    assert {tier.delivery_days for tier in quote.tiers} == {days}


def test_quote_is_valid_for_thirty_days() -> None:
    assert quoted(prepare((BATTERY, 1))).valid_until == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"jitter_percents": ()},
        {"jitter_percents": (-100,)},
        {"floor_margin_percent": 100},
        {"price_ending_cents": 100},
        {"least_success_probability": 0.0},
        {"recommend": ("original",)},
    ],
)
def test_policy_is_refused_when_no_price_could_be_computed_with_it(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)  # type: ignore[arg-type]  # wrong on purpose
