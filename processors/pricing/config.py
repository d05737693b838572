"""What a shop may set about its prices. Money is in cents, shares are in percent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.quotes import TierName


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """How one grade of parts is sold. ``return_percent``: repairs expected back under warranty, of all repairs."""

    markup_percent: int
    return_percent: int
    warranty_days: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A prior for how likely a customer accepts: logit(base_probability) + slope * log(price / base price).

    The slope of -5 is the true value of the simulation that the house's pricing rules were tried in, not a
    measurement of any shop; it is to be replaced by a fit over logged quotes.
    """

    base_probability: float = 0.7
    price_slope: float = -5.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults: parts at 1.4 to 1.7 of cost and 75 an hour, the cost-plus rule of a small shop."""

    currency: str = "USD"
    tiers: Mapping[TierName, TierPolicy] = field(
        default_factory=lambda: {
            "refurbished": TierPolicy(markup_percent=70, return_percent=8, warranty_days=90),
            "aftermarket": TierPolicy(markup_percent=60, return_percent=6, warranty_days=180),
            "original": TierPolicy(markup_percent=40, return_percent=4, warranty_days=365),
        }
    )
    recommend: tuple[TierName, ...] = ("aftermarket", "original", "refurbished")
    labour_price_cents_per_hour: int = 7_500
    labour_cost_cents_per_hour: int = 3_500
    shortest_labour_minutes: int = 15
    longest_labour_minutes: int = 2_400
    bench_minutes_per_day: int = 360
    turnaround_days: int = 1
    unknown_lead_time_days: int = 14
    lost_labour_percent: int = 100
    lost_parts_percent: int = 30
    least_success_probability: float = 0.1
    floor_margin_percent: int = 20
    price_ending_cents: int = 95
    jitter_percents: tuple[int, ...] = (-10, -5, 0, 5, 10)
    jitter_salt: str = "prices-1"
    diagnostic_fee_cents: int = 3_900
    diagnosis_cost_cents: int = 1_750
    validity_days: int = 30
    acceptance: Acceptance = Acceptance()

    def __post_init__(self) -> None:
        """Refuse settings under which no price can be computed; names the setting."""
        if not self.jitter_percents or min(self.jitter_percents) <= -100:
            raise ValueError("jitter_percents needs at least one level, each above -100")
        if not 0 <= self.floor_margin_percent < 100:
            raise ValueError(f"floor_margin_percent is {self.floor_margin_percent}; it must be in 0..99")
        if not 0 <= self.price_ending_cents < 100:
            raise ValueError(f"price_ending_cents is {self.price_ending_cents}; it must be in 0..99")
        if not 0 < self.least_success_probability <= 1:
            raise ValueError(f"least_success_probability is {self.least_success_probability}; it must be in (0, 1]")
        if set(self.recommend) != set(self.tiers) or not self.tiers:
            raise ValueError("recommend must name each of the tiers once, the preferred one first")
